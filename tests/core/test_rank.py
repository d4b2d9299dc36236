"""What to implement next, against trying every set."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core import rank as module
from opscan.core.fits import Fit, fits
from opscan.core.inventory import Uncaptured
from opscan.core.judge import compare
from opscan.core.needs import Doubt, Needs, Obstacle, needs
from opscan.core.profile import Clause, ClauseKind, Rule, Test
from opscan.core.rank import ranking
from tests.fakes import inventory, onnx_site, profile, spec


def model(name, obstacles="", doubts="", family=""):
    """A model with obstacles of these letters."""
    return Needs(
        model=name,
        family=family or name,
        obstacles=frozenset(map(Obstacle, obstacles)),
        doubts=frozenset(map(Obstacle, doubts)),
    )


def names(step):
    return "".join(obstacle.operator for obstacle in step.obstacles)


def test_the_curve():
    models = [model("m0"), model("m1", "a"), model("m2", "ab"), model("m3", "cd"), model("m4", "cd"), model("m5", "cd")]
    found = ranking(models)
    assert [(step.size, names(step), len(step.unblocked)) for step in found.curve] == [
        (0, "", 1),
        (1, "a", 2),
        (2, "cd", 4),
        (3, "acd", 5),
        (4, "abcd", 6),
    ], "the best pair is not the best one and another"
    assert all(step.exact for step in found.curve)


def test_blockers_say_whom_they_block_and_whom_they_alone_block():
    found = ranking([model("m1", "a"), model("m2", "ab"), model("m3", "b"), model("m4", "b")]).blockers
    assert [(b.obstacle.operator, b.models, b.alone) for b in found] == [
        ("b", ("m2", "m3", "m4"), ("m3", "m4")),
        ("a", ("m1", "m2"), ("m1",)),
    ]


def test_weights_decide():
    models = [model("m1", "a"), model("m2", "b"), model("m3", "b")]
    assert names(ranking(models).curve[1]) == "b"
    assert names(ranking(models, {"m1": 5}).curve[1]) == "a"


def test_a_doubt_is_neither_yes_nor_no():
    found = ranking([model("m1", "", "x"), model("m2", "a", "x")])
    assert [(step.unblocked, step.doubtful) for step in found.curve] == [
        (("m1",), ("m1",)),
        (("m1", "m2"), ("m1", "m2")),
    ]


@st.composite
def many(draw):
    sets = draw(st.lists(st.sets(st.sampled_from("abcdefg"), max_size=4), min_size=1, max_size=9))
    models = [model(f"m{number}", "".join(sorted(letters))) for number, letters in enumerate(sets)]
    return models, {one.model: draw(st.integers(1, 4)) for one in models}


def best(models, weights, size):
    """The largest weight that any set of that many obstacles unblocks."""
    everything = sorted(frozenset().union(*(one.obstacles for one in models)))
    return max(
        sum(weights[one.model] for one in models if one.obstacles <= set(chosen))
        for chosen in combinations(everything, min(size, len(everything)))
    )


@given(many())
def test_exact_is_the_best_there_is(given_models):
    models, weights = given_models
    for step in ranking(models, weights).curve:
        assert step.exact
        assert step.weight == best(models, weights, step.size)
        assert len(step.obstacles) <= step.size


@given(many(), st.integers(0, 5))
def test_beyond_the_limit_it_is_said_and_never_gets_worse(given_models, steps):
    models, weights = given_models
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STEPS", steps)
        curve = ranking(models, weights).curve
    assert [step.weight for step in curve] == sorted(step.weight for step in curve)
    for step in curve:
        assert step.weight <= best(models, weights, step.size)
        assert not step.exact or step.weight == best(models, weights, step.size)


BACKEND = profile(
    Rule(operator="Conv", clauses=(Clause(ClauseKind.DTYPE, "T", ("float32",)),)),
    Rule(operator="Pad", clauses=(Clause(ClauseKind.DIMENSION, "input 0", (8,), Test.MULTIPLE_OF, axis=1),)),
    Rule(operator="Maybe", restriction="even channels only"),
    Rule(operator="Relu"),
)
F16 = {"types": {"T": "float16"}}
# sites, obstacles, doubts, what the row proves
NEEDS = [
    ([onnx_site("Relu")], [], [], "nothing"),
    ([onnx_site("Tan"), onnx_site("Tan")], ["Tan"], [], "an operator that is not listed is one obstacle"),
    ([onnx_site("Conv", **F16)], ["Conv: T is float16; allowed: float32"], [], "so is each value that is not allowed"),
    ([onnx_site("Pad", spec(1, 3)), onnx_site("Pad", spec(1, 5))], ["Pad: dimension 1 of input 0 must be a multiple"
     " of 8"], [], "a bound is one obstacle, whatever the values"),
    ([onnx_site("Maybe")], [], ["Maybe: even channels only"], "a condition is a doubt"),
]  # fmt: skip


@pytest.mark.parametrize(("sites", "obstacles", "doubts", "why"), NEEDS, ids=[row[-1] for row in NEEDS])
def test_needs(sites, obstacles, doubts, why):
    found = needs(compare(inventory(*sites), BACKEND))
    assert (sorted(map(str, found.obstacles)), sorted(map(str, found.doubts))) == (obstacles, doubts), why


@pytest.mark.parametrize(
    ("treated", "obstacles", "doubts"), [(Doubt.MISSING, 1, 0), (Doubt.SUPPORTED, 0, 0), (Doubt.APART, 0, 1)]
)
def test_doubts_are_treated_as_asked(treated, obstacles, doubts):
    found = needs(compare(inventory(onnx_site("Maybe")), BACKEND), conditional=treated)
    assert (len(found.obstacles), len(found.doubts)) == (obstacles, doubts)


def test_what_was_not_captured_is_a_doubt_that_nobody_can_implement():
    found = needs(compare(inventory(uncaptured=(Uncaptured("head", "a loop"),)), BACKEND), unknown=Doubt.SUPPORTED)
    assert [str(doubt) for doubt in found.doubts] == ["(not captured): head: a loop"]


def test_macs_of_an_obstacle():
    found = needs(compare(inventory(onnx_site("Tan", macs=3), onnx_site("Tan", macs=4)), BACKEND))
    assert found.macs == ((Obstacle("Tan"), 7),)


def test_families_are_grouped_nearest_first():
    swin = [model(f"swin_{size}", "R", family="Swin") for size in "tsb"]
    others = [model("cnn"), model("far", "ab"), model("vit_a", "a", family="ViT"), model("vit_b", family="ViT")]
    unsure = [model("odd", "", "xy")]
    found = fits([*others, *swin, *unsure])
    assert [(f.family, f.fit, f.sentence) for f in found] == [
        ("cnn", Fit.RUNS, "runs as it is"),
        ("ViT", Fit.RUNS, "runs as it is"),
        ("odd", Fit.UNDECIDED, "undecided: x and y"),
        ("ViT", Fit.BLOCKED, "blocked by a alone"),
        ("Swin", Fit.BLOCKED, "all three, blocked by R alone"),
        ("far", Fit.BLOCKED, "blocked by a and b"),
    ]
