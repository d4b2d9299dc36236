# ruff: noqa: E501 -- one row per case
"""`opscan probe`, `backends verify` and `extract` on real runtimes."""

import importlib.metadata
import json

import click
import onnx
import onnxruntime
import pytest
import yaml
from onnx import TensorProto, helper

from opscan import backends, runtimes
from opscan.cli._measuring import SeedRange
from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Outcome
from opscan.core.record import replace
from opscan.probe.corpus import chosen
from opscan.probe.node_tests import node_test_cases
from tests.cli.test_commands import run

ORT = "onnxruntime-cpu"
same_release = pytest.mark.skipif(
    onnxruntime.__version__ != backends.load(ORT).version,
    reason="the profile describes another release of onnxruntime than the one installed",
)


def test_models_are_generated_the_same_every_time():
    choice = Choice(operators=("Conv", "Cast", "ai.onnx.ml::Scaler"), seeds=(3,))
    once, twice = chosen(choice), chosen(choice)
    assert [(c.name, c.model) for c in once] == [(c.name, c.model) for c in twice]
    assert len({c.name for c in once}) == len(once)


def test_the_models_of_several_seeds_are_taken_together():
    choice = Choice(operators=("Conv",), opsets=(17,))
    apart = [{c.name for c in chosen(replace(choice, seeds=(seed,)))} for seed in (3, 4)]
    together = [c.name for c in chosen(replace(choice, seeds=(3, 4)))]
    assert set(together) == apart[0] | apart[1] > apart[0]
    assert len(set(together)) == len(together)


def test_every_operator_of_the_standard_has_models():
    made = {case.operator for case in chosen(Choice(opsets=(onnx.defs.onnx_opset_version(),)))}
    newest = {s.name for s in onnx.defs.get_all_schemas() if s.domain == "" and not s.deprecated}
    assert newest <= made


def test_a_probe_says_what_runs_and_what_is_rejected():
    found = json.loads(
        run("probe", "--operator", "Relu", "--opset", "17", "--runtime", "onnxruntime", "--format", "json")
    )
    outcomes = {o["case"]: o["outcome"] for o in found["observations"]}
    assert outcomes["Relu-17 float32[2,3]"] == Outcome.RUNS
    assert outcomes["Relu-17 bfloat16[2,3]"] == Outcome.REJECTED
    assert sum(found["counts"].values()) == len(outcomes)


def test_a_provider_that_leaves_a_node_to_the_cpu_has_not_taken_it():
    """Azure's provider comes with every onnxruntime wheel and takes no ONNX operator."""
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this build of onnxruntime has no second provider")
    found = json.loads(
        run(
            "probe",
            "--operator",
            "Relu",
            "--sample",
            "1",
            "--runtime",
            "onnxruntime",
            "--provider",
            "azure",
            "--format",
            "json",
        )
    )
    (observation,) = found["observations"]
    assert observation["outcome"] == Outcome.REJECTED
    assert "Relu on CPUExecutionProvider" in observation["message"]


def test_a_measured_profile_agrees_with_what_was_measured(tmp_path):
    file = tmp_path / "measured.yaml"
    asked = ("--operator", "Relu", "--operator", "GridSample", "--runtime", "onnxruntime")
    run("probe", *asked, "--write-profile", file)
    document = yaml.safe_load(file.read_text())
    assert not document["exhaustive"], "two operators are not all"
    held = json.loads(run("backends", "verify", file, *asked, "--format", "json"))
    assert held["equal"]["part"] == held["equal"]["whole"]


def test_what_was_not_tried_is_neither_yes_nor_no(tmp_path):
    file = tmp_path / "measured.yaml"
    run("probe", "--operator", "Relu", "--runtime", "onnxruntime", "--write-profile", file)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1] * 9) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    model = tmp_path / "rank9.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    (result,) = json.loads(run("check", model, "--backend", file, "--format", "json"))["results"]
    assert result["verdict"] == "conditional"


def test_amending_twice_changes_nothing_more(tmp_path):
    file = tmp_path / "wrong.yaml"
    head = {
        "schema": 1,
        "name": "wrong",
        "version": "1",
        "title": "t",
        "dialect": "onnx",
        "exhaustive": True,
        "confidence": "secondary",
    }
    sources = [{"what": "nobody", "licence": "MIT", "retrieved": "2026-01-01"}]
    file.write_text(yaml.safe_dump({**head, "sources": sources}) + "rules:\n  Relu:\n  - {since: 1}\n")
    asked = ("--operator", "Relu", "--runtime", "onnxruntime")
    run("backends", "verify", file, *asked, "--amend", file, code=1)
    again = tmp_path / "again.yaml"  # a file is read once in a process
    again.write_text(file.read_text())
    held = json.loads(run("backends", "verify", again, *asked, "--format", "json"))
    assert held["equal"]["part"] == held["equal"]["whole"]
    assert "  - {since: 1}\n" in again.read_text(), "what was there stays"
    run("backends", "verify", again, *asked, "--amend", again)
    assert again.read_text() == file.read_text()


