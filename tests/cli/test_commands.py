"""The commands end to end, on models small enough to be quick."""

import csv
import io
import json

import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from opscan import cli
from opscan.cli import application

RUNNER = CliRunner()


def run(*arguments, code=0):
    result = RUNNER.invoke(application(), list(map(str, arguments)))
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result.stdout


def value(name, *shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def onnx_file(path, nodes, dtype=TensorProto.FLOAT, opset=17):
    graph = helper.make_graph(nodes, "g", [value("x", 2, 3, dtype=dtype)], [value("y", 2, 3, dtype=dtype)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


@pytest.fixture
def relu(tmp_path):
    return onnx_file(tmp_path / "relu.onnx", [helper.make_node("Relu", ["x"], ["y"])])


@pytest.fixture
def unsupported(tmp_path):
    """An operator of a domain that onnxruntime does not know."""
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Mystery", ["a"], ["y"], domain="acme")]
    return onnx_file(tmp_path / "mystery.onnx", nodes)


def test_survey_json_has_the_published_keys(relu):
    document = json.loads(run("survey", "deit_ti", relu, "--format", "json"))
    assert document["schema_version"] == 1
    own, bundled = document["rows"][1], document["rows"][0]
    assert (bundled["model"], bundled["section"]) == ("deit_ti", "1. Backbone/Classification")
    assert bundled["captured"] is True
    assert "unbind" in bundled["special_operators"]
    assert (own["model"], own["special_operators"]) == (str(relu), [])


def test_survey_rows_are_relative_or_full():
    relative = run("survey", "vit_b16", "deit_ti", "--format", "markdown")
    assert "same as ViT (without div), reshape, permute, mul, unbind" in relative
    full = run("survey", "vit_b16", "deit_ti", "--format", "markdown", "--no-relative")
    assert "same as" not in full
    assert full.count("layernorm, transpose, matmul, softmax, gelu") == 2


def test_survey_keeps_its_rows_when_a_model_fails(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no onnx")
    rows = json.loads(run("survey", "deit_ti", broken, "--format", "json"))["rows"]
    assert [row["captured"] for row in rows] == [True, False]
    assert "not an ONNX file" in rows[1]["reason"]


def test_survey_csv_has_one_header_and_a_row_per_system():
    rows = list(csv.reader(io.StringIO(run("survey", "vit_b16", "resnet50", "--format", "csv"))))
    assert rows[0][:2] == ["group", "model"]
    assert [row[1] for row in rows[1:]] == ["ViT; vit_b16", "ResNet; resnet50"]


def test_inspect_json_is_an_inventory_that_commands_take(tmp_path, relu):
    saved = tmp_path / "relu.json"
    run("inspect", relu, "--sites", "--format", "json", "--output", saved)
    document = json.loads(saved.read_text())
    assert document["dialect"] == "onnx"
    assert document["opset"] == 17
    assert [site["operator"] for site in document["sites"]] == ["Relu"]
    again = json.loads(run("inspect", saved, "--sites", "--format", "json"))
    assert again == document
    checked = json.loads(run("check", saved, "--backend", "onnxruntime-cpu", "--format", "json"))
    assert checked["results"][0]["verdict"] == "supported"


@pytest.mark.parametrize("form", ["table", "markdown", "json", "csv"])
def test_same_input_same_bytes(relu, form):
    assert run("inspect", relu, "--format", form) == run("inspect", relu, "--format", form)


def test_check_exits_with_1_on_findings_and_still_writes_json(unsupported, relu):
    document = json.loads(run("check", relu, unsupported, "-b", "onnxruntime-cpu", "--format", "json", code=1))
    assert [result["verdict"] for result in document["results"]] == ["supported", "unsupported"]
    (finding,) = document["results"][1]["findings"]
    assert (finding["rule"], finding["operator"], finding["count"]) == ("OPS101", "acme::Mystery", 1)
    assert document["results"][1]["coverage"]["sites"] == {"part": 1, "whole": 2, "percent": 50.0}


def test_check_names_the_failing_clause(tmp_path):
    path = onnx_file(tmp_path / "acos.onnx", [helper.make_node("Acos", ["x"], ["y"])], TensorProto.DOUBLE)
    (result,) = json.loads(run("check", path, "-b", "onnxruntime-cpu", "-f", "json", code=1))["results"]
    (finding,) = result["findings"]
    assert finding["rule"] == "OPS102"
    assert finding["reason"] == "T is float64; allowed: float32"


def test_check_exits_with_3_without_an_answer_and_keeps_the_others(tmp_path, relu):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no onnx")
    output = run("check", broken, relu, "-b", "onnxruntime-cpu", "--format", "json", code=3)
    first, second = json.loads(output)["results"]
    assert (first["verdict"], "not an ONNX file" in first["reason"]) == (None, True)
    assert second["verdict"] == "supported"


def test_check_refuses_another_dialect(tmp_path):
    saved = tmp_path / "deit.json"
    run("inspect", "deit_ti", "--sites", "--format", "json", "-o", saved)
    (result,) = json.loads(run("check", saved, "-b", "onnxruntime-cpu", "-f", "json", code=2))["results"]
    assert (result["verdict"], "--dialect onnx" in result["reason"]) == (None, True)


def test_explain_tells_what_a_rule_means():
    text = run("explain", "ops102")
    assert all(part in text for part in ("OPS102, clause-failed", "meaning", "example", "what to do"))
    assert [rule["rule"] for rule in json.loads(run("explain", "-f", "json"))["rules"]][:2] == ["OPS101", "OPS102"]


@pytest.mark.parametrize("word", ["layernorm", "nn.LayerNorm", "aten::native_layer_norm", "LayerNormalization"])
def test_explain_knows_an_operator_by_any_of_its_names(word):
    document = json.loads(run("explain", word, "-f", "json"))
    assert document["operator"] == "layernorm"
    assert document["spellings"]["onnx"] == ["LayerNormalization"]
    assert document["schemas"] == [{"operator": "LayerNormalization", "opset": "17", "change": "first version"}]
    (ort,) = [row for row in document["backends"] if row["backend"].startswith("onnxruntime-cpu@")]
    assert (ort["outcome"], "float16" in ort["rules"]) == ("listed", True)


def test_explain_tells_which_models_use_an_operator_and_of_which_it_cannot_tell():
    run("survey", "deit_ti")
    document = json.loads(run("explain", "layernorm", "-f", "json"))
    (deit,) = [row for row in document["models"] if row["model"] == "deit_ti"]
    assert deit["count"] == 25
    assert sum(int(place.partition("x ")[0]) for place in deit["places"]) == 25
    assert not {row["model"] for row in document["models"]} & set(document["not_told"])


def test_explain_captures_first_where_it_is_asked_to(monkeypatch, tmp_path):
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("opscan.sources.bundled.names", lambda folder=None: ("deit_ti",))
    document = json.loads(run("explain", "layernorm", "--capture", "-f", "json"))
    (used,) = document["models"]
    assert (used["model"], used["count"], document["not_told"]) == ("deit_ti", 25, [])
    assert any("models/deit.py:" in place for place in used["places"])


def test_explain_offers_the_nearest_word():
    result = RUNNER.invoke(application(), ["explain", "layernrm"])
    assert str(result.exception).endswith("neither a rule nor an operator that opscan knows; did you mean layernorm?")


def test_export_verifies_against_torch(tmp_path):
    output = tmp_path / "deit.onnx"
    text = run("export", "deit_ti", "-o", output, "--verify", "--opset", "18")
    assert "relative" in text
    assert onnx.load(output).opset_import[0].version == 18
    assert [file.name for file in tmp_path.iterdir()] == ["deit.onnx"]


def test_exported_file_gives_the_inventory_of_the_capture(tmp_path):
    """Weights do not matter to the graph: what was captured without them is what a user's export holds.

    Where repeated blocks are not exported one by one, their values have names of opscan's own, nothing else differs
    (tests/trace/test_blocks.py).
    """
    output = tmp_path / "deit.onnx"
    run("export", "deit_ti", "-o", output)
    kept = ("operator", "inputs", "outputs", "attributes", "macs", "module", "source")
    ours, file = (
        [{key: site[key] for key in kept} for site in json.loads(run("inspect", *a, "--sites", "-f", "json"))["sites"]]
        for a in (("deit_ti", "--dialect", "onnx", "--unfolded"), (output,))
    )
    assert ours == file


def test_models_are_found_by_name_section_and_tag():
    listed = json.loads(run("models", "swin", "--format", "json"))["models"]
    assert [model["model"] for model in listed] == ["swin_t", "swin_s", "swin_b"]
    detection = json.loads(run("models", "--section", "detection", "--format", "json"))["models"]
    assert {model["section"] for model in detection} == {"2.1 Object detection"}


# arguments, what stderr says, what the row proves
NOT_FOUND = [
    (("swim",), "0 models; did you mean swin?", "the nearest name"),
    (("--section", "audio"), "0 models; sections: 1. Backbone/Classification, 2.1 Object detection", "the sections"),
    (("qqqqqqqq",), "0 models\n", "nothing is near"),
]


@pytest.mark.parametrize(("arguments", "said", "why"), NOT_FOUND, ids=[row[2] for row in NOT_FOUND])
def test_models_not_found_say_what_there_is(arguments, said, why, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["opscan", "models", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    assert said in capsys.readouterr().err


def test_table1_has_the_surveys_37_rows():
    rows = json.loads(run("table1", "--format", "json"))["rows"]
    assert len(rows) == 37
    unexplained = [
        row["model"] for row in rows if not (row["params_agree"] and row["flops_agree"]) and not row["notes"]
    ]
    assert unexplained == []


def test_own_definitions_stand_beside_the_bundled_ones(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tiny.py").write_text(
        "from torch import nn\n"
        "FAMILY = {'system': 'Tiny', 'title': 't', 'paper': '', 'date': '2026-01',"
        " 'publication': '', 'section': 'Mine',"
        " 'architecture': 'CNN', 'repository': '', 'inputs': {'x': {'shape': [1, 4]}},"
        " 'variants': {'tiny': {'title': 'Tiny', 'config': {'width': 3}}}}\n"
        "def build(*, width): return nn.Sequential(nn.Linear(4, width), nn.GELU())\n"
    )
    (row,) = json.loads(run("survey", "tiny", "--models", folder, "--format", "json"))["rows"]
    assert (row["system"], row["section"], row["special_operators"]) == ("Tiny", "Mine", ["gelu"])


def test_faults_of_own_definitions_are_reported_at_once(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("FAMILY = {'system': 3}\n")
    (tmp_path / "c.py").write_text("def (:\n")
    result = RUNNER.invoke(application(), ["models", "--models", str(tmp_path)])
    text = str(result.exception)
    assert all(f"{name}.py" in text for name in "abc")
