"""`opscan lock` and `opscan diff`, on models small enough to be quick."""

import json

import jsonschema
import pytest
from onnx import helper

from opscan import cli
from opscan.serde.schemas import schemas
from tests.cli.test_commands import onnx_file, run


def relu_then(path, *operators, opset=17):
    names = ["x", *(f"v{n}" for n in range(len(operators))), "y"]
    nodes = [helper.make_node(op, [names[n]], [names[n + 1]]) for n, op in enumerate(("Relu", *operators))]
    return onnx_file(path, nodes, opset=opset)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relu_then(tmp_path / "a.onnx")
    relu_then(tmp_path / "b.onnx", "Tan")
    return tmp_path


@pytest.fixture
def refused(monkeypatch, capsys):
    """Runs a command that is refused; gives what it says."""

    def run_(*arguments, code=2):
        monkeypatch.setattr("sys.argv", ["opscan", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == code
        return capsys.readouterr().err

    return run_


def document(schema, *arguments, code=0):
    found = json.loads(run(*arguments, "--format", "json", code=code))
    jsonschema.Draft202012Validator(schemas()[schema]).validate(found)
    return found


def test_what_was_locked_is_clean(folder):
    run("lock", "a.onnx", "b.onnx")
    first = (folder / "opscan.lock").read_bytes()
    assert document("lock", "lock", "--check")["clean"] is True
    run("lock")
    assert (folder / "opscan.lock").read_bytes() == first, "same input, same bytes"


def test_what_is_new_or_gone_is_a_finding_and_what_changed_is_named(folder):
    run("lock", "a.onnx", "b.onnx")
    relu_then(folder / "b.onnx", "Sin", opset=18)
    found = document("lock", "lock", "--check", code=1)
    assert [(c["rule"], c["model"], c["change"], c["operator"]) for c in found["changes"]] == [
        ("OPS301", "b.onnx", "new", "Sin"),
        ("OPS301", "b.onnx", "gone", "Tan"),
    ]
    assert found["versions"] == ["b.onnx: opset 17 -> 18", "b.onnx: the model itself"]


def test_a_count_alone_is_shown_and_no_finding(folder):
    run("lock", "b.onnx")
    relu_then(folder / "b.onnx", "Tan", "Tan")
    assert "count" in run("lock", "--check")


def test_check_asks_about_some_models_of_the_lockfile_or_new_ones(folder):
    run("lock", "a.onnx")
    assert document("lock", "lock", "--check", "b.onnx", code=1)["unlocked"] == ["b.onnx (onnx)"]
    relu_then(folder / "a.onnx", "Tan")
    assert document("lock", "lock", "--check", "a.onnx", code=1)["changes"][0]["operator"] == "Tan"


def test_a_model_without_an_answer_leaves_the_lockfile_as_it_was(folder):
    run("lock", "a.onnx")
    first = (folder / "opscan.lock").read_bytes()
    (folder / "a.onnx").write_bytes(b"no onnx")
    run("lock", code=3)
    assert (folder / "opscan.lock").read_bytes() == first
    assert "not an ONNX file" in document("lock", "lock", "--check", code=3)["unanswered"]["a.onnx"]


def test_without_a_model_those_of_the_configuration_are_meant(folder, monkeypatch):
    (folder / "opscan.yaml").write_text('references: ["*.onnx"]\n')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert str(folder / "a.onnx") in run("fits", "-b", "onnxruntime-cpu", "-f", "csv"), "relative to the configuration"
    monkeypatch.chdir(folder)
    run("lock")
    assert "\n  a.onnx:" in (folder / "opscan.lock").read_text()
    relu_then(folder / "c.onnx")
    assert document("lock", "lock", "--check", code=1)["unlocked"] == ["c.onnx (onnx)"], "one that came since"
    (folder / "opscan.yaml").write_text("references: a.onnx\n")
    (folder / "b.onnx").write_bytes(b"no onnx")
    assert "b.onnx" in document("lock", "lock", "--check", code=3)["unanswered"], "one that is locked all the same"


def test_what_a_lockfile_loses_is_said(folder, capsys, monkeypatch):
    run("lock", "a.onnx", "b.onnx")
    monkeypatch.setattr("sys.argv", ["opscan", "lock", "b.onnx"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "no more in it: a.onnx" in capsys.readouterr().err


def test_a_newer_lockfile_is_never_written_over_and_a_conflict_is(folder, refused):
    lockfile = folder / "opscan.lock"
    lockfile.write_text("schema: 2\nmodels: {}\n")
    assert "update opscan" in refused("lock", "a.onnx")
    assert lockfile.read_text() == "schema: 2\nmodels: {}\n"
    lockfile.write_text("schema: 1\n<<<<<<< HEAD\nmodels: {}\n")
    run("lock", "a.onnx")
    assert document("lock", "lock", "--check")["clean"] is True


# content of the lockfile, what the line says, what the row proves
DAMAGED = [
    (None, "opscan.lock: no such lockfile; `opscan lock` writes one", "none"),
    ("", "damaged: the file", "an empty file"),
    ("schema: 1\n<<<<<<< HEAD\nmodels: {}\n", "opscan.lock:2: has merge-conflict markers; resolve", "a merge"),
    ("schema: 2\nmodels: {}\nmore: 1\n", "schema 2; this opscan reads schema 1: update opscan", "a newer schema"),
    ("schema: 1\nmodels: [", ": not valid YAML", "half a file"),
    ("schema: 1\nmodel: {}\n", "damaged: model: unknown key; did you mean models?", "a wrong key"),
    ("schema: 1\nmodels: {m: {dialects: {tf: {operators: {}}}}}\n", "damaged: models.m.dialects", "a wrong dialect"),
    ("schema: 1\nmodels: {m: {dialects: {onnx: {operators: {A(): -1}}}}}\n", "-1 is no count", "a wrong count"),
    ("[1]", "damaged: the file", "another shape"),
]


@pytest.mark.parametrize(("text", "message", "why"), DAMAGED, ids=[row[-1] for row in DAMAGED])
def test_a_damaged_lockfile_is_refused_in_one_line(folder, refused, text, message, why):
    if text is not None:
        (folder / "opscan.lock").write_text(text)
    said = refused("lock", "--check")
    assert message in said, why
    assert said.count("\n") == 1


def test_diff_of_two_models_says_what_was_gained(folder):
    found = document("diff", "diff", "a.onnx", "b.onnx", "-b", "onnxruntime-cpu")
    (one,) = found["differences"]
    assert [(c["operator"], c["change"], c["support_after"]) for c in one["changes"]] == [
        ("Tan", "gained", "supported")
    ]
    text = run("diff", "a.onnx", "b.onnx", "--format", "markdown")
    assert "| gained | Tan | 0 → 1 |" in text


def test_diff_of_one_model_on_two_backends_says_where_verdicts_differ(folder):
    (folder / "npu.txt").write_text("Relu\n")
    (one,) = document("diff", "diff", "b.onnx", "-b", "onnxruntime-cpu", "-b", "npu.txt")["differences"]
    assert [(c["operator"], c["support_before"], c["support_after"]) for c in one["changes"]] == [
        ("Tan", "supported", "unsupported")
    ]


def test_diff_of_lockfiles_and_of_a_lockfile_with_a_model(folder):
    run("lock", "a.onnx", "b.onnx", "--file", "old.lock")
    relu_then(folder / "b.onnx", "Sin")
    run("lock", "b.onnx", "--file", "new.lock")
    for arguments in (("old.lock", "new.lock"), ("old.lock", "b.onnx")):
        (one,) = document("diff", "diff", *arguments)["differences"]
        assert [(c["operator"], c["change"]) for c in one["changes"]] == [("Sin", "gained"), ("Tan", "lost")]
        assert one["before"]["macs"] is None, "a lockfile does not keep them"


def test_diff_of_lockfiles_names_models_that_one_lacks(folder):
    run("lock", "a.onnx", "b.onnx", "--file", "old.lock")
    relu_then(folder / "c.onnx")
    run("lock", "b.onnx", "c.onnx", "--file", "new.lock")
    found = document("diff", "diff", "old.lock", "new.lock")
    assert (found["only_before"], found["only_after"]) == (["a.onnx (onnx)"], ["c.onnx (onnx)"])


def test_diff_of_a_torch_model_at_two_opsets(folder):
    (one,) = document("diff", "diff", "deit_ti", "--opset", "18", "--opset", "20")["differences"]
    assert one["versions"] == ["opset 18 -> 20"]
    assert {"Erf", "Gelu"} <= {c["operator"] for c in one["changes"]}


# arguments, what the line says, what the row proves
REFUSED = [
    ("diff", "give two models", "nothing"),
    ("diff a.onnx", "a.onnx: with what?", "one model"),
    ("diff a.onnx b.onnx --opset 17 --opset 18", "give one model with two --opset", "both"),
    ("diff a.onnx --opset 17 --opset 18", "a.onnx: its opset is what it is", "a file has one opset"),
    ("diff a.onnx b.onnx --opset 1 --opset 2 --opset 3", "no more than twice", "three"),
    ("diff x.lock b.onnx -b onnxruntime-cpu", "a lockfile has no sites to judge", "a verdict on a lockfile"),
    ("diff a.onnx missing", "unknown model 'missing'", "no model"),
]


@pytest.mark.parametrize(("arguments", "message", "why"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_diff_says_what_it_needs(folder, refused, arguments, message, why):
    assert message in refused(*arguments.split()), why
