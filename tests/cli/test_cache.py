"""`opscan cache`, as its user runs it."""

import pytest
from click.testing import CliRunner

from opscan import store
from opscan.cli import application
from tests.fakes import inventory


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(*arguments):
    result = CliRunner().invoke(application(), ["cache", *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_info_of_nothing(folder):
    assert run("info").stdout == f"folder       {folder}\ninventories  0\nsize         0.0 MB\n"


def test_clear_removes_what_was_kept_and_nothing_else(folder):
    for part in "ab":
        store.put(store.key([part]), inventory("Relu"))
    (folder / "notes.json").write_text("not ours")
    (folder / ".opscan-half").write_text("left by a process that was killed")
    assert "inventories  2\n" in run("info").stdout
    assert "removed 2 inventories" in run("clear").stderr
    assert [file.name for file in folder.iterdir()] == ["notes.json"]
    assert "inventories  0\n" in run("info").stdout
    assert "removed 0 inventories" in run("clear").stderr, "clearing twice is no error"
