"""The SQL engine leaves nothing behind, and nothing in the user's folder."""

import stat
import tempfile
from pathlib import Path

import pytest

from survival_bzd.records.engine import Engine


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return system


def test_what_does_not_fit_into_memory_goes_to_a_private_temporary_folder(temporary):
    engine = Engine.start()
    engine.execute("SET memory_limit = '40MB'")
    engine.execute("SET threads = 1")
    engine.execute(
        "CREATE TEMP TABLE many AS SELECT range AS n, md5(CAST(range AS VARCHAR)) AS text "
        "FROM range(2000000)"
    )
    assert engine.rows("SELECT COUNT(*) FROM many") == [(2000000,)]
    (folder,) = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert any(folder.iterdir())
    assert not any(Path.cwd().iterdir())
    del engine
    assert not any(temporary.iterdir())
