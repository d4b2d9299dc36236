"""`opscan check` as a gate: configuration, flags, formats, exit codes."""

import json

import onnx
import pytest
from onnx import TensorProto, helper

from opscan import cli

MYSTERY = """
backend: onnxruntime-cpu
waivers:
- {rule: OPS101, operator: "acme::*", statement: runs elsewhere}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model of Relu, and one that has an operator of which onnxruntime knows nothing beside it."""
    monkeypatch.chdir(tmp_path)
    for name, operators in (("relu", ("Relu",)), ("mystery", ("Relu", "acme::Mystery"))):
        nodes, value = [], "x"
        for number, operator in enumerate(operators):
            domain, _, op = operator.rpartition("::")
            made = "y" if number == len(operators) - 1 else f"v{number}"
            nodes.append(helper.make_node(op, [value], [made], domain=domain))
            value = made
        values = [helper.make_tensor_value_info(v, TensorProto.FLOAT, [2, 3]) for v in "xy"]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)]
        model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]), opset_imports=opsets)
        model.ir_version = 8
        onnx.save(model, f"{name}.onnx")
    return tmp_path


@pytest.fixture
def check(monkeypatch, capsys, folder):
    """Runs `opscan check` as its user does; gives exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["opscan", "check", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capsys.readouterr()

    return run


ORT = ("-b", "onnxruntime-cpu")
# arguments, configuration, exit code, what stderr says, what the row proves
RUNS = [
    (["relu.onnx", *ORT], "", 0, "1 of 1 pass\n", "clean"),
    (["mystery.onnx", *ORT], "", 1, "0 of 1 pass: 1 error\n", "findings"),
    (["mystery.onnx", *ORT, "--exit-zero"], "", 0, "0 of 1 pass: 1 error\n", "findings that must not fail"),
    (["gone.onnx", *ORT, "--exit-zero"], "", 3, "0 of 1 pass: 1 without an answer\n", "no answer still does"),
    (
        ["gone.onnx", "mystery.onnx", "relu.onnx", *ORT],
        "",
        3,
        "1 of 3 pass: 1 error, 1 without an answer\n",
        "the worst",
    ),
    (["mystery.onnx", *ORT, "--preset", "advisory"], "", 0, "1 of 1 pass: 1 warning\n", "a preset"),
    (["mystery.onnx", *ORT, "--rule", "OPS101=off"], "", 0, "1 of 1 pass\n", "a rule"),
    (["relu.onnx", "--min-coverage", "100", *ORT], "", 0, "1 of 1 pass\n", "a threshold that is met"),
    (
        ["mystery.onnx", "--rule", "OPS101=warn", "--min-coverage", "operators=51", *ORT],
        "",
        1,
        "1 error",
        "one that is not",
    ),
    (["mystery.onnx", "--max-partitions", "0", "--rule", "OPS101=off", *ORT], "", 1, "1 error", "partitions"),
    (["relu.onnx"], "backend: onnxruntime-cpu", 0, "1 of 1 pass\n", "the configuration names the backend"),
    (["mystery.onnx"], MYSTERY, 0, "1 of 1 pass: 1 waived finding\n", "a waiver"),
    (["relu.onnx"], MYSTERY, 0, "1 of 1 pass: 1 warning\n", "a waiver that waives nothing"),
    (["mystery.onnx"], MYSTERY.replace("statement", "expires: 2020-01-01, statement"), 1, "2 errors", "an expired one"),
    (["mystery.onnx", "--no-config", *ORT], MYSTERY, 1, "1 error", "without the configuration"),
    (["mystery.onnx", *ORT, "--preset", "default"], "preset: advisory", 1, "1 error", "flags win"),
    (
        ["mystery.onnx", *ORT],
        "overrides: [{models: 'myst*', rules: {OPS101: warn}}]",
        0,
        "1 of 1 pass: 1 warning\n",
        "an override for some models",
    ),
]


@pytest.mark.parametrize(("arguments", "configuration", "code", "said", "why"), RUNS)
def test_the_gate(check, folder, arguments, configuration, code, said, why):
    if configuration:
        (folder / "opscan.yaml").write_text(configuration)
    found, _, err = check(*arguments)
    assert (found, err.endswith(said) or said in err) == (code, True), (why, err)


# arguments, configuration, lines on stderr, what the row proves
REFUSED = [
    (["relu.onnx"], "", ["name a backend: --backend NAME, or `backend:` in opscan.yaml"], "no backend"),
    ([*ORT], "", ["name a model: `opscan check REF…`"], "no model"),
    (["relu.onnx", *ORT, "-f", "sarfi"], "", ["--format sarfi: is not one of concise, csv, full, "], "a format"),
    (["relu.onnx", *ORT, "-f", "json", "-f", "csv"], "", ["--format json, csv: one goes to stdout"], "two on stdout"),
    (
        ["relu.onnx", *ORT, "-f", "json=a", "-o", "b"],
        "",
        ["--output b: every --format has a file"],
        "an output too many",
    ),
    (
        ["relu.onnx", *ORT, "-f", "json=a", "-f", "csv=a"],
        "",
        ["--format: a would be written twice"],
        "one file for two",
    ),
    (
        [
            "relu.onnx",
            *ORT,
            "--rule",
            "OPS1=off",
            "--rule",
            "OPS101=of",
            "--min-coverage",
            "site=3",
            "--min-coverage",
            "x",
        ],
        "",
        [
            "--rule OPS1=off: there is no rule 'OPS1'",
            "--rule OPS101=of: write it as OPS101=off, OPS101=warn or OPS101=error",
            "--min-coverage site=3: 'site' is not one of sites, operators, macs; did you mean sites?",
            "--min-coverage x: 'x' is no percentage; write it as sites=95",
        ],
        "all flags at once",
    ),
    (
        ["relu.onnx", *ORT, "--unknown", "warn", "--rule", "OPS103=error"],
        "",
        ["--unknown warn: contradicts --rule OPS103=error; give one of them"],
        "two values for one rule",
    ),
    (["relu.onnx", *ORT, "--min-coverage", "130"], "", ["--min-coverage 130: 130.0 is not a percentage"], "130 %"),
    (["relu.onnx", *ORT], "rules: {OPS1O1: off}\nprest: x", ["opscan.yaml:1: ", "opscan.yaml:2: "], "all of a file"),
    (["a", "b", *ORT, "-b", "nope"], "", ["unknown backend 'nope'"], "a backend"),
]


@pytest.mark.parametrize(("arguments", "configuration", "said", "why"), REFUSED)
def test_wrong_usage_is_said_in_a_line_each(check, folder, arguments, configuration, said, why):
    if configuration:
        (folder / "opscan.yaml").write_text(configuration)
    code, out, err = check(*arguments)
    assert (code, out) == (2, ""), why
    lines = err.splitlines()
    assert [line[: len(start) + 8] for line, start in zip(lines, said, strict=True)] == [
        f"opscan: {s}" for s in said
    ], why


def test_several_formats_at_once(check, folder):
    code, out, _ = check("mystery.onnx", *ORT, "-f", "concise", "-f", "json=a.json", "-f", "sarif=b.sarif")
    assert code == 1
    assert out.startswith("mystery.onnx: OPS101 error mystery.onnx on onnxruntime-cpu@")
    (result,) = json.loads((folder / "a.json").read_text())["results"]
    (sarif,) = json.loads((folder / "b.sarif").read_text())["runs"][0]["results"]
    assert result["findings"][0]["fingerprint"] == sarif["partialFingerprints"]["opscan/v1"]


def test_json_comes_out_without_an_answer_too(check):
    code, out, _ = check("gone.onnx", "mystery.onnx", *ORT, "-f", "json")
    gone, mystery = json.loads(out)["results"]
    assert (code, gone["verdict"], mystery["verdict"]) == (3, None, "unsupported")
    assert "no such file" in gone["reason"]
    assert (mystery["partitions"]["count"], mystery["partitions"]["sites_outside"]) == (1, 1)


def test_waived_findings_are_shown_on_demand(check, folder):
    (folder / "opscan.yaml").write_text(MYSTERY)
    assert "runs elsewhere" not in check("mystery.onnx")[1]
    assert "runs elsewhere" in check("mystery.onnx", "--show-waived")[1]


def test_show_settings_tells_where_every_value_came_from(check, folder):
    (folder / "opscan.yaml").write_text(f"{MYSTERY}unknown: error\noverrides: [{{models: '*', max_partitions: 3}}]\n")
    code, out, _ = check("relu.onnx", "--show-settings", "--min-coverage", "90", "-f", "json")
    document = json.loads(out)
    assert code == 0
    assert (document["configuration"], document["backend"]) == ("opscan.yaml", "onnxruntime-cpu")
    assert document["settings"]["rules.OPS101"] == {"value": "error", "from": "preset default"}
    assert document["settings"]["rules.OPS103"] == {"value": "error", "from": "opscan.yaml:5: unknown"}
    assert document["settings"]["min_coverage.sites"] == {"value": 90.0, "from": "--min-coverage 90"}
    assert document["models"]["relu.onnx"]["max_partitions"]["value"] == 3
    assert document["waivers"][0]["statement"] == "runs elsewhere"


@pytest.mark.parametrize(
    "command",
    ["check relu.onnx -f json", "inspect relu.onnx -b mynpu", "rank relu.onnx -b mynpu", "backends show mynpu"],
)
def test_profiles_of_the_configuration_are_found(command, folder, monkeypatch, capsys):
    (folder / "ours").mkdir()
    (folder / "ours" / "mynpu.yaml").write_text(
        "{schema: 1, name: mynpu, version: '1', title: t, dialect: onnx, exhaustive: true, confidence: measured,\n"
        " sources: [{what: w, licence: MIT, retrieved: 2026-11-22}], rules: {Relu: [{}]}}\n"
    )
    (folder / "opscan.yaml").write_text("backends: ours\nbackend: mynpu\n")
    monkeypatch.setattr("sys.argv", ["opscan", *command.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert "mynpu" in capsys.readouterr().out


def test_other_commands_say_that_they_have_no_findings(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["opscan", "models", "--format", "sarif"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "--format sarif: holds findings, which only `opscan check` has" in capsys.readouterr().err


def test_no_two_findings_of_a_run_have_the_same_fingerprint(check):
    """Not even of two versions of a backend, nor of a model that is named twice."""
    arguments = ("mystery.onnx", "mystery.onnx", *ORT, "-b", "onnxruntime-cpu@1.27.0", "-f", "gitlab")
    code, out, _ = check(*arguments)
    fingerprints = [issue["fingerprint"] for issue in json.loads(out)]
    assert (code, len(fingerprints), len(set(fingerprints))) == (1, 2, 2)
