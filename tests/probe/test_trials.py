"""What a measured model tells the rules that are fitted to it."""

import pytest

from opscan.core.measured import Feature, Trial, refusals_of
from opscan.core.probe import Choice, Measurement, Observation, Outcome
from opscan.core.profile import Clause, ClauseKind, Test
from opscan.probe.corpus import chosen
from opscan.probe.trials import trials_of

PRESENT, CONSTANT, DIMENSION, DTYPE, ATTRIBUTE = (
    ClauseKind.PRESENT,
    ClauseKind.CONSTANT,
    ClauseKind.DIMENSION,
    ClauseKind.DTYPE,
    ClauseKind.ATTRIBUTE,
)

# a generated model of opset 17, feature, value (None: it has no such feature), what the row proves
FEATURES = [
    ("Dropout-17 float32[2,3]", Feature(PRESENT, "input 2"), False, "an input at the end that is left out"),
    ("Dropout-17 float32[2,3]", Feature(CONSTANT, "input 2"), None, "of which nothing else is asked"),
    ("Dropout-17 float32[2,3]", Feature(PRESENT, "output 1"), False, "an output that is not used"),
    ("Dropout-17 float32[2,3]", Feature(PRESENT, "seed"), False, "an attribute that has no default"),
    ("Squeeze-17 float32[1,3,1] int64[2]=0,2", Feature(DIMENSION, "input 1", -1), 2, "how many axes there are"),
    ("Squeeze-17 float32[1,3,1] int64[2]=0,2", Feature(PRESENT, "input 1"), True, "an input that is given"),
    (
        "ai.onnx.ml::DictVectorizer-17 map(int64, float)[] int64_vocabulary=[1,2]",
        Feature(DTYPE, "T1"),
        "map(int64,float32)",
        "the type of a map, as profiles write it",
    ),
]


@pytest.fixture(scope="module")
def trials():
    operators = ("Dropout", "Squeeze", "ai.onnx.ml::DictVectorizer")
    cases = chosen(Choice(operators=operators, opsets=(17,)))
    observations = tuple(Observation(case.name, case.operator, Outcome.ACCEPTED) for case in cases)
    groups = trials_of(cases, Measurement(runtime="fake", version="1", observations=observations))
    return {trial.observation.case: trial for group in groups.values() for trial in group}


@pytest.mark.parametrize(("case", "feature", "value", "why"), FEATURES, ids=[row[-1] for row in FEATURES])
def test_features(trials, case, feature, value, why):
    assert trials[case].features.get(feature) == value, why


def trial(taken, **known):
    features = {Feature(DTYPE, "T"): known["dtype"], Feature(ATTRIBUTE, "mode"): known["mode"]}
    outcome = Outcome.ACCEPTED if taken else Outcome.REJECTED
    return Trial(Observation(str(known), "Pad", outcome, "" if taken else "no"), 13, features)


WRAP = Clause(ATTRIBUTE, "mode", ("wrap",), Test.IN)
# trials: accepted, dtype, mode; the clauses of the rules; what the row proves
REFUSALS = [
    (
        [(False, "float32", "wrap"), (False, "int8", "wrap"), (True, "float32", "edge")],
        [(WRAP,)],
        "what is refused with several dtypes is refused with all",
    ),
    (
        [(False, "int8", "wrap"), (False, "int8", "wrap"), (True, "int8", "edge")],
        [(Clause(DTYPE, "T", ("int8",), Test.IN), WRAP)],
        "what is refused with one keeps to that one",
    ),
    ([(False, "int8", "wrap"), (True, "int8", "edge")], [], "one model is no evidence"),
]


def test_a_condition_on_an_operand_says_that_it_is_there_and_no_single_element():
    """A clause on what is left out is met, and a vector of one is often taken for a scalar: neither was seen."""
    given, rank = Feature(PRESENT, "input 1"), Feature(ClauseKind.RANK, "input 1")
    shapes = [(False, 1, 4), (False, 1, 2), (True, 0, None)]
    found = [
        Trial(
            Observation(str(number), "Pad", Outcome.ACCEPTED if taken else Outcome.REJECTED),
            13,
            {given: True, rank: many} | ({Feature(DIMENSION, "input 1", -1): size} if size else {}),
        )
        for number, (taken, many, size) in enumerate(shapes)
    ]
    (rule,) = refusals_of("Pad", found, [True] * 3, (13,), cite="a test")
    assert rule.clauses == (
        Clause(PRESENT, "input 1", (True,), Test.IS),
        Clause(ClauseKind.RANK, "input 1", (1,), Test.IN),
        Clause(DIMENSION, "input 1", (2,), Test.AT_LEAST, -1),
    )


@pytest.mark.parametrize(("rows", "expected", "why"), REFUSALS, ids=[row[-1] for row in REFUSALS])
def test_refusals_say_no_more_than_was_seen(rows, expected, why):
    found = [trial(taken, dtype=dtype, mode=mode) for taken, dtype, mode in rows]
    rules = refusals_of("Pad", found, [True] * len(found), (13,), cite="a test")
    assert [rule.clauses for rule in rules] == expected, why
    assert all(not rule.supported and (rule.since, rule.until) == (13, 13) for rule in rules)
