"""What a backend would take over of a model: its partitions, and what crosses their borders."""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from math import prod
from typing import TypeVar

from opscan.core.clusters import clusters, pieces
from opscan.core.coverage import Coverage
from opscan.core.dataflow import Flow, flow
from opscan.core.inventory import Inventory, Site, TensorSpec
from opscan.core.judge import never_run
from opscan.core.kinds import kinds
from opscan.core.record import Record
from opscan.core.sites import forms, numbers
from opscan.core.verdict import Support

_BITS = re.compile(r"(?:bfloat|float|uint|int|complex)(\d+)")
_Found = TypeVar("_Found")
# What an ONNX operator of one of these yields is more than the one tensor that a TensorSpec states.
_SEQUENCES = re.compile(r"Sequence|Optional")


class Partition(Record, frozen=True):
    """A connected part of the graph that runs on the backend without interruption."""

    positions: Sequence[int]
    """Of its sites in the inventory, ascending; those in control-flow bodies included."""
    inventory_sites: Sequence[Site]

    def __repr__(self) -> str:
        """Without all sites of the inventory."""
        return f"Partition(positions={self.positions!r})"

    @property
    def size(self) -> int:
        """Number of its sites."""
        return len(self.positions)

    @property
    def sites(self) -> tuple[Site, ...]:
        """In the order of execution."""
        return tuple(map(self.inventory_sites.__getitem__, self.positions))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the sites whose count is known."""
        return sum(filter(None, self._macs()))

    @property
    def sites_without_macs(self) -> int:
        """Sites whose multiply-accumulates are not known."""
        return sum(macs is None for macs in self._macs())

    def _macs(self) -> list[int | None]:
        of_forms, of_sites = forms(self.inventory_sites), numbers(self.inventory_sites)
        return [of_forms[of_sites[position]].macs for position in self.positions]


class Transfer(Record, frozen=True):
    """A value made in one place and read in another, once for each place that reads it."""

    value: TensorSpec
    made_in: int | None
    """Number of the partition; None: outside all of them, which is one place."""
    read_in: int | None
    bytes: int | None
    """None where shape or dtype is not known."""


class Partitioning(Record, frozen=True):
    """All partitions of one coverage, in the order of their first sites, and what crosses their borders.

    The model's inputs and outputs cross no border that a better backend would save, nor do stored
    values: neither is counted.
    """

    partitions: tuple[Partition, ...]
    transfers: tuple[Transfer, ...]
    outside: int
    """Sites in no partition."""

    @property
    def border_tensors(self) -> int:
        """Values that cross a border, once for each place that reads them."""
        return len(self.transfers)

    @property
    def border_bytes(self) -> int:
        """Their bytes as far as known: a lower bound where `transfers_without_bytes` is not 0."""
        return sum(transfer.bytes or 0 for transfer in self.transfers)

    @property
    def transfers_without_bytes(self) -> int:
        """Transfers whose size is not known."""
        return sum(transfer.bytes is None for transfer in self.transfers)


def partitioned(coverage: Coverage, inside: Collection[Support] = frozenset({Support.SUPPORTED})) -> Partitioning:
    """The partitions of sites whose support is one of `inside`.

    By default a site that is conditional or unknown is in none. A control-flow operator is in one
    only with all of its bodies. What the backend never gets to see is left out.
    """
    inventory, found = coverage.inventory, kinds(coverage.inventory)
    skips = [never_run(kind.site, coverage.profile.limits) for kind in found.kinds]
    skipped = tuple(p for p, number in enumerate(found.numbers) if skips[number]) if any(skips) else ()
    seen = "flow", skipped
    graph = _remembered(inventory, seen, lambda: flow(inventory.sites, skipped))
    takes = [judgement.support in inside for judgement in coverage.judgements]
    taken = [takes[number] for number in found.numbers]
    if all(taken):
        accepted = b"\1" * len(graph.sites)
    else:
        accepted = bytes(all(map(taken.__getitem__, node)) for node in graph.sites)
    # Many backends cut a model at the same places.
    return _remembered(inventory, (*seen, accepted), lambda: _partitioning(graph, accepted, inventory.sites))


def _remembered(inventory: Inventory, key: Hashable, find: Callable[[], _Found]) -> _Found:
    if key not in inventory.memo:
        inventory.memo[key] = find()
    found: _Found = inventory.memo[key]
    return found


def _partitioning(graph: Flow, accepted: bytes, sites: Sequence[Site]) -> Partitioning:
    takes = list(map(bool, accepted))
    labels = pieces(graph.edges, takes) if all(takes) else clusters(graph.predecessors(), takes)
    members: list[list[int]] = [[] for _ in range(max(labels, default=-1) + 1)]
    outside = 0
    for positions, label in zip(graph.sites, labels, strict=True):
        if label >= 0:
            members[label] += positions
        else:
            outside += len(positions)
    return Partitioning(
        partitions=tuple(Partition(sorted(group), sites) for group in members),
        transfers=tuple(_transfers(graph, labels, sites)) if len({*labels}) > 1 else (),
        outside=outside,
    )


def _transfers(graph: Flow, labels: list[int], sites: Sequence[Site]) -> Iterator[Transfer]:
    seen: set[tuple[str, int]] = set()
    for node, label in enumerate(labels):
        for name in graph.reads[node]:
            maker = graph.makers.get(name)
            if maker is None or labels[maker] == label or (name, label) in seen:
                continue
            seen.add((name, label))
            value = _value(name, map(sites.__getitem__, graph.sites[node]))
            operator = sites[graph.sites[maker][0]].op.name
            size = None if _SEQUENCES.search(operator) else tensor_bytes(value)
            yield Transfer(value, _place(labels[maker]), _place(label), size)


def _value(name: str, sites: Iterable[Site]) -> TensorSpec:
    """What those of these sites that read the value say of it, the last of them where they differ."""
    return [spec for site in sites for spec in site.inputs if spec is not None and spec.name == name][-1]


def _place(label: int) -> int | None:
    return label if label >= 0 else None


def tensor_bytes(spec: TensorSpec) -> int | None:
    """Bytes of a tensor, elements of less than a byte packed; None where shape or dtype is not known."""
    shape, bits = spec.static_shape, _element_bits(spec.dtype)
    return None if shape is None or bits is None else -(-prod(shape) * bits // 8)


def _element_bits(dtype: str | None) -> int | None:
    """Of `float8e4m3fn` 8, of a string None: it has no fixed size."""
    if dtype == "bool":
        return 8
    found = _BITS.match(dtype or "")
    return int(found[1]) if found else None
