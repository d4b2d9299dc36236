# ruff: noqa: E501 -- one row per case
"""What is said of profiles that speak of things that do not exist, and how two profiles differ."""

import onnx
import pytest

from opscan import backends
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.onnx_operators import STANDARD
from opscan.core.operator import OpName
from opscan.core.profile import Clause, ClauseKind, Rule, Test, VersionMatch
from opscan.core.profile_text import changes, rule_text
from opscan.pipeline.schemas import linted
from tests.fakes import profile


def dtype(*allowed, of="T"):
    return Clause(ClauseKind.DTYPE, of, allowed)


def attribute(name):
    return Clause(ClauseKind.ATTRIBUTE, name, (1,))


def operand(subject):
    return Clause(ClauseKind.CONSTANT, subject, (True,), Test.IS)


def rule(operator, *clauses, **facts):
    return Rule(operator=operator, clauses=clauses, **facts)


# rules, further facts of the profile, what is said (nothing: it is sound), what it proves
CASES = [
    ([rule("Relu", dtype("float32"), since=6, until=12), rule("Relu", since=13)], {}, [], "versions that there are"),
    ([rule("Relus")], {}, ["rules.Relus: there is no such operator; did you mean Relu?"], "a misspelt operator"),
    ([rule("Argmax")], {}, ["did you mean ArgMax?"], "or in another case"),
    ([rule("acme::Relus")], {}, [], "of a domain that nobody knows nothing is said"),
    ([rule("com.microsoft::Gellu")], {}, ["there is no such operator; did you mean com.microsoft::Gelu?"], "onnxruntime's are known where it is installed"),
    ([rule("Where", since=7)], {}, ["rules.Where[0].since: there is no version 7; there are 9, 16"], "WebNN's list has this one"),
    ([rule("Where", since=9, until=8)], {}, ["rules.Where[0].until: the first version is 9"], "a range before the first version"),
    ([rule("Where", since=7)], {"version_match": VersionMatch.ANY}, [], "a backend that does not look at versions"),
    ([rule("Relu", since=6, until=14), rule("Relu", since=13)], {}, ["rules.Relu[1]: overlaps with rule 0: 6 to 14 and 13 and newer"], "ranges that overlap"),
    ([rule("Relu"), rule("Relu", since=13)], {}, ["overlaps with rule 0: every version and 13 and newer"], "also with all"),
    ([rule("Relu", since=6), rule("Relu", since=13)], {}, ["overlaps with rule 0: 6 and newer and 13 and newer"], "open ranges overlap"),
    ([rule("Relu", since=6), rule("Relu", since=13)], {"version_match": VersionMatch.EQUAL}, [], "unless each is of one version"),
    ([rule("Relu", dtype("float32"), since=13), rule("Relu", dtype("int8"), since=13)], {}, [], "the same range twice: alternatives"),
    ([rule("Relu", since=6), rule("Relu", since=13, until=13, broken="issue 9")], {}, [], "what is broken within what works"),
    ([rule("Relu", dtype("float32", of="V"))], {}, ["rules.Relu[0]: there is no type variable V"], "a type variable that there is not"),
    ([rule("Relu", dtype("string"))], {}, ["rules.Relu[0]: T is never string"], "a dtype that it never has"),
    ([rule("Relu", dtype("float32", "string"))], {}, [], "one among others does no harm"),
    ([rule("Relu", dtype("int8"), since=6)], {}, [], "some version that it speaks of has it"),
    ([rule("Relu", dtype("int8"), since=6, until=13)], {}, ["T is never int8"], "none has"),
    ([rule("Conv", attribute("groups"))], {}, ["there is no attribute groups; did you mean group?"], "a misspelt attribute"),
    ([rule("Conv", operand("input 3"))], {}, ["there is no input 3: it has X, W, B"], "an input too many"),
    ([rule("Conv", operand("output 1"))], {}, ["there is no output 1: it has Y"], "and an output"),
    ([rule("Concat", operand("input 7"))], {}, [], "as many as one likes"),
    ([rule("Conv", operand("input *"))], {}, [], "all that there are"),
    ([rule("Relu")], {"aliases": {"relu6": "Relus"}}, ["aliases.relu6: there is no operator Relus; did you mean Relu?"], "an alias of nothing"),
]  # fmt: skip
ATEN = [
    ([rule("aten::add.Tensor", attribute("alpha")), rule("aten::add")], [], "an overload, and all of them"),
    ([rule("aten::add.Tenser")], ["there is no such operator; did you mean aten::add.Tensor?"], "a misspelt overload"),
    ([rule("aten::add.Tensor", attribute("alfa"))], ["there is no attribute alfa; did you mean alpha?"], "an argument"),
    (
        [rule("aten::add.Tensor", dtype("float32"))],
        ["aten has no type variables; write `input 0` for T"],
        "there are none",
    ),
    ([rule("aten::add.Tensor", operand("input 2"))], ["there is no input 2: it has self, other"], "a tensor too many"),
]


