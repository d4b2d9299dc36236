"""The gate: what a policy and its waivers make of verdicts."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.gate import Gate, judged, locations, waiver_findings
from opscan.core.inventory import TensorSpec, Uncaptured
from opscan.core.judge import compare
from opscan.core.policy import Denominator, Layer, Policy, Preset, contradictions, matches, policy, preset_layer
from opscan.core.profile import Rule
from opscan.core.rules import BY_ID, RULES, Severity
from opscan.core.verdict import Support
from opscan.core.waivers import Waiver
from tests.fakes import inventory, onnx_site, profile, spec

TODAY = date(2026, 11, 24)
DEFAULT = policy([preset_layer(Preset.DEFAULT)], "tiny")
RELU = Rule(operator="Relu")
PARTLY = Rule(operator="Resize", restriction="some modes are slow")


def gate(*sites, rules=(RELU, PARTLY), chosen=DEFAULT, waivers=(), exhaustive=True, today=TODAY, **facts):
    coverage = compare(inventory(*sites, **facts), profile(*rules, exhaustive=exhaustive))
    return judged(coverage, chosen, waivers, today)


def waiver(rule="OPS101", **facts):
    return Waiver(rule=rule, statement="agreed", **facts)


# --- what is found ------------------------------------------------------------------------------


def test_one_finding_per_rule_operator_and_signature():
    sites = [
        onnx_site("Roll", spec(1, 2), module="blocks.0.attn", source="vit.py:61"),
        onnx_site("Roll", spec(3, 4), module="blocks.1.attn", source="vit.py:61"),
        onnx_site("Roll", spec(1, 2, 3), module="blocks.1.mlp", source="vit.py:9"),
        onnx_site("Roll", spec(1, 2, dtype="int64"), module="blocks.2.attn", source="vit.py:61"),
        onnx_site("Relu", spec(1)),
    ]
    found = gate(*sites).findings
    assert [(f.rule, f.operator, f.signature, f.count, str(f.places[0])) for f in found] == [
        ("OPS101", "Roll", "float32 2-D", 2, "2x blocks.*.attn, vit.py:61"),
        ("OPS101", "Roll", "float32 3-D", 1, "1x blocks.*.mlp, vit.py:9"),
        ("OPS101", "Roll", "int64 2-D", 1, "1x blocks.*.attn, vit.py:61"),
    ]


def test_nodes_are_named_where_no_line_tells_them_apart():
    known = onnx_site("Roll", spec(1), node="r0", source="vit.py:61")
    (finding,) = gate(known, *(onnx_site("Roll", spec(1), node=f"n{number % 7}") for number in range(9))).findings
    assert finding.nodes == ("n0", "n1", "n2", "n3", "n4")


def test_errors_come_first_then_what_matters_most():
    sites = [onnx_site("Resize", spec(1))] * 5 + [onnx_site("Roll", spec(1))] + [onnx_site("Abs", spec(1))] * 2
    found = gate(*sites, uncaptured=(Uncaptured("head", "no code"),)).findings
    assert [(f.severity, f.rule, f.operator) for f in found] == [
        (Severity.ERROR, "OPS101", "Abs"),
        (Severity.ERROR, "OPS101", "Roll"),
        (Severity.WARN, "OPS110", ""),
        (Severity.WARN, "OPS104", "Resize"),
    ]


# operators, whether the profile is complete, severities set, exit code, what the row proves
CODES = [
    (["Relu"], True, {}, 0, "all supported"),
    (["Relu", "Roll"], True, {}, 1, "unsupported"),
    (["Relu", "Roll"], False, {}, 0, "unknown is neither yes nor no"),
    (["Relu", "Roll"], False, {"OPS103": Severity.ERROR}, 1, "unless the policy says so"),
    (["Resize"], True, {}, 0, "conditional"),
    (["Resize"], True, {"OPS104": Severity.ERROR}, 1, "unless the policy says so"),
    (["Roll"], True, {"OPS101": Severity.WARN}, 0, "a rule that only warns"),
    (["Roll"], True, {"OPS101": Severity.OFF}, 0, "a rule that is off"),
    ([], True, {}, 0, "nothing to judge"),
]


@pytest.mark.parametrize(("operators", "exhaustive", "severities", "code", "why"), CODES)
def test_exit_codes(operators, exhaustive, severities, code, why):
    layer = Layer("test", {f"rules.{rule}": severity for rule, severity in severities.items()})
    chosen = policy([preset_layer(Preset.DEFAULT), layer], "tiny")
    result = gate(*(onnx_site(op, spec(1)) for op in operators), exhaustive=exhaustive, chosen=chosen)
    assert result.exit_code == code, why
    assert all(f.severity is not Severity.OFF for f in result.findings)


PRESETS = [
    (Preset.STRICT, {Severity.ERROR}, "everything fails"),
    (Preset.ADVISORY, {Severity.WARN}, "nothing does"),
    (Preset.DEFAULT, {Severity.ERROR, Severity.WARN}, "what is certain does"),
]


@pytest.mark.parametrize(("preset", "severities", "why"), PRESETS)
def test_presets(preset, severities, why):
    assert {policy([preset_layer(preset)], "m").severity(rule.id) for rule in RULES} == severities, why


THRESHOLDS = [
    ({Denominator.SITES: 75}, [], "just enough"),
    ({Denominator.SITES: 75.01}, ["75.00 % (3 of 4) of sites are supported; at least 75.01 % is asked for"], "sites"),
    (
        {Denominator.OPERATORS: 51, Denominator.MACS: 100},
        [
            "0.00 % (0 of 10) of MACs are supported; at least 100 % is asked for",
            "50.00 % (1 of 2) of distinct operators are supported; at least 51 % is asked for",
        ],
        "two at once",
    ),
]


@pytest.mark.parametrize(("least", "reasons", "why"), THRESHOLDS)
def test_coverage_thresholds(least, reasons, why):
    sites = [*[onnx_site("Relu", spec(1))] * 3, onnx_site("Roll", spec(1), macs=10)]
    found = gate(*sites, chosen=Policy(severities=DEFAULT.severities, min_coverage=least)).findings
    assert sorted(f.reason for f in found if f.rule == "OPS201") == reasons, why


def _cut(*, width=4):
    """Relu, Roll, Relu: two partitions, with [1, width] float32 on both borders."""
    values = [TensorSpec((1, width), "float32", name) for name in "abcd"]
    operators = zip(("Relu", "Roll", "Relu"), values, values[1:], strict=False)
    return [onnx_site(op, read, outputs=(made,)) for op, read, made in operators]


LIMITS = [
    ({"max_partitions": 2}, 4, [], "as many as there are"),
    ({"max_partitions": 1}, 4, [("OPS202", "error", "2 partitions; at most 1 are allowed")], "one more"),
    ({"max_border_bytes": 32}, 4, [], "as much as there is"),
    (
        {"max_border_bytes": 31},
        4,
        [("OPS203", "error", "32 B cross the borders of 2 partitions; at most 31 B are allowed")],
        "a byte more",
    ),
    (
        {"max_border_bytes": 2000},
        "N",
        [
            (
                "OPS203",
                "warn",
                "of 2 tensors that cross the borders of partitions the size is not known; the others have 0 B of at "
                "most 2.00 kB",
            )
        ],
        "what is not known is said, and is no error",
    ),
]


@pytest.mark.parametrize(("limits", "width", "expected", "why"), LIMITS)
def test_limits_of_partitions(limits, width, expected, why):
    found = gate(*_cut(width=width), chosen=Policy(severities=DEFAULT.severities, **limits)).findings
    about_model = [f for f in found if f.rule in ("OPS202", "OPS203")]
    assert [(f.rule, f.severity, f.reason) for f in about_model] == expected, why


def test_no_share_of_nothing():
    """Without multiply-accumulates there is nothing to be below of."""
    chosen = Policy(severities=DEFAULT.severities, min_coverage={Denominator.MACS: 100})
    assert gate(onnx_site("Relu", spec(1), macs=0), chosen=chosen).findings == ()


def test_a_share_of_what_is_not_known_is_said_and_no_error():
    chosen = Policy(severities=DEFAULT.severities, min_coverage={Denominator.MACS: 100})
    (found,) = gate(onnx_site("Relu", spec(1), macs=None), chosen=chosen).findings
    assert (found.rule, found.severity, found.support) == ("OPS201", Severity.WARN, Support.UNKNOWN)
    assert found.reason == "the MACs of 1 site are not known; at least 100 % is asked for"


# --- waivers ------------------------------------------------------------------------------------

SITE = onnx_site("Roll", spec(1), module="layers.0.blocks.1.attn")
# waiver, findings that stay, findings waived, what is said of the waiver, what the row proves
WAIVERS = [
    (waiver(operator="Roll"), 0, 1, [], "by operator"),
    (waiver(operator="R*"), 0, 1, [], "by a glob"),
    (waiver(operator="ROLL"), 1, 0, ["OPS402"], "case matters"),
    (waiver(module="layers.*.blocks.*.attn"), 0, 1, [], "by module path, rolled up"),
    (waiver(module="layers.0.*"), 0, 1, [], "by module path as it is"),
    (waiver(module="layers.1.*"), 1, 0, ["OPS402"], "another module"),
    (waiver(operator="Roll", module="head"), 1, 0, ["OPS402"], "both must fit"),
    (waiver("OPS102", operator="Roll"), 1, 0, ["OPS402"], "another rule"),
    (waiver(operator="Roll", model="tin?"), 0, 1, [], "by model"),
    (waiver(operator="Roll", model="huge"), 1, 0, [], "another model, of which nothing is known here"),
    (waiver(operator="Roll", backend="fake"), 0, 1, [], "by backend"),
    (waiver(operator="Roll", backend="fake@1"), 0, 1, [], "by backend and version"),
    (waiver(operator="Roll", backend="fake@2"), 1, 0, [], "another backend"),
    (waiver(operator="Roll", expires=TODAY), 0, 1, [], "on its last day"),
    (waiver(operator="Roll", expires=date(2026, 11, 23)), 1, 0, ["OPS401"], "on the day after"),
    (waiver(operator="Abs", expires=date(2026, 11, 23)), 1, 0, ["OPS401"], "expired comes before unused"),
]


@pytest.mark.parametrize(("given_", "active", "waived", "about", "why"), WAIVERS)
def test_waivers(given_, active, waived, about, why):
    result = gate(SITE, onnx_site("Relu", spec(1)), waivers=[given_])
    said = waiver_findings([given_], [result], DEFAULT, TODAY)
    assert (len(result.findings), len(result.waived), [f.rule for f in said]) == (active, waived, about), why
    assert Gate(results=(result,), findings=said).exit_code == (1 if active or about == ["OPS401"] else 0)


def test_a_waiver_covers_some_sites_of_an_operator():
    other = onnx_site("Roll", spec(1), module="head")
    result = gate(SITE, other, SITE, waivers=[waiver(module="head")])
    assert [(f.count, f.places[0].modules) for f in result.findings] == [(2, "layers.*.blocks.*.attn")]
    assert [(f.count, f.places[0].modules) for f in result.waived] == [(1, "head")]


def test_a_waiver_names_an_operator_by_its_canonical_name():
    assert gate(onnx_site("LayerNormalization", spec(1)), waivers=[waiver(operator="layernorm")]).findings == ()


def test_a_threshold_is_waived_for_a_model():
    chosen = Policy(severities=DEFAULT.severities, min_coverage={Denominator.SITES: 100})
    assert [f.rule for f in gate(SITE, chosen=chosen, waivers=[waiver("OPS201")]).waived] == ["OPS201"]


def test_what_is_not_captured_is_waived_by_module():
    result = gate("Relu", uncaptured=(Uncaptured("head.0", "no"),), waivers=[waiver("OPS110", module="head.*")])
    assert (len(result.findings), len(result.waived)) == (0, 1)


# --- fingerprints and places --------------------------------------------------------------------


def test_fingerprints_outlive_line_numbers_and_versions():
    then = compare(inventory(onnx_site("Roll", spec(1), module="a.0", source="x.py:1")), profile(RELU))
    now = compare(inventory(onnx_site("Roll", spec(1), module="a.1", source="x.py:7")), profile(RELU))
    (one,), (other,) = (judged(c, DEFAULT, (), TODAY).findings for c in (then, now))
    assert one.fingerprint == other.fingerprint


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(1, 2)), max_size=8))
def test_fingerprints_are_unique_in_a_result(drawn):
    sites = [onnx_site(op, spec(*[1] * rank), module=module) for op, module, rank in drawn]
    found = gate(*sites, waivers=[waiver(operator="a", module="x")])
    prints = [f.fingerprint for f in (*found.findings, *found.waived)]
    assert len(prints) == len(set(prints))
    assert sum(f.count for f in (*found.findings, *found.waived)) == len(sites)


PLACES = [
    ("models/vit.py:61", ("models/vit.py", 61), "a line of code"),
    ("C:/a.py:7", ("C:/a.py", 7), "a drive is no line"),
    ("a.py", ("a.py", None), "a file without line"),
    ("a.py:²", ("a.py:²", None), "a digit that is no number"),
    (None, ("m.onnx", None), "the model's file where nothing else is known"),
]


@pytest.mark.parametrize(("source", "expected", "why"), PLACES)
def test_locations(source, expected, why):
    (finding,) = gate(onnx_site("Roll", spec(1), source=source)).findings
    (location,) = locations(finding, "m.onnx")
    assert (location.path, location.line) == expected, why


# --- policy -------------------------------------------------------------------------------------

GLOBS = [
    ("swin_t", "swin_*", True, "a bundled name"),
    ("exports/swin_t.onnx", "swin_*", True, "the name of a file"),
    ("exports/swin_t.onnx", "exports/*", True, "its path"),
    ("exports/swin_t.onnx", "swin_t", True, "its name without ending"),
    ("exports/swin_t.onnx", "exports", False, "not its folder"),
]


@pytest.mark.parametrize(("model", "glob", "expected", "why"), GLOBS)
def test_globs(model, glob, expected, why):
    assert matches(model, [glob]) is expected, why


def test_contradictions_need_values_of_one_place():
    assert list(contradictions({"min_coverage.sites": 0, "max_partitions": 0, "rules.OPS202": Severity.WARN})) == []


def test_every_rule_is_told_in_full():
    assert len(BY_ID) == len(RULES)
    for rule in RULES:
        assert rule.id.startswith("OPS"), rule
        assert all((rule.name, rule.meaning, rule.example, rule.remedy)), rule.id
        assert rule.meaning.endswith("."), rule.id
        assert rule.remedy.endswith("."), rule.id
