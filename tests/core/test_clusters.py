"""Clusters against a brute force, and in time that grows with the graph."""

import gc
import time
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opscan.core import clusters as module
from opscan.core.clusters import clusters


def elements(labels):
    """What each node becomes when every cluster is contracted."""
    return [("cluster", label) if label >= 0 else ("node", node) for node, label in enumerate(labels)]


def acyclic(predecessors, labels):
    """Whether the contracted graph can be run: by taking away what waits for nothing until nothing is left."""
    names = elements(labels)
    waits = {name: set() for name in names}
    for node, before in enumerate(predecessors):
        waits[names[node]] |= {names[source] for source in before} - {names[node]}
    while ready := {name for name, sources in waits.items() if not sources}:
        waits = {name: sources - ready for name, sources in waits.items() if name not in ready}
    return not waits


def connected(predecessors, labels):
    """Whether one can walk between any two nodes of a cluster along edges inside it."""
    parts = {node: {node} for node, label in enumerate(labels) if label >= 0}
    for node, before in enumerate(predecessors):
        for source in before:
            if labels[source] == labels[node] >= 0 and parts[source] is not parts[node]:
                parts[source] |= parts[node]
                parts |= dict.fromkeys(parts[source], parts[source])
    return len({id(part) for part in parts.values()}) == len({label for label in labels if label >= 0})


def fewest(predecessors, accepted):
    """The least number of connected clusters of any grouping whose contraction has no cycle."""
    nodes = [node for node, takes in enumerate(accepted) if takes]
    best = len(nodes)

    def assign(labels, position, used):
        nonlocal best
        if used >= best:
            return
        if position == len(nodes):
            if connected(predecessors, labels) and acyclic(predecessors, labels):
                best = used
            return
        for label in range(used + 1):
            labels[nodes[position]] = label
            assign(labels, position + 1, max(used, label + 1))
        labels[nodes[position]] = -1

    assign([-1] * len(accepted), 0, 0)
    return best


@st.composite
def graphs(draw, largest):
    """Predecessors of each node and whether it is accepted."""
    size = draw(st.integers(1, largest))
    predecessors = [sorted(draw(st.sets(st.integers(0, node - 1), max_size=3)) if node else ()) for node in range(size)]
    return predecessors, draw(st.lists(st.booleans() | st.just(True), min_size=size, max_size=size))


YES, NO = True, False
# predecessors, accepted, clusters, what the row proves
CASES = [
    ([], [], [], "nothing"),
    ([[], [0], [1]], [YES, YES, YES], [0, 0, 0], "a chain is one"),
    ([[], [0], [1]], [YES, NO, YES], [0, -1, 1], "cut in two"),
    ([[], [0], [0], [1, 2]], [YES, YES, YES, YES], [0, 0, 0, 0], "branch and join"),
    ([[], [0], [0], [1, 2]], [YES, NO, YES, YES], [0, -1, 0, 1], "a skip connection around a refused node: the branch"
     " may be with what is before it or after it, never with both"),
    ([[], [], [0, 1]], [YES, YES, NO], [0, 1, -1], "two that nothing connects are two, though one could run both"),
    ([[], [0], [], [1, 2]], [YES, NO, YES, YES], [0, -1, 1, 1], "an input that is read late waits for it"),
    # A reads nothing; A -> B, A -> no -> C and D, which also read B. With A, B would leave C and D apart.
    ([[], [0], [0], [1, 2], [1, 2]], [YES, YES, NO, YES, YES], [0, 1, -1, 1, 1], "B joins the two rather than the one"),
    ([[], [], [0], [1], [0, 3], [1, 2]], [YES, YES, NO, NO, YES, YES], [0, 1, -1, -1, 0, 2], "0 and 4, or 1 and 5: with"
     " both there would be a cycle of two clusters"),
    ([[], [0], [1], [0, 2]], [NO, NO, NO, NO], [-1, -1, -1, -1], "nothing accepted"),
]  # fmt: skip


@pytest.mark.parametrize(("predecessors", "accepted", "expected", "why"), CASES, ids=[row[-1] for row in CASES])
def test_cases(predecessors, accepted, expected, why):
    assert clusters(predecessors, accepted) == expected, why


