"""What is said of all models of a kind is true of all that were tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.covering import conjunctions, holds

FEATURES = ("dtype", "mode", "given", "size")


def example(**known):
    return {name: (type(value).__name__, value) for name, value in known.items()}


def found(wanted, others, fewest=1):
    return [
        {name: {value for _, value in keys} for name, keys in conjunction}
        for conjunction in conjunctions(wanted, others, FEATURES, fewest)
    ]


A, B, C = example(dtype="a", mode=1), example(dtype="b", mode=1), example(dtype="c", mode=2)
# examples, counterexamples, the conjunctions, what the row proves
ROWS = [
    ([A, B], [C], [{"dtype": {"a", "b"}}], "of two conditions that do the same, the one that is asked first"),
    ([A, B], [example(dtype="a", mode=2)], [{"mode": {1}}], "what tells them apart, and nothing else"),
    ([A], [], [{}], "no counterexample, no condition"),
    ([A, C], [B, example(dtype="b", mode=2)], [{"dtype": {"a", "c"}}], "several values of one condition"),
    (
        [example(dtype="a", given=True, mode=1)],
        [example(dtype="a", given=False), example(dtype="a", given=True, mode=2)],
        [{"mode": {1}, "given": {True}}],
        "a condition on what a counterexample lacks holds for it, so another is needed",
    ),
    (
        [example(mode=1, size=1), example(mode=2, size=2)],
        [example(mode=1, size=2), example(mode=2, size=1)],
        [{"mode": {1}, "size": {1}}, {"mode": {2}, "size": {2}}],
        "cases in which no single condition gains anything",
    ),
    ([A, C], [A], [{"dtype": {"c"}}], "an example that is a counterexample, too, says nothing"),
    ([example(size=1)], [example(size=True)], [{"size": {1}}], "1 is not True"),
]


@pytest.mark.parametrize(("wanted", "others", "expected", "why"), ROWS, ids=[row[-1] for row in ROWS])
def test_conjunctions(wanted, others, expected, why):
    assert found(wanted, others) == expected, why


def test_what_holds_for_too_few_is_not_said():
    others = [example(dtype="a", mode=2), example(dtype="c", mode=1)]
    assert len(found([A, C], others, fewest=1)) == 2
    assert found([A, C], others, fewest=2) == []


EXAMPLES = st.lists(
    st.fixed_dictionaries({}, optional={name: st.tuples(st.just("int"), st.integers(0, 2)) for name in FEATURES}),
    max_size=8,
)


@given(EXAMPLES, EXAMPLES)
def test_no_counterexample_is_covered_and_no_example_that_can_be_told_apart_left_out(wanted, others):
    said = list(conjunctions(wanted, others, FEATURES, 1))
    assert not [e for e in others for c in said if holds(c, e)]
    for e in wanted:
        apart = not any(all(o.get(f, k) == k for f, k in e.items()) for o in others)
        assert not apart or any(holds(c, e) for c in said)
