# ruff: noqa: E501 -- one row per case
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.coverage import Ratio
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import DialectMismatch
from opscan.core.gate_report import coverage_facts
from opscan.core.inventory import TensorSpec, Uncaptured
from opscan.core.judge import compare, judge
from opscan.core.profile import Clause, ClauseKind, Rule, Test, VersionMatch
from opscan.core.verdict import WORST_LAST, Support
from tests.fakes import inventories, inventory, onnx_site, profile, site, spec

SUPPORTED, CONDITIONAL, UNKNOWN, UNSUPPORTED, BROKEN = Support
X = spec(2, 3)
DYNAMIC = spec("N", 3)
UNKNOWN_RANK = TensorSpec(None, "float32")


def rule(*clauses, operator="Relu", **facts):
    return Rule(operator=operator, clauses=clauses, **facts)


def dtype(*allowed, of="T"):
    return Clause(ClauseKind.DTYPE, of, allowed)


def attribute(name, *allowed):
    return Clause(ClauseKind.ATTRIBUTE, name, allowed)


def rank(position, *allowed):
    return Clause(ClauseKind.RANK, f"input {position}", allowed)


def static(position):
    return Clause(ClauseKind.STATIC_SHAPE, f"input {position}", (True,), Test.IS)


F16 = onnx_site("Relu", TensorSpec((2,), "float16", "x"), types={"T": "float16"})
UNTYPED = onnx_site("Relu", types={}, unbound=("T",))
FUNCTION = onnx_site("Relu", types={"T": "float16"}, is_function=True)
DOUBLE = dtype("float64")


def relu(*inputs, **attributes):
    return onnx_site("Relu", *inputs, attributes=attributes, defaults={})


# site, rules, support, rule id, part of the reason, what it proves
CLAUSES = [
    (relu(X), [rule()], SUPPORTED, "", "", "a rule without clauses takes everything"),
    (relu(X), [rule(dtype("float32"))], SUPPORTED, "", "", "an allowed dtype"),
    (F16, [rule(dtype("float32"))], UNSUPPORTED, "OPS102", "T is float16; allowed: float32", "a dtype that is not: the reason names both"),
    (UNTYPED, [rule(dtype("float32"))], UNKNOWN, "OPS103", "dtype of T is not known", "an unknown dtype is undecided, never passed"),
    (onnx_site("Relu", types={}, unbound=("*",)), [rule(dtype("float32"))], UNKNOWN, "OPS103", "dtype of T is not known", "so is that of an operator without schema"),
    (site("Relu", X), [rule(dtype("float32"))], UNKNOWN, "OPS103", "dtype of T is not known", "and of a site that binds no type variables at all"),
    (relu(X), [rule(dtype("float32"), dtype("int64", of="Tind"))], SUPPORTED, "", "", "the variable of an optional input left out decides nothing"),
    (relu(X), [rule(dtype("seq(float32)", "optional(seq(int8))"))], SUPPORTED, "", "", "a sequence's dtype is that of what it holds"),
    (F16, [rule(dtype("seq(float32)"))], UNSUPPORTED, "OPS102", "allowed: seq(float32)", "and not another"),
    (relu(X, mode="linear"), [rule(attribute("mode", "nearest", "linear"))], SUPPORTED, "", "", "an allowed attribute"),
    (relu(X, mode="cubic"), [rule(attribute("mode", "nearest", "linear"))], UNSUPPORTED, "OPS102", "mode is cubic; allowed: nearest, linear", "one that is not"),
    (relu(X), [rule(attribute("mode", "nearest"))], SUPPORTED, "", "", "an absent attribute passes"),
    (relu(X, axes=(0, 1)), [rule(attribute("axes", (0, 1)))], SUPPORTED, "", "", "a list is an attribute's value too"),
    (relu(X), [rule(rank(0, 2, 4))], SUPPORTED, "", "", "an allowed rank"),
    (relu(X), [rule(rank(0, 4))], UNSUPPORTED, "OPS102", "input 0 has rank 2; allowed: 4", "one that is not"),
    (relu(UNKNOWN_RANK), [rule(rank(0, 4))], UNKNOWN, "OPS103", "rank of input 0 is not known", "an unknown rank is undecided"),
    (relu(DYNAMIC), [rule(rank(0, 2))], SUPPORTED, "", "", "a symbolic shape has a rank"),
    (relu(X), [rule(rank(1, 2))], SUPPORTED, "", "", "an optional input left out has none"),
    (relu(X, None), [rule(rank(1, 2), static(1))], SUPPORTED, "", "", "left out in the middle as well"),
    (relu(X), [rule(static(0))], SUPPORTED, "", "", "a static shape"),
    (relu(DYNAMIC), [rule(static(0))], UNSUPPORTED, "OPS102", "the shape of input 0 is float32[N,3]; it must be static", "a symbolic one"),
    (F16, [rule(dtype("float32"), rank(0, 2))], UNSUPPORTED, "OPS102", "T is float16", "one clause that fails is enough"),
    (onnx_site("Relu", X, types={}, unbound=("T",)), [rule(dtype("float32"), rank(0, 4))], UNSUPPORTED, "OPS102", "input 0 has rank 2", "a certain no beats what is undecided"),
]  # fmt: skip

