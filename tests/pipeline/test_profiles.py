"""The list of backends is kept, and never stale."""

import pytest

from opscan import backends, store
from opscan.backends import folders
from opscan.pipeline import profiles

REAL = (backends.load("tract"), backends.load("iree"))


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of two small profiles in the place of the shipped ones; how often one was loaded."""
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "opscan" / "backends"
    folder.mkdir(parents=True)
    for name in ("npu", "npu@1"):
        (folder / f"{name}.yaml").write_text(name)
    for module in ("serde/profile.py", "core/profile.py", "document/yaml_text.py", "backends/build.py"):
        (tmp_path / "opscan" / module).parent.mkdir(exist_ok=True)
        (tmp_path / "opscan" / module).write_text(module)
    monkeypatch.setattr(folders, "SHIPPED", folder)
    return tmp_path / "opscan"


@pytest.fixture
def loaded(monkeypatch):
    calls = []
    monkeypatch.setattr(profiles, "shipped_backends", lambda: calls.append(1) or REAL)
    return calls


def test_the_list_is_read_once(shipped, loaded):
    first = profiles.listed_backends()
    assert (profiles.listed_backends(), len(loaded)) == (first, 1)
    assert [(one.name, one.operators) for one in first] == [(real.name, len(real.rules)) for real in REAL]


CHANGES = [
    ("backends/npu.yaml", "a profile changes"),
    ("backends/new.yaml", "a profile is added"),
    ("backends/build.py", "what makes profiles of files changes"),
    ("serde/profile.py", "the format changes"),
    ("document/yaml_text.py", "the YAML reader changes"),
]


@pytest.mark.parametrize(("file", "why"), CHANGES, ids=[c[1] for c in CHANGES])
def test_a_change_is_seen(shipped, loaded, file, why):
    profiles.listed_backends()
    (shipped / file).write_text("changed")
    profiles.listed_backends()
    assert len(loaded) == 2


def test_a_profile_that_is_gone_is_seen(shipped, loaded):
    profiles.listed_backends()
    (shipped / "backends" / "npu@1.yaml").unlink()
    profiles.listed_backends()
    assert len(loaded) == 2


@pytest.mark.parametrize("content", [b"", b"[", b"1", b"[{}]", b'[{"sources": []}]', b"\xff"])
def test_damage_to_what_is_kept_does_no_harm(shipped, loaded, content):
    first = profiles.listed_backends()
    (file,) = store.folder().iterdir()
    file.write_bytes(content)
    assert (profiles.listed_backends(), len(loaded)) == (first, 2)
