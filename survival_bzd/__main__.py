"""Run the command line as ``python -m survival_bzd``."""

from survival_bzd.cli import main

if __name__ == "__main__":
    main(prog_name="survival-bzd")