RULES = [
    (relu(X), [rule(restriction="only on even channels")], CONDITIONAL, "OPS104", "only on even channels", "what no clause can decide is a condition"),
    (F16, [rule(dtype("float32"), restriction="x")], UNSUPPORTED, "OPS102", "T is float16", "a failed clause needs no condition"),
    (UNTYPED, [rule(dtype("float32"), restriction="x")], UNKNOWN, "OPS103", "dtype of T", "unknown is worse than conditional"),
    (relu(X), [rule(supported=False)], UNSUPPORTED, "OPS101", "listed as unsupported", "an explicit no"),
    (relu(X), [rule(supported=False, restriction="see issue 7")], UNSUPPORTED, "OPS101", "see issue 7", "with its own words"),
    (relu(X), [rule(broken="crashes, issue 9")], BROKEN, "OPS105", "crashes, issue 9", "accepted, then wrong"),
]  # fmt: skip

ALTERNATIVES = [
    (F16, [rule(dtype("float32")), rule(dtype("float16"))], SUPPORTED, "", "", "any rule may match"),
    (F16, [rule(dtype("float16"), restriction="slow"), rule(dtype("float16"))], SUPPORTED, "", "", "the best wins over a condition"),
    (F16, [rule(dtype("float32")), rule(dtype("float16"), restriction="slow")], CONDITIONAL, "OPS104", "slow", "a condition over a no"),
    (UNTYPED, [rule(supported=False), rule(dtype("float32"))], UNSUPPORTED, "OPS101", "listed as unsupported", "an explicit no is more than a promise"),
    (relu(X, mode="cubic"), [rule(), rule(attribute("mode", "cubic"), supported=False, restriction="not cubic")], UNSUPPORTED, "OPS101", "not cubic", "for the cases that it speaks of"),
    (relu(X, mode="linear"), [rule(), rule(attribute("mode", "cubic"), supported=False)], SUPPORTED, "", "", "and no others"),
    (F16, [rule(dtype("float32")), rule(DOUBLE)], UNSUPPORTED, "OPS102", "T is float16; allowed: float32", "of two reasons always the same one"),
    (F16, [rule(DOUBLE), rule(dtype("float32"))], UNSUPPORTED, "OPS102", "T is float16; allowed: float32", "whatever their order"),
    (relu(X, mode="cubic"), [rule(attribute("mode", "linear")), rule(attribute("mode", "cubic"), broken="issue 9")], BROKEN, "OPS105", "issue 9", "what is known to break is more than a failed clause"),
    (relu(X, mode="cubic"), [rule(), rule(attribute("mode", "cubic"), broken="issue 9")], BROKEN, "OPS105", "issue 9", "and more than a promise"),
    (relu(X, mode="linear"), [rule(), rule(attribute("mode", "cubic"), broken="issue 9")], SUPPORTED, "", "", "other cases are not broken"),
    (UNTYPED, [rule(), rule(dtype("float16"), broken="issue 9")], UNKNOWN, "OPS103", "dtype of T is not known; allowed: float16; issue 9", "it cannot be told whether this case is"),
    (relu(X), [rule(dtype("float16"), supported=False), rule(dtype("float32"))], SUPPORTED, "", "", "a no to other cases is no answer to this one"),
    (relu(X), [rule(dtype("float16"), supported=False)], UNSUPPORTED, "OPS101", "fake@1 has no rule for this case of it and is complete", "a complete list that speaks of other cases"),
]  # fmt: skip

