"""Where the nodes of an ONNX graph come from: module path and source line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from opscan.trace.onnx_listing import Nodes
from opscan.trace.provenance import SourceLines

# A string as Python prints it. Not ast.literal_eval: the text is the file's, which may hold anything.
_LITERAL = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")


class Place(NamedTuple):
    """A node's module path and source line; `""` and None where they are not known."""

    module: str = ""
    source: str | None = None


Places = list[Place | None]
"""Of the nodes of one graph; None where nothing tells it."""


class _Link(NamedTuple):
    """A node, its values by number, and the node whose body it sits in; nodes as a list of places and a position."""

    node: tuple[Places, int]
    inputs: list[int]
    outputs: list[int]
    owner: tuple[Places, int] | None


class Provenance:
    """Places of all nodes of a model, from the exporter's metadata.

    A node whose metadata an optimizer pass dropped takes its place from the nearest node that uses
    its results, else from the nearest that makes its inputs, else from the node whose body it is in.
    """

    def __init__(self, graphs: Iterable[Nodes], lines: SourceLines) -> None:
        self._lines = lines
        self._sources: dict[str | None, str | None] = {}  # blocks that are alike have the same stack traces
        self._scopes: dict[str, Place] = {}
        self._graphs: list[Nodes] = []
        """They stay alive, for their ids are the keys of _places."""
        self._places: dict[int, Places] = {}
        graphs = list(graphs)
        for nodes in graphs:
            self._add(nodes)
        found = self._places.values()
        if any(map(any, found)) and not all(map(all, found)):
            numbers = count()
            self._inherit([link for nodes in graphs for link in self._links(nodes, {}, None, numbers)])

    def of(self, nodes: Nodes) -> Places:
        """The places of these nodes of the model."""
        return self._places.get(id(nodes)) or [None] * len(nodes.names)

    def _add(self, nodes: Nodes) -> None:
        self._graphs.append(nodes)
        if nodes.scopes:
            self._places[id(nodes)] = list(map(self._stated, nodes.names, nodes.scopes, nodes.stacks))
        else:
            self._places[id(nodes)] = list(map(self._named, nodes.names))
        for inner in nodes.bodies.values():
            for _, graph in inner:
                self._add(graph.nodes)

    def _stated(self, name: str, scopes: str | None, stack_trace: str | None) -> Place | None:
        if scopes is None:
            return self._named(name)
        return Place(_module_of_scopes(scopes), self._source(stack_trace))

    def _named(self, name: str) -> Place | None:
        """Torch's older exporter named nodes by their scope: /blocks/blocks.0/attn/MatMul."""
        if name[:1] != "/":
            return None
        scope = name.rstrip("/").rpartition("/")[0]
        return self._scopes.get(scope) or self._scopes.setdefault(scope, _place_of_scope(scope.lstrip("/")))

    def _source(self, stack_trace: str | None) -> str | None:
        if stack_trace not in self._sources:
            self._sources[stack_trace] = self._lines.innermost(stack_trace)
        return self._sources[stack_trace]

    def _inherit(self, links: Sequence[_Link]) -> None:
        users: dict[int, Place] = {}
        for link in reversed(links):  # from the results backwards: users come first
            if place := _settle(link.node, (users.get(value) for value in link.outputs)):
                users |= dict.fromkeys(link.inputs, place)
        makers: dict[int, Place] = {}
        for link in links:
            owner = link.owner[0][link.owner[1]] if link.owner is not None else None
            if place := _settle(link.node, (*(makers.get(value) for value in link.inputs), owner)):
                makers |= dict.fromkeys(link.outputs, place)

    def _links(
        self, nodes: Nodes, outer: Mapping[str, int], owner: tuple[Places, int] | None, numbers: Iterator[int]
    ) -> Iterator[_Link]:
        """Nodes in order, bodies after their node. Sibling bodies may use one name for different values."""
        values, places = dict(outer), self._places[id(nodes)]
        for number, (reads, makes) in enumerate(zip(nodes.inputs, nodes.outputs, strict=True)):
            inputs = [values.setdefault(name, next(numbers)) for name in reads if name]
            outputs = [values.setdefault(name, next(numbers)) for name in makes if name]
            yield _Link((places, number), inputs, outputs, owner)
            for _, graph in nodes.bodies.get(number, ()):
                yield from self._links(graph.nodes, values, (places, number), numbers)


def _settle(node: tuple[Places, int], candidates: Iterable[Place | None]) -> Place | None:
    """The node's own place, else the first candidate, which it then keeps."""
    places, number = node
    place = places[number] or next(filter(None, candidates), None)
    places[number] = place
    return place


def _module_of_scopes(text: str) -> str:
    """`['', 'blocks.1', 'blocks.1.f2', 'linear_11']`: the last entry is the operator itself."""
    scopes = [single or double for single, double in _LITERAL.findall(text)]
    return scopes[-2] if len(scopes) > 1 else ""


def _place_of_scope(scope: str) -> Place:
    """`blocks/blocks.0/attn` -> `blocks.0.attn`."""
    path: list[str] = []
    for part in scope.split("/"):
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return Place(".".join(path))
