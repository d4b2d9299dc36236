"""How values flow between the sites of an inventory: who makes what another reads."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat, starmap
from operator import itemgetter, lt

from opscan.core.inventory import Site, TensorSpec
from opscan.core.record import Record, replace
from opscan.core.sites import Names, bodies, makes, reads

Edge = tuple[int, int]
"""A node that makes a value, and one that reads it."""


class Flow(Record, frozen=True):
    """The data-flow graph of one inventory, as columns. Nodes in an order in which they can be run.

    A node is a site of the main graph, with the sites of the control-flow bodies that it runs.
    """

    sites: Sequence[tuple[int, ...]]
    """Positions of each node's sites in the inventory, its own first."""
    reads: Sequence[Names]
    """Names of the values that each node or its bodies read and do not make themselves; `""` is none."""
    edges: Sequence[Edge]
    """As many between two nodes as one reads of the other, in the order of those that read."""
    makers: Mapping[str, int]
    """Name of a value -> the node that makes it. What has no maker is an input or stored in the model."""

    def predecessors(self) -> list[list[int]]:
        """Nodes that make what each one reads, ascending."""
        found: list[set[int]] = [set() for _ in self.sites]
        for source, node in self.edges:
            found[node].add(source)
        return list(map(sorted, found))


def flow(sites: Sequence[Site], skipped: Iterable[int] = ()) -> Flow:
    """The nodes and what they read; `skipped` sites count as stored values.

    A node on a cycle, which only a damaged file can have, reads nothing that a later one makes.
    """
    left_out = frozenset(skipped)
    read, made = reads(sites), makes(sites)
    groups = _groups(sites)
    if left_out:
        groups = [group for group in groups if group[0] not in left_out]
    if len(groups) < len(read):  # else every site is a node
        read = [read[group[0]] if len(group) == 1 else _reads(read, made, group) for group in groups]
        made = [made[group[0]] for group in groups]
    makers = {name: number for number, names in enumerate(made) for name in names}
    makers.pop("", None)
    edges = _edges(read, makers)
    if all(starmap(lt, edges)):  # as they should be
        return Flow(groups, read, edges, makers)
    order = _runnable(len(read), edges)
    place = {number: position for position, number in enumerate(order)}
    moved = ((place[source], place[node]) for source, node in edges)
    return Flow(
        [groups[number] for number in order],
        [read[number] for number in order],
        sorted((edge for edge in moved if edge[0] < edge[1]), key=itemgetter(1)),
        {name: place[number] for name, number in makers.items()},
    )


def _edges(read: Sequence[Names], makers: Mapping[str, int]) -> list[Edge]:
    sources = map(makers.get, chain.from_iterable(read))
    nodes = chain.from_iterable(map(repeat, range(len(read)), map(len, read)))
    return [(source, node) for source, node in zip(sources, nodes, strict=True) if source is not None]


def _groups(sites: Sequence[Site]) -> list[tuple[int, ...]]:
    """Positions of the sites of each node. The sites of a body follow the site that runs it."""
    paths = bodies(sites)
    if not any(paths):
        return list(zip(range(len(paths))))
    groups: list[list[int]] = []
    inside = ""
    for position, path in enumerate(paths):
        if inside and path.startswith(inside):
            groups[-1].append(position)
        else:
            groups.append([position])
            site = sites[position]
            label = f"{site.node or site.op.name}."
            inside = f"{path}/{label}" if path else label
    return [tuple(group) for group in groups]


def _reads(all_reads: Sequence[Names], all_makes: Sequence[Names], group: Sequence[int]) -> list[str]:
    own = {name for position in group[1:] for name in all_makes[position]}
    return list(dict.fromkeys(name for position in group for name in all_reads[position] if name not in own))


def _runnable(size: int, edges: Iterable[Edge]) -> list[int]:
    """So many nodes sorted so that each follows its sources, nodes on cycles last."""
    readers: list[list[int]] = [[] for _ in range(size)]
    waiting = [0] * size
    for source, node in edges:
        if source != node:
            readers[source].append(node)
            waiting[node] += 1
    order = [number for number, count in enumerate(waiting) if not count]
    for number in order:
        for reader in readers[number]:
            waiting[reader] -= 1
            if not waiting[reader]:
                order.append(reader)
    return order + [number for number, count in enumerate(waiting) if count]


def outer_name(name: str, names: Mapping[str, str], prefix: str) -> str:
    """What a value of a graph that stands in another is called there; see `embedded`."""
    return names.get(name) or f"{prefix}/{name}"


def embedded(site: Site, names: Mapping[str, str], prefix: str) -> Site:
    """A site of a graph that stands in another: `names` are those of values that the outer graph knows.

    The others are the inner graph's own: `prefix` keeps them apart from all else.
    """

    def renamed(spec: TensorSpec) -> TensorSpec:
        return replace(spec, name=outer_name(spec.name, names, prefix)) if spec.name else spec

    inputs = tuple(spec and renamed(spec) for spec in site.inputs)
    return replace(site, inputs=inputs, outputs=tuple(map(renamed, site.outputs)))