ALL = CLAUSES + RULES + ALTERNATIVES


@pytest.mark.parametrize(("found", "rules", "support", "rule_id", "reason", "why"), ALL, ids=[row[-1] for row in ALL])
def test_verdict(found, rules, support, rule_id, reason, why):
    verdict = judge(found, profile(*rules))
    assert (verdict.support, verdict.rule) == (support, rule_id), why
    assert reason in verdict.reason, why
    assert (verdict.reason == "") == (support is SUPPORTED), "a verdict carries its reason"


SILENCE = [
    (relu(X), {"exhaustive": True}, UNSUPPORTED, "OPS101", "fake@1 does not list it and is complete", "silence of a complete list is a no"),
    (relu(X), {"exhaustive": False}, UNKNOWN, "OPS103", "says nothing about it and is not complete", "silence of another is none"),
    (FUNCTION, {"exhaustive": True, "function_bodies": True}, UNKNOWN, "OPS103", "its ONNX function body is run instead, which is not known without its types", "a function's body may do"),
    (FUNCTION, {"exhaustive": True}, UNSUPPORTED, "OPS101", "is complete", "not with a backend that has no use for bodies"),
    (relu(X), {"exhaustive": True, "function_bodies": True}, UNSUPPORTED, "OPS101", "is complete", "nor for an operator that has none"),
    (site("my.domain::Relu"), {"exhaustive": True, "rules_for": "Relu"}, UNSUPPORTED, "OPS101", "does not list it", "a domain is never ignored"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "facts", "support", "rule_id", "reason", "why"), SILENCE)
def test_silence(found, facts, support, rule_id, reason, why):
    facts = dict(facts)
    listed = rule(operator=facts.pop("rules_for", "Sigmoid"))
    verdict = judge(found, profile(listed, **facts))
    assert (verdict.support, verdict.rule) == (support, rule_id), why
    assert reason in verdict.reason, why


def test_a_body_may_do_where_the_operators_own_rules_fail():
    for rules in ([rule(dtype("float32"))], [rule(since=14)]):
        verdict = judge(FUNCTION, profile(*rules, function_bodies=True, version_match=VersionMatch.EQUAL))
        assert verdict.support is UNKNOWN
        assert "its ONNX function body is run instead" in verdict.reason
    assert judge(FUNCTION, profile(rule(supported=False), function_bodies=True)).support is UNSUPPORTED


CASTS = [
    (F16, ("float32",), SUPPORTED, "the backend casts it itself"),
    (F16, ("float16",), SUPPORTED, "it need not"),
    (F16, ("float64",), UNSUPPORTED, "only to what the rule allows"),
    (onnx_site("Relu", types={"T": "bfloat16"}), ("float32",), UNSUPPORTED, "only what the profile says it casts"),
    (onnx_site("Relu", types={"T": "float32"}), ("float16",), UNSUPPORTED, "and in that direction only"),
    (FUNCTION, ("float32",), UNKNOWN, "a function body is preferred to a cast"),
    (onnx_site("EyeLike", types={"T": "float16"}), ("float32",), UNSUPPORTED, "inputs are cast, not what a node makes"),
]


@pytest.mark.parametrize(("found", "allowed", "support", "why"), CASTS)
def test_casts(found, allowed, support, why):
    rules = [rule(dtype(*allowed), operator=operator) for operator in ("Relu", "EyeLike")]
    backend = profile(*rules, casts={"float16": "float32"}, function_bodies=True)
    assert judge(found, backend).support is support, why


# since, until, open range, schema version, whether it is covered, what it proves
RANGES = [
    (None, None, VersionMatch.EQUAL, 13, True, "no range covers every version"),
    (11, 13, VersionMatch.EQUAL, 11, True, "both ends"),
    (11, 13, VersionMatch.EQUAL, 13, True, "belong to a range"),
    (11, 13, VersionMatch.EQUAL, 12, True, "and what is between"),
    (11, 13, VersionMatch.EQUAL, 14, False, "not what is after"),
    (11, 13, VersionMatch.AT_LEAST, 9, False, "nor before"),
    (13, None, VersionMatch.EQUAL, 13, True, "an open range, read as one version"),
    (13, None, VersionMatch.EQUAL, 14, False, "ends there"),
    (13, None, VersionMatch.AT_LEAST, 14, True, "read as from then on it does not"),
    (13, None, VersionMatch.AT_LEAST, 12, False, "but begins there"),
    (13, None, VersionMatch.EQUAL, None, True, "an operator without schema has no version"),
]


