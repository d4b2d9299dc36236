import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.inventory import TensorSpec
from opscan.core.judge import compare
from opscan.core.partition import partitioned, tensor_bytes
from opscan.core.profile import Rule
from opscan.core.verdict import Support
from tests.core.test_dataflow import node
from tests.fakes import inventory, profile, site, spec

BACKEND = profile(Rule(operator="Yes"), Rule(operator="Maybe", restriction="even channels only"))


def found(*sites, **parameters):
    return partitioned(compare(inventory(*sites), BACKEND), **parameters)


def yes(reads, makes, **facts):
    return node("Yes", reads, makes, **facts)


def no(reads, makes, **facts):
    return node("No", reads, makes, **facts)


IF = site("Yes", spec(name="c"), outputs=(spec(2, name="y"),), node="choice")
BRANCH = {"body": "choice.then_branch"}

# sites, sizes of the partitions, values that cross, sites outside, what the row proves
CASES = [
    ([], [], [], 0, "nothing"),
    ([yes("x", "a"), yes("a", "b")], [2], [], 0, "all of it: the model's inputs and outputs cross no border"),
    ([no("x", "a")], [], [], 1, "nothing of it"),
    ([yes("x", "a"), no("a", "b"), yes("b", "c")], [1, 1], ["a", "b"], 1, "in and out again"),
    ([yes("x", "a"), no("a", "b"), no("a", "c"), yes("b c", "d")], [1, 1], ["a", "b", "c"], 2,
     "what lies outside is one place: a value goes there once"),
    ([yes("x", "a"), no("a", "b"), yes("a b", "c"), no("a", "d")], [1, 1], ["a", "a", "b"], 2,
     "a value that two places read crosses twice"),
    ([yes("x", "a"), no("a", "b"), no("x", "c"), yes("c a", "d"), yes("b d", "e")], [2, 1], ["a", "c", "b", "d"], 2,
     "from one partition straight into another is one crossing"),
    ([yes("w", "k", constant=True, since_version=1), no("k x", "a")], [], [], 1,
     "what is computed beforehand is neither a partition nor moved"),
    ([no("w", "k", constant=True, since_version=1), yes("k x", "a")], [1], [], 0, "nor in the way"),
    ([no("x", "k", dead=True), yes("x", "a")], [1], [], 1, "what nothing needs is judged all the same"),
    ([node("Maybe", "x", "a"), yes("a", "b")], [1], ["a"], 1, "conditional is not yes"),
    ([IF, yes("x", "b", **BRANCH), yes("b", "y", **BRANCH)], [3], [], 0, "a control-flow operator with its bodies"),
    ([yes("x", "a"), IF, yes("a", "b", **BRANCH), no("b", "y", **BRANCH), yes("y", "z")], [1, 1], ["a", "y"], 3,
     "one operator in a body is in the way of all of it, and what it reads crosses"),
]  # fmt: skip


@pytest.mark.parametrize(("sites", "sizes", "crossing", "outside", "why"), CASES, ids=[row[-1] for row in CASES])
def test_partitions(sites, sizes, crossing, outside, why):
    result = found(*sites)
    assert [len(partition.sites) for partition in result.partitions] == sizes, why
    assert [transfer.value.name for transfer in result.transfers] == crossing, why
    assert result.outside == outside, why
    assert result.border_tensors == len(crossing)


def test_what_counts_as_inside_is_a_parameter():
    sites = node("Maybe", "x", "a"), yes("a", "b")
    both = found(*sites, inside={Support.SUPPORTED, Support.CONDITIONAL})
    assert [len(partition.sites) for partition in both.partitions] == [2]


def test_a_transfer_says_where_from_and_where_to():
    result = found(yes("x", "a"), no("a", "b"), yes("b", "c"))
    assert [(transfer.made_in, transfer.read_in) for transfer in result.transfers] == [(0, None), (None, 1)]


def test_bytes_are_a_lower_bound_where_a_size_is_not_known():
    a, b = spec(2, 3, name="a"), spec("N", 3, name="b")
    result = found(site("Yes", outputs=(a, b)), site("No", a, b))
    assert (result.border_bytes, result.transfers_without_bytes, result.border_tensors) == (24, 1, 2)


def test_a_sequence_is_more_than_the_tensor_that_is_stated():
    a = spec(2, name="a")
    result = partitioned(
        compare(
            inventory(site("SplitToSequence", outputs=(a,)), site("No", a)), profile(Rule(operator="SplitToSequence"))
        )
    )
    assert (result.border_bytes, result.transfers_without_bytes) == (0, 1)


def test_macs_of_a_partition():
    (partition,) = found(yes("x", "a", macs=3), yes("a", "b", macs=4), yes("b", "c", macs=None)).partitions
    assert (partition.macs, partition.sites_without_macs) == (7, 1)


BYTES = [
    (spec(2, 3), 24, "float32"),
    (spec(2, 3, dtype="bool"), 6, "a bool is a byte"),
    (spec(3, dtype="int4"), 2, "four bits are packed"),
    (spec(3, dtype="float8e4m3fn"), 3, "what follows the bits is the layout"),
    (spec(dtype="complex128"), 16, "a scalar has one element"),
    (spec(0, 3), 0, "an empty tensor"),
    (spec("N", 3), None, "a symbolic dimension"),
    (TensorSpec(None, "float32"), None, "an unknown rank"),
    (spec(2, dtype=None), None, "an unknown dtype"),
    (spec(2, dtype="string"), None, "strings have no fixed size"),
]


@pytest.mark.parametrize(("tensor", "expected", "why"), BYTES, ids=[row[-1] for row in BYTES])
def test_bytes_of_a_tensor(tensor, expected, why):
    assert tensor_bytes(tensor) == expected, why


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 11), max_size=3)), max_size=12))
def test_every_site_is_in_one_partition_or_outside(rows):
    sites = [
        (yes if takes else no)(" ".join(f"v{source}" for source in reads if source < number), f"v{number}")
        for number, (takes, reads) in enumerate(rows)
    ]
    result = found(*sites)
    inside = [id(site) for partition in result.partitions for site in partition.sites]
    assert len(inside) == len(set(inside))
    assert len(inside) + result.outside == len(sites)
    crossing = [(transfer.value.name, transfer.read_in) for transfer in result.transfers]
    assert len(crossing) == len(set(crossing)), "a value goes to each place once"
    assert all(transfer.made_in != transfer.read_in for transfer in result.transfers)