USAGE = [
    (("probe", "--operator", "Relu"), "give either --runtime NAME or --command", "nothing to hand the models to"),
    (("probe", "--runtime", "onnxruntime"), "nothing to probe", "no models"),
    (("probe", "--operator", "Relu", "--runtime", "onnxruntim"), "did you mean onnxruntime?", "a misspelt runtime"),
    (("probe", "--operator", "Relo", "--runtime", "onnxruntime"), "did you mean Relu?", "a misspelt operator"),
    (("probe", "--operator", "Relu", "--opset", "99", "--runtime", "onnxruntime"), "knows opsets up to", "an opset of the future"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message", "why"), USAGE, ids=[row[-1] for row in USAGE])
def test_what_cannot_be_asked(arguments, message, why):
    with pytest.raises(UsageError) as error:
        _invoke(arguments)
    assert message in str(error.value), why


def _invoke(arguments):
    from click.testing import CliRunner

    from opscan.cli import application

    result = CliRunner().invoke(application(), list(arguments))
    if result.exception:
        raise result.exception


# text, seeds or what is said of it, what the row proves
SEEDS = [
    ("3", range(3, 4), "one"),
    ("0-15", range(16), "a range, its end included"),
    ("9-3", "the first of them first", "a range from its end"),
    ("0-99999999", "at most 1000", "more than a machine has time for"),
    ("all", "nor a range such as 0-15", "a word"),
]


@pytest.mark.parametrize(("text", "expected", "why"), SEEDS, ids=[row[-1] for row in SEEDS])
def test_seeds_as_they_are_written(text, expected, why):
    if isinstance(expected, range):
        assert SeedRange().convert(text, None, None) == expected, why
        return
    with pytest.raises(click.BadParameter, match=expected):
        SeedRange().convert(text, None, None)


def test_a_runtime_that_is_absent_names_its_extra(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(runtimes, "version", absent)
    with pytest.raises(UsageError, match=r"pip install 'opscan\[tract\]'"):
        runtimes.installed_version("tract")


def test_the_node_tests_of_onnx_are_cases():
    cases = list(node_test_cases(("Relu", "Einsum")))
    assert {case.operator for case in cases} == {"Relu", "Einsum"}
    assert all(case.inputs and case.expected for case in cases)


def test_extract_writes_one_operator(tmp_path):
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in "xy"]
    nodes = [helper.make_node("Relu", ["x"], ["a"], "first"), helper.make_node("Sin", ["a"], ["y"], "second")]
    model = helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "m.onnx")
    for number, asked in enumerate((("--operator", "Sin"), ("--site", "2"), ("--site", "second"))):
        run("extract", tmp_path / "m.onnx", *asked, "-o", tmp_path / f"{number}.onnx")
        assert [n.op_type for n in onnx.load(tmp_path / f"{number}.onnx").graph.node] == ["Sin"]


@pytest.mark.slow
@same_release
def test_the_shipped_profile_is_what_onnxruntime_does():
    """A fixed sample of 1,500 models over all operators, opset 17 and newest, of a seed that no rule was fitted to."""
    found = json.loads(run("backends", "verify", ORT, "--sample", "1500", "--seed", "101", "--format", "json", code=1))
    assert found["equal"]["percent"] >= 99.5
    assert found["wrongly_supported"]["percent"] < 0.5


@pytest.mark.slow
def test_the_shipped_profile_is_what_openvino_does():
    """A fixed sample of 1,500 models over all operators, opset 17 and newest, of a seed that no rule was fitted to."""
    pytest.importorskip("openvino", reason="an extra")
    if importlib.metadata.version("openvino") != backends.load("openvino-cpu").version:
        pytest.skip("the profile describes another release of openvino than the one installed")
    found = json.loads(
        run("backends", "verify", "openvino-cpu", "--sample", "1500", "--seed", "101", "--format", "json", code=1)
    )
    assert found["equal"]["percent"] >= 98
    assert found["wrongly_supported"]["percent"] < 0.5
