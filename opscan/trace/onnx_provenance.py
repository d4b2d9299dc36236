"""Where the nodes of an ONNX graph come from: module path and source line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from onnx.onnx_ml_pb2 import ModelProto, NodeProto

from opscan.trace.onnx_nodes import bodies
from opscan.trace.provenance import SourceLines

# Metadata that torch's exporter leaves on each node (torch.onnx, dynamo=True).
_SCOPES, _STACK = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.stack_trace"
# A string as Python prints it. Not ast.literal_eval: the text is the file's, which may hold anything.
_LITERAL = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")


@dataclass(frozen=True, slots=True)
class Place:
    """A node's module path and source line; `""` and None where they are not known."""

    module: str = ""
    source: str | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    """A node, its values by number, and the node whose body it sits in."""

    node: NodeProto
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    owner: NodeProto | None


class Provenance:
    """Places of all nodes of a model, from the exporter's metadata.

    A node whose metadata an optimizer pass dropped takes its place from the nearest node that uses
    its results, else from the nearest that makes its inputs, else from the node whose body it is in.
    """

    def __init__(self, model: ModelProto, lines: SourceLines) -> None:
        self._lines = lines
        self._sources: dict[str | None, str | None] = {}  # blocks that are alike have the same stack traces
        graphs = (model.graph.node, *(function.node for function in model.functions))
        # They keep the nodes alive, whose ids are the keys of _places.
        self._nodes = [node for nodes in graphs for node in _all_nodes(nodes)]
        self._places = {id(node): place for node in self._nodes if (place := self._stated(node))}
        if len(self._places) < len(self._nodes):
            numbers = count()
            self._inherit([link for nodes in graphs for link in _links(nodes, {}, None, numbers)])

    def of(self, node: NodeProto) -> Place | None:
        """The place of a node of this model; None where nothing tells it."""
        return self._places.get(id(node))

    def _stated(self, node: NodeProto) -> Place | None:
        if entries := node.metadata_props[:]:
            metadata = {entry.key: entry.value for entry in entries}
            if _SCOPES in metadata:
                return Place(_module_of_scopes(metadata[_SCOPES]), self._source(metadata.get(_STACK)))
        name = node.name
        # torch's older exporter named nodes by their scope: /blocks/blocks.0/attn/MatMul
        return _place_of_scope(name.strip("/").rpartition("/")[0]) if name.startswith("/") else None

    def _source(self, stack_trace: str | None) -> str | None:
        if stack_trace not in self._sources:
            self._sources[stack_trace] = self._lines.innermost(stack_trace)
        return self._sources[stack_trace]

    def _inherit(self, links: Sequence[_Link]) -> None:
        users: dict[int, Place] = {}
        for link in reversed(links):  # from the results backwards: users come first
            if place := self._settle(link.node, (users.get(value) for value in link.outputs)):
                users |= dict.fromkeys(link.inputs, place)
        makers: dict[int, Place] = {}
        for link in links:
            owner = self._places.get(id(link.owner)) if link.owner is not None else None
            if place := self._settle(link.node, (*(makers.get(value) for value in link.inputs), owner)):
                makers |= dict.fromkeys(link.outputs, place)

    def _settle(self, node: NodeProto, candidates: Iterable[Place | None]) -> Place | None:
        """The node's own place, else the first candidate, which it then keeps."""
        place = self._places.get(id(node)) or next(filter(None, candidates), None)
        if place:
            self._places[id(node)] = place
        return place


def _all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for _, graph in bodies(node):
            yield from _all_nodes(graph.node)


def _links(
    nodes: Iterable[NodeProto], outer: Mapping[str, int], owner: NodeProto | None, numbers: Iterator[int]
) -> Iterator[_Link]:
    """Nodes in order, bodies after their node. Sibling bodies may use one name for different values."""
    values = dict(outer)
    for node in nodes:
        inputs = tuple(values.setdefault(name, next(numbers)) for name in node.input if name)
        outputs = tuple(values.setdefault(name, next(numbers)) for name in node.output if name)
        yield _Link(node, inputs, outputs, owner)
        for _, graph in bodies(node):
            yield from _links(graph.node, values, node, numbers)


def _module_of_scopes(text: str) -> str:
    """`['', 'blocks.1', 'blocks.1.f2', 'linear_11']`: the last entry is the operator itself."""
    scopes = [single or double for single, double in _LITERAL.findall(text)]
    return scopes[-2] if len(scopes) > 1 else ""


@lru_cache(maxsize=4096)  # many nodes share a scope
def _place_of_scope(scope: str) -> Place:
    """`blocks/blocks.0/attn` -> `blocks.0.attn`."""
    path: list[str] = []
    for part in scope.split("/"):
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return Place(".".join(path))
