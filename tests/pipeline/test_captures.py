"""What is kept of earlier captures is found again, and never after anything that it depends on has changed."""

import platform

import pytest

from opscan import store
from opscan.core.dialect import Dialect
from opscan.core.source import TorchSource
from opscan.pipeline import options, torch_captures
from opscan.pipeline.options import Options
from opscan.pipeline.torch_captures import kept_summaries
from opscan.sources import bundled
from tests.fakes import inventory

MODEL = """
from torch import nn
from ._layers import Head
FAMILY = {
    "system": "Tiny", "title": "t", "paper": "p", "date": "2020-01", "publication": "v", "section": "1. All",
    "architecture": "CNN", "repository": "r", "inputs": {"x": {"shape": [1, 4]}},
    "variants": {"tiny": {"title": "Tiny", "config": {"width": 4}}},
}
def build(*, width):
    return nn.Sequential(nn.Linear(4, width), Head())
"""
FILES = {
    "tiny.py": MODEL,
    "_layers.py": "from ._deep.parts import Activation as Head\n",
    "_deep/parts.py": "from torch.nn import ReLU as Activation\n",
    "_unused.py": "",
}
OPTIONS = Options(opset=18)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path / "cache"))
    for name, text in FILES.items():
        (tmp_path / "models" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "models" / name).write_text(text)
    return tmp_path / "models"


def tiny(folder) -> TorchSource:
    bundled._load.cache_clear()
    return bundled.resolve("tiny", folder)


def key(folder, dialect=Dialect.ONNX, opts=OPTIONS):
    return torch_captures._key(tiny(folder), dialect, opts)


def edit(name, before, after):
    def change(folder, monkeypatch):
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after))

    return change


def version_of(library):
    def change(folder, monkeypatch):
        versions = {**options.library_versions(), library: "0.0"}
        monkeypatch.setattr(torch_captures, "library_versions", lambda: versions)

    return change


def python(folder, monkeypatch):
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")


def own_code(folder, monkeypatch):
    monkeypatch.setattr(store, "_own_code", lambda: "another")


CHANGES = [
    (edit("tiny.py", "nn.Linear(4, width)", "nn.Linear(4, width, bias=False)"), "the definition"),
    (edit("tiny.py", '"width": 4', '"width": 8'), "its configuration"),
    (edit("tiny.py", "[1, 4]", "[2, 4]"), "its inputs"),
    (edit("tiny.py", "\n", "\n\n"), "an empty line: source lines move"),
    (edit("_layers.py", "\n", "\n# changed\n"), "a file that it imports"),
    (edit("_deep/parts.py", "ReLU", "GELU"), "a file in a folder that this one imports"),
    (python, "Python"),
    (own_code, "opscan's own code"),
    *((version_of(name), f"the version of {name}") for name in options.library_versions()),
]  # fmt: skip


@pytest.mark.parametrize(("change", "what"), CHANGES, ids=[row[1] for row in CHANGES])
def test_a_change_of_any_input_of_the_key_misses(change, what, folder, monkeypatch):
    before = key(folder)
    assert before == key(folder)
    change(folder, monkeypatch)
    assert key(folder) != before, what


def test_every_library_that_makes_the_answer_is_in_the_key():
    assert {"opscan", "torch", "onnx", "onnxscript", "onnx-ir"} <= options.library_versions().keys()


def test_dialects_opsets_and_names_of_folders_have_keys_of_their_own(folder):
    asked = [(dialect, opset, one) for dialect in Dialect for opset in (None, 17, 18) for one in (False, True)]
    keys = {(d, o, one): key(folder, d, Options(opset=o, unfolded=one)) for d, o, one in asked}
    assert len(set(keys.values())) == 9, "six of onnx; two of aten, which has no opset; one of torch, not exported"
    moved = folder.rename(folder.with_name("other"))
    assert key(moved) != keys[Dialect.ONNX, 18, False], "source lines begin with the folder's name"


def test_what_it_does_not_depend_on_changes_nothing(folder):
    before = key(folder)
    (folder / "_unused.py").write_text("# changed")
    assert key(folder) == before


NOT_KEPT = [
    (edit("tiny.py", "from torch", "import somewhere_else\nfrom torch"), "those changes go unseen"),
    (edit("_layers.py", "from ._deep", "import somewhere_else.deep\nfrom ._deep"), "and those of a file beside it"),
    (edit("_layers.py", "from", "from from"), "an import that is no Python"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "why"), NOT_KEPT, ids=[row[1] for row in NOT_KEPT])
def test_a_definition_whose_changes_cannot_be_seen_is_not_kept(change, why, folder, monkeypatch):
    change(folder, monkeypatch)
    assert key(folder) is None, why


def test_no_cache_neither_reads_nor_writes(folder):
    assert key(folder, opts=Options(cache=False)) is None


def test_every_bundled_model_is_kept():
    assert [d.name for d in bundled.definitions() if bundled.resolve(d.name).fingerprint is None] == []


def test_a_survey_finds_what_was_kept(folder):
    source = tiny(folder)
    assert kept_summaries(source, (Dialect.TORCH,), OPTIONS) is None
    found = inventory("nn.GELU", model="tiny", dialect=Dialect.TORCH, params=3)
    store.put(torch_captures._key(source, Dialect.TORCH, OPTIONS), found)
    (capture,) = kept_summaries(source, (Dialect.TORCH,), OPTIONS)
    assert (capture.special, capture.found.params, capture.inventory) == (("gelu",), 3, None)
    assert kept_summaries(source, (Dialect.TORCH, Dialect.ATEN), OPTIONS) is None, "one of two is not enough"
