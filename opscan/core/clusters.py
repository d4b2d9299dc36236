"""Partitions: the parts of a graph that a backend can take over whole.

A partition is a connected set of accepted nodes such that, with every partition contracted to one
node, the graph still has no cycle: no value leaves a partition, passes through something else and
comes back. No two partitions could be merged. Their number is not always the least possible, which
is hard to find: both directions of the graph are tried and the fewer taken.
"""

from collections.abc import Sequence

# Bits are used again after this many clusters.
_BITS_SWEPT = 256


def clusters(predecessors: Sequence[Sequence[int]], accepted: Sequence[bool]) -> list[int]:
    """The partition of each node, numbered from 0 in the order of their first nodes; -1 where it is in none.

    `predecessors` are ascending and lie before their node.
    """
    apart = pieces([(source, node) for node, before in enumerate(predecessors) for source in before], accepted)
    forward = _joined(predecessors, accepted)
    if len({*forward}) == len({*apart}):
        return _numbered(forward)  # there cannot be fewer
    last = len(predecessors) - 1
    reversed_graph: list[list[int]] = [[] for _ in predecessors]
    for node in range(last, -1, -1):
        for before in predecessors[node]:
            reversed_graph[last - before].append(last - node)
    backward = _joined(reversed_graph, accepted[::-1])[::-1]
    return _numbered(min(forward, backward, key=lambda found: len(set(found))))


def pieces(edges: Sequence[tuple[int, int]], accepted: Sequence[bool]) -> list[int]:
    """The connected piece of accepted nodes that each is in, numbered as `clusters`: no partition holds nodes of two.

    `edges` are in the order of the nodes that they lead to.
    """
    parent = list(range(len(accepted)))
    for source, node in edges:
        if accepted[node] and accepted[source]:
            found = parent[source]
            if parent[node] == node:  # it is alone, and nobody was looked at that reads from it
                parent[node] = found
            elif parent[node] != found:  # else they are together already
                parent[_root(parent, node)] = _root(parent, found)
    return _numbered([_root(parent, parent[node]) if takes else -1 for node, takes in enumerate(accepted)])


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _numbered(labels: Sequence[int]) -> list[int]:
    numbers: dict[int, int] = {-1: -1}
    return [numbers.setdefault(label, len(numbers) - 1) for label in labels]


def _joined(predecessors: Sequence[Sequence[int]], accepted: Sequence[bool]) -> list[int]:
    """Each node joins, and so merges, the clusters that it reads from and that reach it in no other way."""
    growth = _Growth(predecessors)
    for node, before in enumerate(predecessors):
        growth.add(node, before, accepted[node])
    return [growth.root(node) if takes else -1 for node, takes in enumerate(accepted)]


class _Growth:
    """Clusters while nodes are added in order.

    Invariant: where one cluster reaches another, it does so through a refused node. So a cluster
    may join a node unless it reaches one of the node's sources, and no two that may join exclude
    each other.

    Ancestors are kept as bits of an int, for elements that nodes yet to come read from only.
    """

    def __init__(self, predecessors: Sequence[Sequence[int]]) -> None:
        self._parent = list(range(len(predecessors)))
        self._readers_left = [0] * len(predecessors)
        for before in predecessors:
            for source in before:
                self._readers_left[source] += 1
        self._bit: dict[int, int] = {}
        """Cluster that is still read from -> its bit."""
        self._free: list[int] = []
        self._dead: list[int] = []
        """Bits that no cluster has any more, and that ancestors may still hold."""
        self._bits_made = 0
        self._ancestors: dict[int, int] = {}
        """Element that is still read from -> bits of the clusters that reach it."""

    def root(self, node: int) -> int:
        """The node that stands for the cluster of this one."""
        return _root(self._parent, node)

    def add(self, node: int, before: Sequence[int], accepted: bool) -> None:
        """The next node: alone, or in one cluster with those of its sources that it can join."""
        if len(self._dead) >= _BITS_SWEPT:
            self._sweep()
        sources = {self.root(source) for source in before}
        reached_by = 0
        for source in sources:
            reached_by |= self._ancestors[source]
        joined = [s for s in sources if accepted and s in self._bit and not self._bit[s] & reached_by]
        for source in sources.difference(joined):
            reached_by |= self._bit.get(source, 0)
        if joined:
            element = self._merge(node, joined, reached_by)
        else:
            element = node
            if accepted:
                self._bit[node] = self._new_bit()
        self._ancestors[element] = reached_by
        self._count_readers(element, before)

    def _merge(self, node: int, joined: list[int], reached_by: int) -> int:
        """One element of these; what they reach is now reached by all that reaches any of them."""
        element = joined[0]
        together, changed = 0, len(joined) > 1
        for other in joined:
            together |= self._bit[other]
            changed |= self._ancestors[other] != reached_by
        if changed:
            more = reached_by | self._bit[element]
            for live, bits in self._ancestors.items():
                if bits & together:
                    self._ancestors[live] = bits | more
        for other in (*joined[1:], node):
            self._parent[other] = element
            self._readers_left[element] += self._readers_left[other]
            if other != node:
                self._retire(other)
        return element

    def _count_readers(self, element: int, before: Sequence[int]) -> None:
        for source in before:
            self._readers_left[self.root(source)] -= 1
        for source in {element, *map(self.root, before)}:
            if not self._readers_left[source]:
                self._retire(source)

    def _retire(self, element: int) -> None:
        """Nothing yet to come reads from it any more."""
        del self._ancestors[element]
        if element in self._bit:
            self._dead.append(self._bit.pop(element))

    def _new_bit(self) -> int:
        if self._free:
            return self._free.pop()
        self._bits_made += 1
        return 1 << (self._bits_made - 1)

    def _sweep(self) -> None:
        """Takes back the bits that nobody has."""
        kept = ~sum(self._dead)
        self._ancestors = {live: bits & kept for live, bits in self._ancestors.items()}
        self._free += self._dead
        self._dead = []
