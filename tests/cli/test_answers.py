"""`opscan rank`, `fits` and `matrix`, on models small enough to be quick."""

import csv
import io
import json

import jsonschema
import pytest
from onnx import helper

from opscan.serde.schemas import schemas
from tests.cli.test_commands import onnx_file, run

NPU = "# an accelerator\nRelu\nAdd\n"
# model, operators
MODELS = {
    "plain": ["Relu"],
    "one": ["Relu", "Tan"],
    "same": ["Tan", "Tan"],
    "two": ["Sin", "Cos"],
    "far": ["Tan", "Sin", "Cos", "Exp"],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, operators in MODELS.items():
        nodes = [
            helper.make_node(op, ["x" if n == 0 else f"v{n}"], ["y" if n == len(operators) - 1 else f"v{n + 1}"])
            for n, op in enumerate(operators)
        ]
        onnx_file(tmp_path / f"{name}.onnx", nodes)
    (tmp_path / "npu.txt").write_text(NPU)
    (tmp_path / "broken.onnx").write_bytes(b"no onnx")
    return tmp_path


ALL = [f"{name}.onnx" for name in MODELS]


def document(name, *arguments, code=0):
    found = json.loads(run(name, *arguments, "--format", "json", code=code))
    jsonschema.Draft202012Validator(schemas()[name]).validate(found)
    return found


def test_rank_gives_the_curve_and_who_is_blocked_by_what(folder):
    found = document("rank", *ALL, "-b", "npu.txt")
    assert [(s["size"], len(s["unblocked"]), s["exact"]) for s in found["curve"]] == [
        (0, 1, True),
        (1, 3, True),
        (2, 3, True),
        (3, 4, True),
        (4, 5, True),
    ]
    tan = next(b for b in found["blockers"] if b["operator"] == "Tan")
    assert (tan["models"], tan["alone"]) == (["one.onnx", "same.onnx", "far.onnx"], ["one.onnx", "same.onnx"])


def test_rank_counts_models_by_their_weights(folder):
    (folder / "weights.yaml").write_text("two.onnx: 10\n")
    found = document("rank", *ALL, "-b", "npu.txt", "--weights", "weights.yaml")
    assert [o["operator"] for o in found["curve"][2]["obstacles"]] == ["Cos", "Sin"]


# weights, part of the message, what the row proves
WEIGHTS = [
    ("missing.onnx: 3", "missing.onnx: is none of the models asked about", "a model that nobody asked about"),
    ("two.onnx: many", "'many' is not a weight", "no number"),
    ("two.onnx: -1", "-1 is not a weight", "less than nothing"),
    ("two.onnx: .inf", "inf is not a weight", "without end"),
    ("[two.onnx]", "must be a mapping", "another shape"),
    ("a: [", "not valid YAML", "no YAML"),
]


@pytest.mark.parametrize(("text", "message", "why"), WEIGHTS, ids=[row[-1] for row in WEIGHTS])
def test_weights_that_are_none_are_refused(folder, text, message, why, monkeypatch, capsys):
    (folder / "weights.yaml").write_text(text)
    monkeypatch.setattr("sys.argv", ["opscan", "rank", *ALL, "-b", "npu.txt", "--weights", "weights.yaml"])
    from opscan import cli

    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert message in capsys.readouterr().err, why


def test_a_model_without_an_answer_is_named_and_the_others_are_ranked(folder):
    found = document("rank", "broken.onnx", "one.onnx", "-b", "npu.txt")
    assert found["models"] == 1
    assert "not an ONNX file" in found["unanswered"]["broken.onnx"]
    assert document("rank", "broken.onnx", "-b", "npu.txt", code=3)["models"] == 0


def test_fits_says_what_runs_and_how_far_the_others_are(folder):
    found = document("fits", *ALL, "--ops-file", "npu.txt")
    assert [(f["models"], f["fit"], f["operators"]) for f in found["families"]] == [
        (["plain.onnx"], "runs", []),
        (["one.onnx"], "blocked", ["Tan"]),
        (["same.onnx"], "blocked", ["Tan"]),
        (["two.onnx"], "blocked", ["Cos", "Sin"]),
        (["far.onnx"], "blocked", ["Cos", "Exp", "Sin", "Tan"]),
    ]
    assert "blocked by Tan alone" in run("fits", "one.onnx", "--ops-file", "npu.txt")


def test_matrix_has_a_verdict_and_a_percentage_in_each_cell(folder):
    rows = list(csv.reader(io.StringIO(run("matrix", *ALL, "-b", "npu.txt", "-b", "onnxruntime-cpu", "-f", "csv"))))
    assert rows[0] == ["group", "model", "npu@list", "onnxruntime-cpu@1.32.0"]
    assert [row[1:] for row in rows[1:4]] == [
        ["plain.onnx", "supported, 100.0 %", "supported, 100.0 %"],
        ["one.onnx", "unsupported, 50.0 %", "supported, 100.0 %"],
        ["same.onnx", "unsupported, 0.0 %", "supported, 100.0 %"],
    ]


def test_matrix_by_distinct_operators_names_its_denominator(folder):
    text = run("matrix", "one.onnx", "-b", "npu.txt", "--by", "operators")
    assert "percentages: distinct operators all of whose sites are supported" in text


def test_matrix_json_has_partitions_and_borders(folder):
    onnx_file(
        folder / "cut.onnx",
        [
            helper.make_node("Relu", ["x"], ["a"]),
            helper.make_node("Tan", ["a"], ["b"]),
            helper.make_node("Relu", ["b"], ["y"]),
        ],
    )
    (cell,) = document("matrix", "cut.onnx", "-b", "npu.txt")["cells"]
    assert (cell["verdict"], cell["coverage"]["sites"]) == ("unsupported", {"part": 2, "whole": 3, "percent": 200 / 3})
    split = cell["partitions"]
    assert (split["count"], split["sizes"], split["border_tensors"], split["border_bytes"]) == (2, [1, 1], 2, 48)


def test_matrix_says_why_a_cell_is_empty(folder):
    text = run("matrix", "broken.onnx", "one.onnx", "-b", "npu.txt")
    assert "no answer for broken.onnx on npu@list: broken.onnx: not an ONNX file" in text


def test_survey_shows_backends_beside_the_operators(folder):
    rows = list(csv.reader(io.StringIO(run("survey", "plain.onnx", "one.onnx", "-b", "npu.txt", "-f", "csv"))))
    assert rows[0][6:9] == ["special operators", "npu@list", "publication"]
    assert [row[7] for row in rows[1:]] == ["supported, 100.0 %", "unsupported, 50.0 %"]
    found = document("survey", "one.onnx", "broken.onnx", "-b", "npu.txt")["backends"]
    assert [(a["model"], a["verdict"], a["supported_sites"], a["sites"]) for a in found] == [
        ("one.onnx", "unsupported", 1, 2),
        ("broken.onnx", None, None, None),
    ]
    assert "not an ONNX file" in found[1]["reason"]