def said(rules, **facts):
    (faults,) = linted([profile(*rules, **facts)]).values()
    return [f"{fault.path}: {fault.text}" for fault in faults]


@pytest.mark.parametrize(("rules", "facts", "faults", "why"), CASES, ids=[row[-1] for row in CASES])
def test_onnx(rules, facts, faults, why):
    found = said(rules, **facts)
    assert len(found) == len(faults), (why, found)
    assert all(text in line for text, line in zip(faults, found, strict=True)), found


@pytest.mark.parametrize(("rules", "faults", "why"), ATEN, ids=[row[-1] for row in ATEN])
def test_aten(rules, faults, why):
    found = said(rules, dialect=Dialect.ATEN, level=AtenLevel.CORE)
    assert len(found) == len(faults), (why, found)
    assert all(text in line for text, line in zip(faults, found, strict=True)), found


def test_shipped_profiles_are_sound():
    references = [r for name in backends.names() for r in (name, *backends.versions(name))]
    faults = linted([backends.load(reference) for reference in references])
    assert {name: found for name, found in faults.items() if found} == {}


def test_the_names_of_the_standard_are_onnxs():
    known = {str(OpName(s.domain, s.name)) for s in onnx.defs.get_all_schemas_with_history()}
    assert known == STANDARD


# --- differences --------------------------------------------------------------------------------


def test_what_a_version_gained_lost_and_changed():
    old = profile(rule("Abs"), rule("Relu", dtype("float32"), since=6), rule("Conv", restriction="2-D"), rule("Erf"))
    new = profile(rule("Relu", dtype("float32", "int8"), since=6), rule("Conv"), rule("Gelu"), rule("Erf"))
    found = [(change.kind, change.operator, change.before, change.after) for change in changes(old, new)]
    assert found == [
        ("lost", "Abs", ("supported",), ()),
        ("changed", "Conv", ("conditional; 2-D",), ("supported",)),
        ("changed", "Relu", ("version 6 and newer; T: float32",), ("version 6 and newer; T: float32, int8",)),
        ("gained", "Gelu", (), ("supported",)),
    ]
    assert changes(old, old) == ()


TEXTS = [
    (rule("Relu"), "supported", "nothing to say"),
    (rule("Relu", supported=False), "unsupported", "a no"),
    (rule("Relu", since=6, until=6, broken="issue 9"), "version 6; broken; issue 9", "broken"),
    (rule("Relu", Clause(ClauseKind.RANK, "input 0", (4,), Test.AT_MOST, label="data")), "data (input 0) rank: at most 4", "a rank"),
    (rule("Relu", Clause(ClauseKind.DIMENSION, "input 0", (8,), Test.MULTIPLE_OF, 1)), "input 0 dimension 1: a multiple of 8", "a dimension"),
    (rule("Relu", operand("input 1")), "input 1 constant", "a constant"),
    (rule("Relu", Clause(ClauseKind.PRESENT, "output 1", (False,), Test.IS)), "output 1 left out", "what must not be there"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "text", "why"), TEXTS)
def test_rules_in_words(found, text, why):
    assert rule_text(found, profile(found)) == text, why
