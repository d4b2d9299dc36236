"""Profiles are parsed once: what is kept is never stale."""

import pytest

from opscan import backends, store
from opscan.core.errors import UsageError
from opscan.document import yaml_text

PROFILE = """\
schema: 1
name: npu
version: "1"
title: An NPU
dialect: onnx
exhaustive: true
confidence: documented
sources: [{what: a list, licence: MIT, retrieved: 2026-11-22}]
rules: {Relu: [{}]}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads npu.yaml with that content, and counts the bytes that were parsed."""
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path / "cache"))
    parsed = []
    read_yaml = yaml_text.read_yaml
    monkeypatch.setattr(yaml_text, "read_yaml", lambda text, name: parsed.append(name) or read_yaml(text, name))

    def loaded(text=PROFILE, kept=store.Profiles):
        (tmp_path / "npu.yaml").write_text(text)
        return backends.load(str(tmp_path / "npu.yaml"), kept=kept), len(parsed)

    return loaded


def test_a_file_is_parsed_once(load):
    first, one = load()
    again, still_one = load()
    assert (one, still_one) == (1, 1)
    assert again == first == load(kept=None)[0]


def test_what_changed_is_parsed_again(load):
    load()
    changed, times = load(PROFILE.replace("Relu", "Erf"))
    assert (list(changed.rules), times) == (["Erf"], 2)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x93\x01\x02\x03", b"\x80"])
def test_damage_to_what_is_kept_does_no_harm(load, content, tmp_path):
    whole, _ = load()
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(content)
    if content == b"\x80":  # a profile of nothing: somebody else wrote it
        with pytest.raises(UsageError, match="is missing"):
            load()
    else:
        assert load()[0] == whole


def test_faults_keep_their_lines(load):
    for _ in range(2):
        with pytest.raises(UsageError, match=r"npu\.yaml:9: rules\.Relu\[0\]\.sinse: unknown key"):
            load(PROFILE.replace("[{}]", "[{sinse: 1}]"))


def test_a_document_with_faults_is_never_taken_for_one_without(load):
    load()
    for _ in range(2):
        with pytest.raises(UsageError, match=r"npu\.yaml:9: rules\.Relu\[0\]\.dtypes\.T: unknown dtype 'float99'"):
            load(PROFILE.replace("[{}]", "[{dtypes: {T: [float99]}}]"))


def test_the_cache_counts_and_clears_profiles(load, tmp_path):
    load()
    assert store.kept().inventories == 0
    assert store.kept().bytes > 0
    store.clear()
    assert list((tmp_path / "cache").iterdir()) == []
