"""How values flow between the sites of an inventory: who makes what another reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from opscan.core.inventory import Site, TensorSpec


@dataclass(frozen=True, slots=True)
class Node:
    """A site of the main graph, with the sites of the control-flow bodies that it runs."""

    sites: tuple[int, ...]
    """Positions in the inventory, the node's own first."""
    reads: tuple[TensorSpec, ...]
    """Each value that it or its bodies read and do not make themselves, once."""
    predecessors: tuple[int, ...]
    """Nodes that make what this one reads, ascending."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The data-flow graph of one inventory. Nodes in an order in which they can be run."""

    nodes: tuple[Node, ...]
    makers: dict[str, int]
    """Name of a value -> the node that makes it. What has no maker is an input or stored in the model."""


def flow(sites: Sequence[Site], skipped: Iterable[int] = ()) -> Flow:
    """The nodes and what they read; `skipped` sites count as stored values.

    A node on a cycle, which only a damaged file can have, reads nothing that a later one makes.
    """
    left_out = frozenset(skipped)
    groups = [group for group in _groups(sites) if group[0] not in left_out]
    makers = {spec.name: number for number, group in enumerate(groups) for spec in sites[group[0]].outputs if spec.name}
    reads = [_reads(sites, group) for group in groups]
    sources = [sorted({makers[s.name] for s in specs if s.name in makers} - {n}) for n, specs in enumerate(reads)]
    order = _runnable(sources)
    place = {number: position for position, number in enumerate(order)}
    nodes = tuple(
        Node(
            groups[number],
            reads[number],
            tuple(sorted(place[source] for source in sources[number] if place[source] < place[number])),
        )
        for number in order
    )
    return Flow(nodes, {name: place[number] for name, number in makers.items()})


def _groups(sites: Sequence[Site]) -> list[tuple[int, ...]]:
    """Positions of the sites of each node. The sites of a body follow the site that runs it."""
    groups: list[list[int]] = []
    inside = ""
    for position, site in enumerate(sites):
        if inside and site.body.startswith(inside):
            groups[-1].append(position)
        else:
            groups.append([position])
            label = f"{site.node or site.op.name}."
            inside = f"{site.body}/{label}" if site.body else label
    return [tuple(group) for group in groups]


def _reads(sites: Sequence[Site], group: Sequence[int]) -> tuple[TensorSpec, ...]:
    own = {spec.name for position in group[1:] for spec in sites[position].outputs}
    read = (spec for position in group for spec in sites[position].inputs if spec is not None and spec.name)
    return tuple({spec.name: spec for spec in read if spec.name not in own}.values())


def _runnable(sources: Sequence[Sequence[int]]) -> list[int]:
    """The nodes as they stand where each follows its sources, else sorted so; nodes on cycles last."""
    if all(not before or before[-1] < number for number, before in enumerate(sources)):
        return list(range(len(sources)))
    readers: list[list[int]] = [[] for _ in sources]
    for number, before in enumerate(sources):
        for source in before:
            readers[source].append(number)
    waiting = [len(before) for before in sources]
    order = [number for number, count in enumerate(waiting) if not count]
    for number in order:
        for reader in readers[number]:
            waiting[reader] -= 1
            if not waiting[reader]:
                order.append(reader)
    return order + [number for number, count in enumerate(waiting) if count]


def embedded(site: Site, names: Mapping[str, str], prefix: str) -> Site:
    """A site of a graph that stands in another: `names` are those of values that the outer graph knows.

    The others are the inner graph's own: `prefix` keeps them apart from all else.
    """

    def renamed(spec: TensorSpec) -> TensorSpec:
        return replace(spec, name=names.get(spec.name) or f"{prefix}/{spec.name}") if spec.name else spec

    inputs = tuple(spec and renamed(spec) for spec in site.inputs)
    return replace(site, inputs=inputs, outputs=tuple(map(renamed, site.outputs)))
