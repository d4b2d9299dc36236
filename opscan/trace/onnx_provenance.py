"""Where the nodes of an ONNX graph come from: module path and source line."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from onnx import GraphProto, NodeProto

from opscan.trace.provenance import SourceLines

# Metadata that torch's exporter leaves on each node (torch.onnx, dynamo=True).
_SCOPES, _STACK = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.stack_trace"


@dataclass(frozen=True, slots=True)
class Place:
    """A node's module path and source line; `""` and None where they are not known."""

    module: str = ""
    source: str | None = None


class Provenance:
    """Places of all nodes of a graph, from the exporter's metadata.

    A node whose metadata an optimizer pass dropped takes its place from the nearest node that uses
    its results, else from the nearest that makes its inputs.
    """

    def __init__(self, graph: GraphProto, lines: SourceLines) -> None:
        self._lines = lines
        self._places: dict[str, Place] = {}
        self._inherit(list(_nodes(graph)))

    def of(self, node: NodeProto) -> Place:
        """The place of a node of this graph; nodes are told apart by their first output."""
        return self._places.get(_key(node), Place())

    def _inherit(self, nodes: list[NodeProto]) -> None:
        stated = {_key(node): place for node in nodes if (place := self._stated(node))}
        users: dict[str, Place] = {}
        self._places = dict(stated)
        for node in reversed(nodes):  # from the results backwards: users come first
            place = stated.get(_key(node)) or next((users[o] for o in node.output if o in users), None)
            if place:
                self._places[_key(node)] = place
                users |= dict.fromkeys(node.input, place)
        makers: dict[str, Place] = {}
        for node in nodes:
            place = self._places.get(_key(node)) or next((makers[i] for i in node.input if i in makers), None)
            if place:
                self._places[_key(node)] = place
                makers |= dict.fromkeys(node.output, place)

    def _stated(self, node: NodeProto) -> Place | None:
        metadata = {entry.key: entry.value for entry in node.metadata_props}
        if _SCOPES in metadata:
            return Place(_module_of_scopes(metadata[_SCOPES]), self._lines.innermost(metadata.get(_STACK)))
        # torch's older exporter named nodes by their scope: /blocks/blocks.0/attn/MatMul
        return Place(_module_of_node_name(node.name)) if node.name.startswith("/") else None


def _key(node: NodeProto) -> str:
    return next(iter(node.output), "") or node.name


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _nodes(inner)


def _module_of_scopes(text: str) -> str:
    """`['', 'blocks.1', 'blocks.1.f2', 'linear_11']`: the last entry is the operator itself."""
    try:
        scopes = ast.literal_eval(text)
        return str(scopes[-2])
    except (ValueError, SyntaxError, IndexError, TypeError, MemoryError, RecursionError):
        return ""


def _module_of_node_name(name: str) -> str:
    """`/blocks/blocks.0/attn/MatMul` -> `blocks.0.attn`."""
    path: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)
