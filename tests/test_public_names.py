"""What the package offers at its top: every estimator, loaded when first used."""

import subprocess
import sys

import pytest

import survival_bzd
from survival_bzd import estimate


def test_every_estimator_is_offered_at_the_top():
    assert set(estimate.__all__) <= set(survival_bzd.__all__)
    for name in estimate.__all__:
        assert getattr(survival_bzd, name) is getattr(estimate, name)


def test_every_name_offered_is_there():
    assert dir(survival_bzd) == survival_bzd.__all__
    for name in survival_bzd.__all__:
        assert getattr(survival_bzd, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'kaplan'"):
        survival_bzd.kaplan  # noqa: B018


@pytest.mark.parametrize("imported", ["import survival_bzd", "from survival_bzd import cli"])
def test_importing_the_package_loads_no_estimator(imported):
    heavy = "('survival_bzd.estimate', 'numpy')"
    code = f"import sys; {imported}; print([n for n in sys.modules if n.startswith({heavy})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_star_brings_every_name():
    names = {}
    exec("from survival_bzd import *", names)
    assert set(survival_bzd.__all__) <= set(names)
