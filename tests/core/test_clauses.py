# ruff: noqa: E501 -- one row per case
"""Every clause on every kind of site: met, not met, or not to be told."""

import pytest
from hypothesis import given

from opscan.core.clauses import decide
from opscan.core.dialect import Dialect
from opscan.core.inventory import TensorSpec
from opscan.core.profile import Clause, ClauseKind, Test
from opscan.core.verdict import Outcome
from tests.fakes import onnx_site, site, sites, spec

X = spec(2, 3, name="x")
STORED = spec(8, 3, name="w", constant=True)
UNTYPED = TensorSpec(None, None, "y")
UNUSED = TensorSpec(None, None)
MET, FAILED, OPEN = True, False, None

KINDS = {
    "dtype": ClauseKind.DTYPE,
    "rank": ClauseKind.RANK,
    "dim": ClauseKind.DIMENSION,
    "constant": ClauseKind.CONSTANT,
    "present": ClauseKind.PRESENT,
    "static": ClauseKind.STATIC_SHAPE,
    "same": ClauseKind.SAME_SHAPE,
    "quantized": ClauseKind.QUANTIZED,
    "attribute": ClauseKind.ATTRIBUTE,
}


def op(*inputs, outputs=(), defaults=None, **attributes):
    return onnx_site(
        "Relu", *inputs, outputs=outputs, attributes=attributes, defaults={} if defaults is None else defaults
    )


def clause(kind, subject, *allowed, test=Test.IN, axis=None, label=""):
    return Clause(KINDS[kind], subject, allowed, test, axis, label)


def demands(kind, subject="", wanted=True, label=""):
    return Clause(KINDS[kind], subject, (wanted,), Test.IS, label=label)


