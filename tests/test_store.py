import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from opscan import store
from opscan.core.summary import summary
from tests.fakes import inventory, site

FOUND = inventory(site("Relu", attributes={"min": float("-inf")}), model="a")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_put_is_got(folder):
    name = store.key(["vit", "1"])
    assert store.get(name) is None
    store.put(name, FOUND)
    assert store.get(name) == FOUND
    kept = sorted(file.name for file in folder.iterdir())
    assert kept == [f"{name}.json", f"{name}.summary.json"], "nothing is left lying about"
    assert store.summary_of(name) == summary(FOUND)


KEYS = [
    (["vit", "1"], ["vit", "2"], "another content"),
    (["vit", "1"], ["1", "vit"], "another order"),
    (["ab", "c"], ["a", "bc"], "parts do not run together"),
    (["a"], ["a", ""], "nor vanish"),
]


@pytest.mark.parametrize(("one", "other", "why"), KEYS)
def test_another_key_misses(folder, one, other, why):
    store.put(store.key(one), FOUND)
    assert store.get(store.key(other)) is None, why
    assert store.get(store.key(one)) == FOUND


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"schema_version": 99}', b"[]"])
def test_a_damaged_file_is_a_miss_and_is_replaced(folder, content):
    store.put("k", FOUND)
    (folder / "k.json").write_bytes(content)
    assert store.get("k") is None
    store.put("k", FOUND)
    assert store.get("k") == FOUND


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model": 1}'])
def test_a_damaged_summary_is_made_again_from_the_inventory(folder, content):
    store.put("k", FOUND)
    (folder / "k.summary.json").write_bytes(content)
    assert store.summary_of("k") == summary(FOUND)
    assert (folder / "k.summary.json").read_bytes() != content
    assert store.summary_of("other") is None


def test_a_full_disk_costs_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    store.put("k", FOUND)
    assert store.summary_of("k") is None
    assert list(folder.iterdir()) == [], "nothing is left lying about"


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(blocked / "cache"))
    store.put("k", FOUND)
    assert store.get("k") is None
    assert blocked.read_text() == "not a folder"


def test_the_folder_is_the_users_cache_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("OPSCAN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.folder().name == "opscan"
    monkeypatch.setenv("OPSCAN_CACHE_DIR", "/elsewhere")
    assert store.folder() == Path("/elsewhere")


_WRITER = """
import sys; from pathlib import Path; from opscan import store
from opscan.core.summary import summary
for _ in range(200):
    store.write_file(Path(sys.argv[1]), sys.argv[2] * 200_000)
"""


def test_parallel_writers_leave_a_whole_file(tmp_path):
    file = tmp_path / "k.json"
    store.write_file(file, "0" * 200_000)
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, file, letter]) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = file.read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1, "half of one writer's, half of another's"
        seen.add(text[0])
    assert [writer.returncode for writer in writers] == [0, 0]
    assert file.read_text()[0] in "ab"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    file = tmp_path / "report.txt"
    store.write_file(file, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        store.write_file(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file], "nothing is left lying about"


def test_permissions_are_those_of_the_old_file_or_the_usual_ones(tmp_path):
    kept, new, usual = (tmp_path / name for name in ("kept", "new", "usual"))
    kept.write_text("old")
    kept.chmod(0o640)
    usual.write_text("")
    store.write_file(kept, "new")
    store.write_file(new, "new")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert new.stat().st_mode == usual.stat().st_mode


def test_a_links_target_is_replaced_and_the_link_stays(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    store.write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    """So is /dev/null, which must not become a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        store.write_file(pipe, "text")
        assert os.read(reader, 99) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


OBSTACLES = [
    ("new", None, "a file that is not there yet"),
    ("old", None, "one that is"),
    ("pipe", None, "a pipe"),
    (".", "is a folder; give the file to write", "a folder"),
    ("nowhere/new", "there is no folder {}/nowhere; make it first", "a file in a folder that is not there"),
]


@pytest.mark.parametrize(("path", "expected", "why"), OBSTACLES)
def test_obstacles(tmp_path, path, expected, why):
    (tmp_path / "old").write_text("old")
    os.mkfifo(tmp_path / "pipe")
    assert store.obstacle(tmp_path / path) == (expected and expected.format(tmp_path)), why
