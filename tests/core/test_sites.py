"""Sites as columns stand for the same sites as a tuple: whoever asks, of whatever, gets the same answer."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core import record
from opscan.core.canonical import special_operators
from opscan.core.dataflow import flow
from opscan.core.inventory import Inventory, Site
from opscan.core.judge import compare
from opscan.core.kinds import kinds
from opscan.core.partition import partitioned
from opscan.core.profile import Rule
from opscan.core.sites import Sites
from opscan.core.views import control_flow, operator_uses
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from tests.fakes import inventory, onnx_site, profile, spec

BACKEND = profile(Rule(operator="Relu"), Rule(operator="Add", restriction="no broadcasting"), Rule(operator="If"))
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def networks(draw) -> tuple[Site, ...]:
    """A few kinds of sites, many times, anywhere."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        operator = draw(st.sampled_from(["Relu", "Add", "If", "Acme", "DequantizeLinear", "QuantizeLinear"]))
        left_out = None if draw(st.booleans()) else spec(2, name=draw(NAMES), constant=draw(st.booleans()))
        found.append(
            onnx_site(
                operator,
                spec(2, draw(st.sampled_from([3, "N"])), name=draw(NAMES)),
                left_out,
                outputs=(spec(2, name=draw(NAMES)), spec(2, name=draw(st.sampled_from(["", "f"])))),
                macs=draw(st.sampled_from([None, 0, 5])),
                module=draw(st.sampled_from(["", "blocks.0", "blocks.1"])),
                source=draw(st.sampled_from([None, "net.py:3"])),
                body=draw(st.sampled_from(["", "choice.then_branch"])),
                node=draw(st.sampled_from(["", "choice", f"n{number}"])),
                dead=draw(st.booleans()),
            )
        )
    return tuple(found)


def as_columns(sites: tuple[Site, ...]) -> Sites:
    """Sites that differ in names and places only are of one form, which has the last one's."""
    forms: dict[object, tuple[int, Site]] = {}
    rows = []
    for site in sites:
        plain = record.replace(
            site,
            module="",
            source=None,
            node="",
            body="",
            inputs=tuple(s and record.replace(s, name="") for s in site.inputs),
            outputs=tuple(record.replace(s, name="?" if s.name else "") for s in site.outputs),
        )
        number, _ = forms.setdefault(repr(plain), (len(forms), site))
        reads, makes = ([s.name if s else "" for s in side] for side in (site.inputs, site.outputs))
        rows.append((number, (site.module, site.source), site.node, site.body, reads, makes))
    return Sites([site for _, site in forms.values()], rows)


def answers(of: Inventory) -> tuple[object, ...]:
    """What reports say of an inventory."""
    coverage = compare(of, BACKEND)
    parts = partitioned(coverage)
    return (
        kinds(of),
        flow(of.sites),
        operator_uses(of),
        control_flow(of),
        special_operators(of),
        (of.known_macs, of.sites_without_macs),
        coverage.findings,
        coverage.outcomes,
        [(p.sites, p.macs, p.sites_without_macs) for p in parts.partitions],
        (parts.transfers, parts.outside),
        encode(inventory_json(of, sites=True, coverages=(coverage,))),
    )


def plain(value: object) -> str:
    """As text: lists and tuples are alike."""
    return repr(value).replace("[", "(").replace("]", ")").replace(",)", ")")


@given(networks())
def test_columns_stand_for_their_sites(sites):
    columns = as_columns(sites)
    assert (len(columns), tuple(columns)) == (len(sites), sites)
    assert columns == sites
    assert sites == columns
    assert pickle.loads(pickle.dumps(columns)) == columns
    for ours, expected in zip(answers(inventory_of(columns)), answers(inventory(*sites)), strict=True):
        assert plain(ours) == plain(expected)


def inventory_of(columns: Sites) -> Inventory:
    return record.replace(inventory(), sites=columns)


def test_columns_are_indexed_as_a_tuple_is():
    sites = tuple(onnx_site("Relu", spec(2, name=name)) for name in "abc")
    columns = as_columns(sites)
    assert (columns[0], columns[-1]) == (sites[0], sites[-1])
    assert (columns[1:], columns[::-1]) == (sites[1:], sites[::-1])
    assert columns != sites[:2]
    with pytest.raises(IndexError):
        columns[3]