@pytest.mark.parametrize(("since", "until", "version_match", "version", "covered", "why"), RANGES)
def test_version_ranges(since, until, version_match, version, covered, why):
    found = onnx_site("Relu", version=version)
    verdict = judge(found, profile(rule(since=since, until=until), version_match=version_match))
    assert verdict.support is (SUPPORTED if covered else UNSUPPORTED), why
    assert verdict.rule == ("" if covered else "OPS102")


@pytest.mark.parametrize(
    ("version_match", "reason"),
    [
        (VersionMatch.EQUAL, "version 12 of the operator; fake@1 has 7 to 9, 11, 13"),
        (VersionMatch.AT_LEAST, "version 12 of the operator; fake@1 has 7 to 9, 11, 13 and newer"),
    ],
)
def test_the_reason_names_the_versions_there_are(version_match, reason):
    rules = [rule(since=7, until=9), rule(since=11, until=11), rule(since=13)]
    assert judge(onnx_site("Relu", version=12), profile(*rules, version_match=version_match)).reason == reason


def test_another_dialect_is_refused_with_the_remedy():
    with pytest.raises(DialectMismatch, match=r"fake@1 lists onnx operators .* tiny .*--dialect onnx") as refused:
        compare(inventory("@", dialect=Dialect.TORCH), profile())
    assert "\n" not in str(refused.value)


# --- coverage -----------------------------------------------------------------------------------

BACKEND = profile(
    rule(operator="Conv"),
    rule(operator="Relu", restriction="slow"),
    rule(attribute("mode", "linear"), operator="Resize"),
    rule(operator="Gelu", broken="issue 9"),
    exhaustive=False,
)
COVERAGE = compare(
    inventory(
        site("Conv", module="a", macs=60),
        site("Conv", module="b", macs=30),
        site("Resize", module="up.0", attributes={"mode": "cubic"}),
        site("Resize", module="up.1", attributes={"mode": "cubic"}),
        site("Resize", module="up.2", attributes={"mode": "linear"}),
        site("Relu", macs=10),
        site("Erf", macs=None),
        site("Gelu"),
        uncaptured=(Uncaptured("head", "a loop"),),
    ),
    BACKEND,
)


def test_each_ratio_has_its_own_denominator():
    assert COVERAGE.sites == Ratio(3, 8)
    assert COVERAGE.operators == Ratio(1, 5), "an operator counts when all its sites do"
    assert COVERAGE.macs == Ratio(90, 100), "of those that are known"


def test_findings_are_worst_first_with_gaps_last():
    assert [(f.rule, f.support, f.operator, f.count) for f in COVERAGE.findings] == [
        ("OPS105", BROKEN, "Gelu", 1),
        ("OPS102", UNSUPPORTED, "Resize", 2),
        ("OPS103", UNKNOWN, "Erf", 1),
        ("OPS104", CONDITIONAL, "Relu", 1),
        ("OPS110", UNKNOWN, "(not captured)", 1),
    ]
    assert str(COVERAGE.findings[1].places[0]) == "2x up.*"
    assert COVERAGE.findings[-1].reason == "a loop"


def test_the_head_names_every_denominator():
    facts = dict(coverage_facts(COVERAGE))
    assert facts["supported sites"] == "37.5 % (3 of 8)"
    assert facts["supported distinct operators"] == "20.0 % (1 of 5)"
    assert facts["supported MACs"] == "90.0 % (90 of 100)"


WORST = [
    ((), (), SUPPORTED, "nothing is in the way of an empty model"),
    (("Conv",), (), SUPPORTED, "all supported"),
    (("Conv", "Relu"), (), CONDITIONAL, "one condition"),
    (("Conv", "Relu", "Erf"), (), UNKNOWN, "one unknown"),
    (("Conv", "Relu"), (Uncaptured("head", "a loop"),), UNKNOWN, "what was not seen may be anything"),
    (("Gelu", "Conv", "Erf"), (), BROKEN, "broken is worst"),
    (("Gelu",), (Uncaptured("head", "a loop"),), BROKEN, "a gap does not hide it"),
]


