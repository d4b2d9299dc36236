# ruff: noqa: E501 -- one row per case
"""Which rules speak of an operator, at which version, and in which graph."""

import pytest

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import DialectMismatch
from opscan.core.inventory import FunctionBody
from opscan.core.judge import compare, judge
from opscan.core.profile import Clause, ClauseKind, ModelLimits, Rule, Test, VersionMatch
from opscan.core.verdict import Support
from tests.fakes import inventory, onnx_site, profile, site, spec

ATEN = {"dialect": Dialect.ATEN, "level": AtenLevel.CORE}
EDGE = {"dialect": Dialect.ATEN, "level": AtenLevel.EDGE}
YES, NO, UNKNOWN = Support.SUPPORTED, Support.UNSUPPORTED, Support.UNKNOWN

NAMES = [
    ("aten::add.Tensor", "aten::add.Tensor", ATEN, YES, "the overload itself"),
    ("aten::add.Scalar", "aten::add.Tensor", ATEN, NO, "and no other"),
    ("aten::add.Scalar", "aten::add", ATEN, YES, "a rule without overload covers every one"),
    ("aten::relu", "aten::relu", ATEN, YES, "also the default"),
    ("aten::view", "aten::view_copy", EDGE, YES, "edge's copy stands for core's view"),
    ("aten::view_copy", "aten::view", EDGE, YES, "and the reverse"),
    ("aten::slice.Tensor", "aten::slice_copy.Tensor", EDGE, YES, "with its overload"),
    ("aten::slice.Tensor", "aten::slice_copy", EDGE, YES, "or without"),
    ("aten::view", "aten::view_copy", ATEN, NO, "not at the core level"),
    ("my.domain::Relu", "Relu", {}, NO, "a domain counts"),
    ("my.domain::Relu", "Relu", {"domain_ignored": True}, YES, "unless the backend ignores it"),
    ("Relu", "my.domain::Relu", {"domain_ignored": True}, NO, "which makes nothing of the standard's"),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "listed", "facts", "support", "why"), NAMES, ids=[row[-1] for row in NAMES])
def test_names(operator, listed, facts, support, why):
    assert judge(site(operator), profile(Rule(operator=listed), **facts)).support is support, why


def test_an_overloads_own_rules_replace_those_for_all():
    backend = profile(
        Rule(operator="aten::add"), Rule(operator="aten::add.Scalar", supported=False, restriction="no scalars"), **ATEN
    )
    assert judge(site("aten::add.Tensor"), backend).support is YES
    assert judge(site("aten::add.Scalar"), backend).reason == "no scalars"


def test_any_version():
    backend = profile(Rule(operator="Relu", since=14), version_match=VersionMatch.ANY)
    assert judge(onnx_site("Relu", version=6), backend).support is YES


@pytest.mark.parametrize(("imported", "support"), [(1, NO), (2, YES), (3, YES)])
def test_without_a_schema_the_version_is_that_of_the_domain(imported, support):
    model = inventory("acme::Op", opset_imports={"": 17, "acme": imported})
    (verdict,) = compare(model, profile(Rule(operator="acme::Op", since=2))).verdicts
    assert verdict.support is support


LEVELS = [
    (AtenLevel.CORE, AtenLevel.CORE, True, "the same level"),
    (AtenLevel.CORE, AtenLevel.EDGE, True, "edge is held against core"),
    (AtenLevel.EXPORT, AtenLevel.EXPORT, True, "not decomposed"),
    (None, AtenLevel.EXPORT, True, "from an opscan that did not write it down"),
    (AtenLevel.CORE, AtenLevel.EXPORT, False, "what is decomposed cannot be put together again"),
    (AtenLevel.EXPORT, AtenLevel.CORE, False, "nor the reverse"),
    (AtenLevel.EXPORT, AtenLevel.EDGE, False, "nor for edge"),
]


@pytest.mark.parametrize(("has", "wanted", "comparable", "why"), LEVELS)
def test_levels(has, wanted, comparable, why):
    model = inventory("aten::relu", dialect=Dialect.ATEN, level=has)
    backend = profile(Rule(operator="aten::relu"), dialect=Dialect.ATEN, level=wanted)
    if comparable:
        assert compare(model, backend).verdict is YES, why
    else:
        with pytest.raises(DialectMismatch, match=rf"{wanted} level .* tiny is of the {has} level; give"):
            compare(model, backend)


# --- dead and constant sites --------------------------------------------------------------------

DEAD, CONSTANT, FOREIGN = onnx_site("Det", dead=True), onnx_site("Det", constant=True), site("acme::Op", constant=True)
GRAPH = [
    (DEAD, {}, NO, "what no output needs must be supported too"),
    (DEAD, {"dead_nodes_judged": False}, YES, "unless the backend drops it"),
    (CONSTANT, {}, YES, "what depends on constants only is computed before"),
    (CONSTANT, {"constants_folded": False}, NO, "unless the backend does not"),
    (FOREIGN, {}, NO, "nobody can compute an operator that nobody knows"),
]


@pytest.mark.parametrize(("found", "limits", "support", "why"), GRAPH)
def test_dead_and_constant_sites(found, limits, support, why):
    assert judge(found, profile(limits=ModelLimits(**limits))).support is support, why


QUANTIZED = Clause(ClauseKind.QUANTIZED, "", (True,), Test.IS)
Q, DQ = "QuantizeLinear", "DequantizeLinear"


def chain(*steps, weight=None):
    """Sites in a row: each reads what the one before yields."""
    values = [spec(2, name=f"v{n}") for n in range(len(steps) + 1)]
    return [
        site(op, values[n], *([weight] if weight and op == "Conv" else []), outputs=(values[n + 1],))
        for n, op in enumerate(steps)
    ]


