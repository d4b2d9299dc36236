import pytest

from opscan.core.dataflow import flow
from opscan.core.inventory import TensorSpec
from tests.fakes import site, spec


def node(op, reads="", makes="", **facts):
    """A site that reads and makes the values of these names."""
    inputs = [None if name == "-" else spec(2, name=name) for name in reads.split()]
    return site(op, *inputs, outputs=tuple(spec(2, name=name) for name in makes.split()), **facts)


THEN, ELSE = ({"body": f"choice.{branch}"} for branch in ("then_branch", "else_branch"))
IF = node("If", "c", "y", node="choice")

# sites, groups of positions, predecessors, what the row proves
CASES = [
    ([], [], [], "nothing"),
    ([node("A", "x", "a"), node("B", "a w", "b"), node("C", "a b", "c")], [(0,), (1,), (2,)], [(), (0,), (0, 1)],
     "a value has one maker and any number of readers"),
    ([node("A", "x", "a"), node("B", "a a", "b")], [(0,), (1,)], [(), (0,)], "read twice is read"),
    ([node("A", "x", "a"), node("B", "- a", "b")], [(0,), (1,)], [(), (0,)], "an input left out reads nothing"),
    ([node("A", "x", "a b"), node("B", "b", "c")], [(0,), (1,)], [(), (0,)], "any output"),
    ([node("A", "x", "a"), node("B", "", "b")], [(0,), (1,)], [(), ()], "without inputs"),
    ([node("A", "x", "a"), IF, node("B", "a", "b", **THEN), node("C", "b", "y", **THEN), node("D", "x", "y", **ELSE),
      node("E", "y", "e")], [(0,), (1, 2, 3, 4), (5,)], [(), (0,), (1,)],
     "a control-flow operator is one node with its bodies, and reads what they read of the graph around them"),
    ([IF, node("Loop", "", "b", node="l", **THEN), node("A", "", "a", body="choice.then_branch/l.body"),
      node("B", "y", "z")], [(0, 1, 2), (3,)], [(), (0,)], "bodies in bodies"),
    ([node("If", "c", "y"), node("A", "x", "a", body="If.then_branch"), node("If", "y", "z"),
      node("A", "x", "a", body="If.then_branch")], [(0, 1), (2, 3)], [(), (0,)],
     "nodes without names, of which two have the same path: a body follows its operator"),
    ([node("A", "x", "a", body="call"), node("B", "a", "b", body="call")], [(0,), (1,)], [(), (0,)],
     "what stands in place of a function's call is no body"),
    ([node("B", "a", "b"), node("A", "x", "a")], [(1,), (0,)], [(), (0,)], "what is not in order is put in order"),
    ([node("A", "x b", "a"), node("B", "a", "b")], [(0,), (1,)], [(), (0,)], "a cycle, which a damaged file may have"),
    ([node("A", "a", "a")], [(0,)], [()], "a value that makes itself"),
]  # fmt: skip


@pytest.mark.parametrize(("sites", "groups", "predecessors", "why"), CASES, ids=[row[-1] for row in CASES])
def test_flow(sites, groups, predecessors, why):
    found = flow(sites)
    assert list(found.sites) == groups, why
    assert list(map(tuple, found.predecessors())) == predecessors, why


def test_what_is_left_out_is_a_stored_value():
    found = flow([node("A", "", "a"), node("B", "a x", "b")], skipped=[0])
    assert list(found.sites) == [(1,)]
    assert found.makers == {"b": 0}


def test_values_without_a_name_connect_nothing():
    unnamed = TensorSpec((2,), "float32")
    found = flow([site("A", outputs=(unnamed,)), site("B", unnamed)])
    assert list(map(tuple, found.predecessors())) == [(), ()]