@pytest.mark.parametrize(("operators", "gaps", "verdict", "why"), WORST)
def test_the_verdict_is_the_worst(operators, gaps, verdict, why):
    assert compare(inventory(*operators, uncaptured=gaps), BACKEND).verdict is verdict, why


def test_a_share_of_nothing_is_no_number():
    assert Ratio(0, 0).percent is None
    assert Ratio(1, 4).percent == 25
    assert compare(inventory(), BACKEND).sites.percent is None


@st.composite
def _compared(draw):
    found = draw(inventories(Dialect.ONNX))
    rules = [
        Rule(
            operator=str(s.op),
            since=draw(st.none() | st.integers(1, 28)),
            supported=draw(st.booleans()),
            clauses=tuple(draw(st.lists(st.sampled_from((DOUBLE, rank(0, 2), static(0))), max_size=2))),
            restriction=draw(st.sampled_from(("", "slow"))),
            broken=draw(st.sampled_from(("", "", "issue 9"))),
        )
        for s in found.sites
        if draw(st.booleans())
    ]
    return compare(found, profile(*rules, exhaustive=draw(st.booleans()), function_bodies=draw(st.booleans())))


@given(_compared())
def test_coverage_adds_up(coverage):
    assert len(coverage.verdicts) == len(coverage.inventory.sites) == coverage.sites.whole
    assert 0 <= coverage.sites.part <= coverage.sites.whole
    assert 0 <= coverage.macs.part <= coverage.macs.whole == coverage.inventory.known_macs
    assert 0 <= coverage.operators.part <= coverage.operators.whole == len({site.op for site in coverage.inventory})
    assert all(bool(v.reason) == bool(v.rule) == (v.support is not SUPPORTED) for v in coverage.verdicts)


@given(_compared())
def test_findings_partition_what_is_not_supported(coverage):
    gaps = [f for f in coverage.findings if f.rule == "OPS110"]
    others = [f for f in coverage.findings if f.rule != "OPS110"]
    assert len(gaps) == len(coverage.inventory.uncaptured)
    assert sum(f.count for f in others) == coverage.sites.whole - coverage.sites.part
    assert len({(f.support, f.rule, f.operator, f.reason) for f in others}) == len(others)
    assert all(sum(place.count for place in f.places) == f.count for f in coverage.findings)
    order = [WORST_LAST.index(f.support) for f in others]
    assert order == sorted(order, reverse=True)


@given(_compared())
def test_no_site_is_worse_than_the_verdict(coverage):
    seen = [v.support for v in (*coverage.verdicts, *coverage.model_findings)]
    seen += [UNKNOWN for _ in coverage.inventory.uncaptured]
    assert coverage.verdict is max(seen, key=WORST_LAST.index, default=SUPPORTED)
    assert (coverage.verdict is SUPPORTED) == (not coverage.findings and not coverage.model_findings)


# what the profile lists, its level, the outcome for addmm, what the row proves
WHOLES = [
    (["aten::linear"], AtenLevel.CORE, Support.UNKNOWN, "kept whole or not: nobody can tell"),
    (["aten::linear.out"], AtenLevel.EDGE, Support.UNKNOWN, "of any overload"),
    (["aten::linear"], AtenLevel.EXPORT, Support.UNSUPPORTED, "in torch.export's graph it would be whole"),
    (["aten::relu"], AtenLevel.CORE, Support.UNSUPPORTED, "something else is no part of it"),
    (["aten::linear", "aten::addmm"], AtenLevel.CORE, Support.SUPPORTED, "what is listed itself is"),
]


@pytest.mark.parametrize(("listed", "level", "support", "why"), WHOLES, ids=[row[-1] for row in WHOLES])
def test_a_part_of_what_is_listed_whole(listed, level, support, why):
    backend = profile(*(Rule(operator=name) for name in listed), dialect=Dialect.ATEN, level=level)
    found = judge(site("aten::addmm", spec(2, 3)), backend)
    assert found.support is support, why
    assert ("kept whole" in found.reason) == (support is Support.UNKNOWN)
