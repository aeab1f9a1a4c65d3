"""Whatever happens to the files of a study: a result or faults, never another error."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import evidence, read_study
from survival_bzd.records.supplied import locate

SOURCE = locate("ketamine-taper")
FILES = sorted(path.name for path in SOURCE.iterdir() if path.suffix in (".csv", ".toml"))
ODD = (b'"', b"\0", b"\r", b"\n\n", b",", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"9" * 400, b"{", b"[",
       b"'", b"=", b"#", b"\xff")  # fmt: skip
CELLS = (b"", b"-1", b"-0", b"1e400", b"NaN", b"9" * 20, b"2020-02-30", b"1900-01-01", b"infinity",
         b"2100-12-31", b"epoch", b'"', b"'); DROP TABLE patients; --")  # fmt: skip


def flipped(rng: random.Random, data: bytes) -> bytes:
    content = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def truncated(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def spliced(rng: random.Random, data: bytes) -> bytes:
    first, last = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:first] + data[last:]


def inserted(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(ODD) + data[place:]


def recoded(rng: random.Random, data: bytes) -> bytes:
    text = data.decode().replace(rng.choice("aeo1"), "é")
    return text.encode(rng.choice(["latin-1", "utf-16", "utf-16-le", "utf-8-sig", "utf-32"]))


def other_lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    dropped = lines[:place] + lines[place + 1 :]
    repeated = lines[: place + 1] + lines[place:]
    shuffled = rng.sample(lines, len(lines))
    return b"".join(rng.choice([dropped, repeated, shuffled, lines[::-1]]))


def other_cells(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    for _ in range(3):
        place = rng.randrange(len(lines))
        cells = lines[place].split(b",")
        one, two = rng.randrange(len(cells)), rng.randrange(len(cells))
        cells[one], cells[two] = cells[two], rng.choice((cells[one], rng.choice(CELLS)))
        lines[place] = b",".join(cells)
    return b"\n".join(lines)


WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    flipped, truncated, spliced, inserted, recoded, other_lines, other_cells,
)  # fmt: skip


TIMES = {"study.toml": 10, "patients.csv": 2, "urine.csv": 2}
"""How often each way is tried on a file, where that is more than once."""


def faults_of(folder: Path) -> tuple[Fault, ...]:
    try:
        evidence(read_study(folder))
    except BadInput as refused:
        return refused.faults
    return ()


@pytest.mark.parametrize("file", FILES)
def test_a_corrupted_study_is_read_or_refused(tmp_path, file):
    good = (SOURCE / file).read_bytes()
    for name in FILES:
        shutil.copyfile(SOURCE / name, tmp_path / name)
    for seed in range(TIMES.get(file, 1)):
        for way in WAYS:
            (tmp_path / file).write_bytes(way(random.Random(f"{file} {seed}"), good))
            faults = faults_of(tmp_path)
            case = (file, way.__name__, seed)
            assert all(fault.rule and fault.remedy for fault in faults), case
            assert str(BadInput(faults)).replace("\n", "").isprintable(), case
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_only_the_corrupted_file_is_blamed(tmp_path):
    for name in FILES:
        shutil.copyfile(SOURCE / name, tmp_path / name)
    good = (SOURCE / "urine.csv").read_bytes()
    for seed, way in enumerate((truncated, recoded, inserted, other_cells)):
        (tmp_path / "urine.csv").write_bytes(way(random.Random(seed), good))
        found = {fault.file for fault in faults_of(tmp_path)}
        assert found <= {"urine.csv"}, way.__name__