@given(graphs(30), st.sampled_from((1, 2, 256)))
def test_clusters_are_connected_and_contract_without_a_cycle_and_no_two_could_be_merged(graph, swept):
    predecessors, accepted = graph
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BITS_SWEPT", swept)  # bits are used again, on graphs of any size
        labels = clusters(predecessors, accepted)
    assert [label >= 0 for label in labels] == accepted
    assert connected(predecessors, labels)
    assert acyclic(predecessors, labels)
    neighbours = {
        frozenset((labels[source], labels[node]))
        for node, before in enumerate(predecessors)
        for source in before
        if -1 < labels[source] != labels[node] > -1
    }
    for first, second in map(sorted, neighbours):
        merged = [first if label == second else label for label in labels]
        assert not acyclic(predecessors, merged)


@given(graphs(8))
def test_no_set_of_partitions_could_be_merged(graph):
    """Not even where no two of them could."""
    predecessors, accepted = graph
    labels = clusters(predecessors, accepted)
    numbers = sorted(set(labels) - {-1})
    for size in range(2, len(numbers) + 1):
        for together in combinations(numbers, size):
            merged = [together[0] if label in together else label for label in labels]
            assert not (connected(predecessors, merged) and acyclic(predecessors, merged))


@given(graphs(7))
@example(([[], [0], [0], [1, 2], [1, 2]], [True, True, False, True, True]))
def test_no_grouping_of_a_small_graph_has_fewer(graph):
    assert len(set(clusters(*graph)) - {-1}) == fewest(*graph)


def test_known_not_to_be_the_fewest():
    """B joins two after it, E two before it: no one direction sees both. What is documented is shown."""
    first = [[], [0], [0], [1, 2], [1, 2]]
    accepted = [True, True, False, True, True]
    # The same seen from behind: 5, 6 -> 7 (refused) -> 9; 5, 6 -> 8 -> 9.
    second = [[], [], [5, 6], [5, 6], [7, 8]]
    found = clusters(first + second, [*accepted, True, True, False, True, True])
    apart = fewest(first, accepted) + fewest(
        [[n - 5 for n in before] for before in second], [True, True, False, True, True]
    )
    assert (len(set(found) - {-1}), apart) == (5, 4)


def ladder(size):
    """A tower with refused nodes, short skip connections, and one value that every layer reads."""
    predecessors = [[]]
    for node in range(1, size):
        far = ([0] if node % 50 == 7 else []) + ([node - 13] if node % 20 == 14 else [])
        predecessors.append(sorted({node - 1, *far}))
    return predecessors, [node % 25 != 3 for node in range(size)]


def hourglass(size):
    """An encoder and a decoder with connections across."""
    predecessors = [[node - 1] if node else [] for node in range(size)]
    for node in range(0, size // 2 - 1, 50):
        predecessors[size - 1 - node] = sorted({size - 2 - node, node})
    return predecessors, [node % 10 != 3 for node in range(size)]


def towers(size):
    """A hundred side by side, with connections between them."""
    predecessors = [[node - 100] if node >= 100 else [] for node in range(size)]
    for node in range(105, size, 7):
        predecessors[node] = [node - 101, node - 100]
    return predecessors, [node % 10 != 3 for node in range(size)]


@pytest.mark.parametrize("shape", [ladder, hourglass, towers])
def test_time_grows_with_the_graph(shape):
    """Four times the nodes; a time that grew with their square would be sixteen times as long."""
    assert least_time(shape(40_000)) < 9 * least_time(shape(10_000))


def least_time(graph):
    """Processor seconds, without the garbage collector, which looks through all that other tests left."""
    gc.disable()
    try:
        times = []
        for _ in range(2):
            start = time.process_time()
            clusters(*graph)
            times.append(time.process_time() - start)
        return min(times)
    finally:
        gc.enable()


def test_the_brute_force_itself():
    diamond = [[], [0], [0], [1, 2]]
    assert acyclic(diamond, [0, -1, -1, 1])
    assert not acyclic(diamond, [0, -1, 0, 0])
    assert not connected(diamond, [0, -1, -1, 0])
    assert [fewest(diamond, list(takes)) for takes in ((1, 0, 1, 1), (1, 1, 1, 1), (1, 0, 0, 1))] == [2, 1, 2]
    assert all(acyclic(diamond, [0, 1, 2, 3][:k] + [-1] * (4 - k)) for k, _ in combinations(range(5), 2))
