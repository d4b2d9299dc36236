"""Blocks that repeat are found, and an inventory without them is made whole again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.repeats import NotRepeating, Run, alike, expanded, find_runs
from tests.fakes import site, spec


def network(kinds, names=None, tail=2):
    """Blocks of one letter each: A has two operators, B one with a weight of its own, C reads what was made before."""
    sites = [step("stem", "Stem", "image", "x", ""), step("mask", "Mask", "image", "mask", "")]
    value = "x"
    for name, kind in zip(names or map(str, range(len(kinds))), kinds, strict=True):
        module = f"blocks.{name}"
        match kind:
            case "A":
                sites.append(step(f"a{name}", "First", value, f"mid{name}", f"{module}.inner"))
                sites.append(step(f"b{name}", "Second", f"mid{name} {value}", f"out{name}", module))
            case "B":
                sites.append(step(f"a{name}", "Weighted", f"{value} {module}.weight", f"out{name}", module))
            case "C":
                sites.append(step(f"a{name}", "Masked", f"{value} mask", f"out{name}", module))
            case "-":  # the parent does something in between
                sites.append(step(f"a{name}", "Between", value, f"out{name}", ""))
        value = f"out{name}"
    return (*sites, *(step(f"t{n}", "Tail", value, f"tail{n}", "") for n in range(tail)))


def step(node, op, reads, makes, module):
    return site(op, *(spec(2, name=r) for r in reads.split()), outputs=(spec(2, name=makes),), module=module, node=node)


def containers(kinds):
    return {"blocks": tuple(map(str, range(len(kinds))))}


# blocks, periods that stay, the runs found as (first block, blocks in a period, periods), what the row proves
RUNS = [
    ("AAAA", 2, [(0, 1, 4)], "equal blocks"),
    ("AA", 2, [], "as many as stay are no run"),
    ("AAAA", 3, [(0, 1, 4)], "one more than stay"),
    ("ABABAB", 2, [(0, 2, 3)], "alternating blocks"),
    ("BAAAAB", 2, [(1, 1, 4)], "what stands around a run is not in it"),
    ("AAABBBB", 2, [(0, 1, 3), (3, 1, 4)], "two runs of one container"),
    ("ABAB", 2, [], "two periods only"),
    ("AA-AA", 2, [], "another operator in between ends a run"),
    ("A.AA", 2, [], "so does a block without operators"),
    ("CCCC", 2, [(0, 1, 4)], "blocks may read what was computed before all of them"),
]  # fmt: skip


@pytest.mark.parametrize(("kinds", "kept", "expected", "what"), RUNS)
def test_runs(kinds, kept, expected, what):
    found = find_runs(network(kinds), containers(kinds), kept)
    assert [(int(r.kept[0][0]), len(r.kept[0]), len(r.kept) + len(r.dropped)) for r in found] == expected, what


@given(st.lists(st.sampled_from("ABC"), max_size=14), st.integers(2, 3))
def test_a_network_without_its_repeated_blocks_is_made_whole(kinds, kept):
    whole = network(kinds)
    runs = find_runs(whole, containers(kinds), kept)
    gone = {name for run in runs for period in run.dropped for name in period}
    left = [(name, kind) for name, kind in zip(containers(kinds)["blocks"], kinds, strict=True) if name not in gone]
    short = network([kind for _, kind in left], [name for name, _ in left])
    assert alike(expanded(short, runs), whole)
    assert len({spec.name for s in expanded(short, runs) for spec in s.outputs}) == len(whole), (
        "each value has one name"
    )


RUN = Run("blocks", (("0",), ("1",)), (("2",),))
# the last two blocks that stay, what the row proves
UNEQUAL = [
    ("AB", "other operators"),
    ("AC", "a value that only the last reads"),
    ("A-A", "an operator of the parent in between"),
]


@pytest.mark.parametrize(("kinds", "what"), UNEQUAL)
def test_blocks_that_turn_out_to_differ(kinds, what):
    names = {"A-A": ["0", "x", "1"]}.get(kinds, ["0", "1"])
    with pytest.raises(NotRepeating):
        expanded(network(kinds, names), [RUN])


# what is changed in one site of "AA", whether that is still alike, what the row proves
CHANGES = [
    ({}, True, "nothing"),
    ({"node": "other"}, True, "what a node is called does not matter"),
    ({"module": "blocks.7"}, False, "where it is does"),
    ({"source": "m.py:9"}, False, "the line too"),
    ({"macs": 5}, False, "and the multiply-accumulates"),
    ({"attributes": {"axis": 1}}, False, "and attributes"),
    ({"inputs": (spec(2, name="x"), spec(2, name="x"))}, False, "and which values it reads"),
    ({"inputs": (spec(3, name="mid0"), spec(2, name="x"))}, False, "and their types"),
]


@pytest.mark.parametrize(("change", "expected", "what"), CHANGES)
def test_alike(change, expected, what):
    from opscan.core.record import replace

    sites = network("AA")
    changed = tuple(replace(s, **change) if s.node == "b0" else s for s in sites)
    assert alike(sites, changed) is expected, what