# site, clause, decision, the sentence where it is not met
CASES = [
    (op(X), clause("dtype", "input 0", "float32"), MET, "", "the dtype of an operand"),
    (op(X), clause("dtype", "input 0", "int8"), FAILED, "input 0 is float32; allowed: int8", "another"),
    (op(UNTYPED), clause("dtype", "input 0", "int8"), OPEN, "dtype of input 0 is not known; allowed: int8", "one that is not known"),
    (op(X), clause("dtype", "input 1", "int8"), MET, "", "of an operand left out"),
    (op(X, spec(2, dtype="int64")), clause("dtype", "input *", "float32"), FAILED, "input * is int64", "one input of all"),
    (op(X), clause("dtype", "input *", "float64", test=Test.NOT_IN), MET, "", "none of those that are not allowed"),
    (op(spec(2, dtype="float64")), clause("dtype", "input *", "float64", test=Test.NOT_IN), FAILED, "allowed: not float64", "one of them"),
    (op(X, outputs=(X, spec(2, dtype="int64"))), clause("dtype", "output 1", "int64"), MET, "", "an output"),
    (op(X), clause("rank", "input 0", 4, label="data"), FAILED, "data (input 0) has rank 2; allowed: 4", "the operand's own name"),
    (op(X, spec(1, 2, 3)), clause("rank", "input *", 2, test=Test.AT_MOST), FAILED, "input * has rank 3; allowed: at most 2", "the worst of all inputs"),
    (op(UNTYPED, spec(1, 2, 3)), clause("rank", "input *", 2, test=Test.AT_MOST), FAILED, "has rank 3", "a certain no before what is not known"),
    (op(spec(2, 16)), clause("dim", "input 0", 8, test=Test.MULTIPLE_OF, axis=1), MET, "", "a multiple"),
    (op(spec(2, 7)), clause("dim", "input 0", 8, test=Test.MULTIPLE_OF, axis=1), FAILED, "dimension 1 of input 0 is 7; allowed: a multiple of 8", "none"),
    (op(spec(2, 7)), clause("dim", "input 0", 7, axis=-1), MET, "", "from the end"),
    (op(spec("N", 7)), clause("dim", "input 0", 1, axis=0), OPEN, "dimension 0 of input 0 is not known; allowed: 1", "a symbol is no number"),
    (op(spec(2)), clause("dim", "input 0", 1, axis=1), FAILED, "dimension 1 of input 0 is not there in [2]", "a dimension that there is not"),
    (op(UNTYPED), clause("dim", "input 0", 1, axis=1), OPEN, "is not known", "of a shape that is not known"),
    (op(X, STORED), demands("constant", "input 1"), MET, "", "a stored value"),
    (op(X), demands("constant", "input 0", label="shape"), FAILED, "shape (input 0) is not constant; it must be", "a computed one"),
    (op(X), demands("constant", "input 1"), MET, "", "one left out"),
    (op(X, STORED), demands("constant", "input 1", wanted=False), FAILED, "input 1 is constant; it must not be", "a stored one where it must be computed"),
    (op(X, STORED), demands("present", "input 1", wanted=False), FAILED, "input 1 is given; it must be left out", "an optional input"),
    (op(X, None, STORED), demands("present", "input 1", wanted=False), MET, "", "left out in the middle"),
    (op(X), demands("present", "input 1"), FAILED, "input 1 is left out; it must be given", "or missing"),
    (op(X, outputs=(X, X)), demands("present", "output 1", wanted=False), FAILED, "output 1 is given; it must be left out", "an output that is used"),
    (op(X, outputs=(X, UNUSED, X)), demands("present", "output 1", wanted=False), MET, "", "one that is not, before one that is"),
    (op(X, axes=(1,)), demands("present", "axes", wanted=False), FAILED, "axes is given; it must be left out", "an attribute"),
    (op(X), demands("present", "axes", wanted=False), MET, "", "left out"),
    (op(X), demands("static", "input 0"), MET, "", "all sizes known"),
    (op(spec("N", 3)), demands("static", "input 0"), FAILED, "the shape of input 0 is float32[N,3]; it must be static", "a symbol"),
    (op(spec("?", 3)), demands("static", "input 0"), OPEN, "cannot be told: the shape of input 0 is float32[?,3]", "what inference did not find may be a number all the same"),
    (op(UNTYPED), demands("static", "input 0"), OPEN, "cannot be told: the shape of input 0 is ?[?]", "nothing known"),
    (op(X, X), demands("same"), MET, "", "equal shapes"),
    (op(X, spec(1, 3)), demands("same"), FAILED, "its inputs have the shapes [2,3], [1,3]; they must be the same", "broadcasting"),
    (op(X, spec(3)), demands("same"), FAILED, "the shapes [2,3], [3]", "of ranks"),
    (op(X, spec("N", 3)), demands("same"), OPEN, "cannot be told", "a symbol may be that number"),
    (op(spec("N", 3), spec("N", 3)), demands("same"), MET, "", "one symbol is one number"),
    (op(spec("?", 3), spec("?", 3)), demands("same"), OPEN, "cannot be told", "two that nobody knows are not"),
    (op(X, UNTYPED), demands("same"), OPEN, "cannot be told", "a shape that is not known"),
    (op(spec("N", 3), spec(1, 4)), demands("same"), FAILED, "its inputs have the shapes [N,3], [1,4]", "certain in spite of the symbol"),
    (op(X, group=3), clause("attribute", "group", 2, test=Test.AT_MOST), FAILED, "group is 3; allowed: at most 2", "a limit"),
    (op(X, group=2), clause("attribute", "group", 2, test=Test.AT_MOST), MET, "", "just within"),
    (op(X, group=1), clause("attribute", "group", 2, test=Test.AT_LEAST), FAILED, "group is 1; allowed: at least 2", "a lower one"),
    (op(X, mode="cubic"), clause("attribute", "mode", "cubic", test=Test.NOT_IN), FAILED, "mode is cubic; allowed: not cubic", "what is ruled out"),
    (op(X, strides=(1, 3)), clause("attribute", "strides", 1, 2), FAILED, "strides is [1, 3]; allowed: 1, 2", "item by item"),
    (op(X, strides=(1, 2)), clause("attribute", "strides", 1, 2), MET, "", "every item of a list"),
    (op(X, axes=(1, 2)), clause("attribute", "axes", (1, 2)), MET, "", "or all of it"),
    (op(X, kernel=(3, 9)), clause("attribute", "kernel", 8, test=Test.AT_MOST), FAILED, "kernel is [3, 9]", "a limit of every item"),
    (op(X, value="float32[2,3]"), clause("attribute", "value", 8, test=Test.AT_MOST), OPEN, "value is not known", "a tensor is no number"),
    (op(X, defaults={"pad": 0}), clause("attribute", "pad", 1), FAILED, "pad is 0; allowed: 1", "left out it has the schema's default"),
    (op(X, defaults={"pad": 0}, pad=1), clause("attribute", "pad", 1), MET, "", "which a value overrides"),
    (op(X), clause("attribute", "pad", 1), MET, "", "left out and without a default it restricts nothing"),
    (site("acme::Op", X), clause("attribute", "pad", 1), OPEN, "pad is not known", "of an operator without schema nobody knows the default"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "demand", "decision", "sentence", "why"), CASES, ids=[row[-1] for row in CASES])
def test_decisions(found, demand, decision, sentence, why):
    passed, has = decide(demand, found, {}, None)
    assert passed is decision, why
    if passed is not True:
        assert sentence in str(Outcome(demand, passed, has)), why


@pytest.mark.parametrize(
    ("quantized", "wanted", "decision"),
    [(True, True, MET), (False, True, FAILED), (True, False, FAILED), (False, False, MET), (None, True, OPEN)],
)
def test_quantized(quantized, wanted, decision):
    assert decide(demands("quantized", wanted=wanted), op(X), {}, quantized)[0] is decision


ALL = [demand for _, demand, *_ in CASES]


@given(sites(Dialect.ONNX))
def test_every_clause_is_decided_on_every_site(found):
    for demand in ALL:
        passed, has = decide(demand, found, {"float32": "int64"}, None)
        assert passed in (True, False, None)
        assert passed is True or str(Outcome(demand, passed, has))
