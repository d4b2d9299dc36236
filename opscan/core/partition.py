"""What a backend would take over of a model: its partitions, and what crosses their borders."""

import re
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

from opscan.core.clusters import clusters
from opscan.core.coverage import Coverage
from opscan.core.dataflow import Flow, flow
from opscan.core.inventory import Inventory, Site, TensorSpec
from opscan.core.judge import never_run
from opscan.core.kinds import kinds
from opscan.core.verdict import Support

_BITS = re.compile(r"(?:bfloat|float|uint|int|complex)(\d+)")
_Found = TypeVar("_Found")
# What an ONNX operator of one of these yields is more than the one tensor that a TensorSpec states.
_SEQUENCES = re.compile(r"Sequence|Optional")


@dataclass(frozen=True, slots=True)
class Partition:
    """A connected part of the graph that runs on the backend without interruption."""

    sites: tuple[Site, ...]
    """In the order of execution, those in control-flow bodies included."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the sites whose count is known."""
        return sum(site.macs or 0 for site in self.sites)

    @property
    def sites_without_macs(self) -> int:
        """Sites whose multiply-accumulates are not known."""
        return sum(site.macs is None for site in self.sites)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A value made in one place and read in another, once for each place that reads it."""

    value: TensorSpec
    made_in: int | None
    """Number of the partition; None: outside all of them, which is one place."""
    read_in: int | None
    bytes: int | None
    """None where shape or dtype is not known."""


@dataclass(frozen=True, slots=True)
class Partitioning:
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
    accepted = bytes(taken[node.sites[0]] and all(map(taken.__getitem__, node.sites)) for node in graph.nodes)
    # Many backends cut a model at the same places.
    return _remembered(inventory, (*seen, accepted), lambda: _partitioning(graph, accepted, inventory.sites))


def _remembered(inventory: Inventory, key: Hashable, find: Callable[[], _Found]) -> _Found:
    if key not in inventory.memo:
        inventory.memo[key] = find()
    found: _Found = inventory.memo[key]
    return found


def _partitioning(graph: Flow, accepted: bytes, sites: Sequence[Site]) -> Partitioning:
    labels = clusters([node.predecessors for node in graph.nodes], list(map(bool, accepted)))
    members: list[list[int]] = [[] for _ in range(max(labels, default=-1) + 1)]
    for node, label in zip(graph.nodes, labels, strict=True):
        if label >= 0:
            members[label] += node.sites
    return Partitioning(
        partitions=tuple(Partition(tuple(sites[position] for position in sorted(group))) for group in members),
        transfers=tuple(_transfers(graph, labels, sites)),
        outside=sum(len(node.sites) for node, label in zip(graph.nodes, labels, strict=True) if label < 0),
    )


def _transfers(graph: Flow, labels: list[int], sites: Sequence[Site]) -> Iterator[Transfer]:
    seen: set[tuple[str, int]] = set()
    for node, label in zip(graph.nodes, labels, strict=True):
        for value in node.reads:
            maker = graph.makers.get(value.name)
            if maker is None or labels[maker] == label or (value.name, label) in seen:
                continue
            seen.add((value.name, label))
            operator = sites[graph.nodes[maker].sites[0]].op.name
            size = None if _SEQUENCES.search(operator) else tensor_bytes(value)
            yield Transfer(value, _place(labels[maker]), _place(label), size)


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