@pytest.mark.parametrize(
    ("sites", "support", "why"),
    [
        (chain(DQ, "Conv", Q), YES, "between the two"),
        (chain(DQ, "Conv", Q, weight=spec(2, name="w", constant=True)), YES, "a stored weight does not matter"),
        (chain(DQ, "Conv", "Relu", Q), NO, "its result goes elsewhere"),
        (chain("Relu", "Conv", Q, DQ), NO, "its input comes from elsewhere"),
        (chain("Conv"), NO, "nothing is quantized at all"),
        ([*chain(DQ, "Conv", Q), site("Relu", spec(2, name="v2"))], NO, "it is read without as well"),
    ],
)
def test_quantized_sites_are_seen_in_the_graph(sites, support, why):
    listed = [Rule(operator=op) for op in (Q, DQ, "Relu")]
    backend = profile(Rule(operator="Conv", clauses=(QUANTIZED,)), *listed)
    verdicts = compare(inventory(*sites), backend).verdicts
    assert [v.support for v in verdicts if str(v.site.op) == "Conv"] == [support], why


# --- function bodies ----------------------------------------------------------------------------


def call(key, op="Gelu"):
    return onnx_site(op, is_function=True, function=key)


BODIES = {
    "good": FunctionBody((onnx_site("Mul"), onnx_site("Erf"))),
    "bad": FunctionBody((onnx_site("Mul"), onnx_site("Tanh"))),
    "outer": FunctionBody((call("good", "Swish"), onnx_site("Mul"))),
    "outer bad": FunctionBody((call("bad", "Swish"), onnx_site("Mul"))),
    "slow": FunctionBody((onnx_site("Pow"), onnx_site("Mul"))),
    "untyped": FunctionBody((call("", "Swish"),)),
    "circle": FunctionBody((call("circle"),)),
    "invalid": FunctionBody((), "T is float64 and float32"),
    "empty": FunctionBody(()),
}
FUNCTIONS = [
    ("good", YES, "", "every operator of the body"),
    ("empty", YES, "", "none at all"),
    ("bad", NO, "fake@1 does not list it and is complete; in its function body, Tanh: fake@1 does not list it", "one is missing"),
    ("outer", YES, "", "a body in a body"),
    ("outer bad", NO, "in its function body, Swish: fake@1 does not list it and is complete; in its function body, Tanh", "and what it lacks"),
    ("slow", Support.CONDITIONAL, "in its function body, Pow: small powers only", "a condition in the body"),
    ("untyped", UNKNOWN, "its ONNX function body is run instead, which is not known without its types", "nobody knows the inner body"),
    ("circle", UNKNOWN, "contains itself", "a circle, which only a forged file can have"),
    ("invalid", NO, "T is float64 and float32", "a body that is no valid ONNX for this call"),
    ("missing", UNKNOWN, "which could not be made", "a body that did not come along"),
]  # fmt: skip
LISTED = (Rule(operator="Mul"), Rule(operator="Erf"), Rule(operator="Pow", restriction="small powers only"))


@pytest.mark.parametrize(("key", "support", "reason", "why"), FUNCTIONS, ids=[row[-1] for row in FUNCTIONS])
def test_function_bodies(key, support, reason, why):
    model = inventory(call(key), functions=BODIES)
    (verdict,) = compare(model, profile(*LISTED, function_bodies=True)).verdicts
    assert verdict.support is support, why
    assert reason in verdict.reason, why
    assert bool(verdict.reason) == (support is not YES)
    assert compare(model, profile(*LISTED)).verdict is NO, "a backend that does not expand functions"


def test_a_body_answers_for_a_profile_that_is_not_complete():
    backend = profile(*LISTED, function_bodies=True, exhaustive=False)
    assert compare(inventory(call("good"), functions=BODIES), backend).verdict is YES
    assert compare(inventory(call("bad"), functions=BODIES), backend).verdict is UNKNOWN


# --- the nearest alternative --------------------------------------------------------------------


def dtype(*allowed):
    return Clause(ClauseKind.DTYPE, "T", allowed)


RANK = Clause(ClauseKind.RANK, "input 0", (4,))
UNKNOWN_DIMENSION = Clause(ClauseKind.DIMENSION, "input 0", (3,), axis=1)


def test_the_nearest_alternative_is_reported_with_what_it_lacks_and_what_comes_next():
    far = Rule(operator="Relu", clauses=(dtype("int8"), RANK))
    near = Rule(operator="Relu", clauses=(dtype("float32"), RANK, UNKNOWN_DIMENSION), restriction="only small ones")
    (finding,) = compare(inventory(onnx_site("Relu", spec(1, "C"))), profile(far, near)).findings
    assert finding.reason == "input 0 has rank 2; allowed: 4"
    assert [(o.clause, o.passed, o.has, o.allowed) for o in finding.failing] == [(RANK, False, "2", "4")]
    assert finding.next == ("dimension 1 of input 0 is not known; allowed: 3", "only small ones")


def test_clauses_of_every_operator():
    every = (Clause(ClauseKind.RANK, "input *", (4,), Test.AT_MOST),)
    backend = profile(Rule(operator="Relu"), every_operator=every, exhaustive=False)
    big, small = spec(1, 2, 3, 4, 5), spec(1)
    assert judge(onnx_site("Relu", small), backend).support is YES
    assert judge(onnx_site("Relu", big), backend).reason == "input * has rank 5; allowed: at most 4"
    assert judge(onnx_site("Erf", big), backend).support is NO, "also of operators that it is silent about"
    assert judge(onnx_site("Erf", small), backend).support is UNKNOWN
