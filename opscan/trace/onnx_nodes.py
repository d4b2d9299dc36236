"""Questions about the nodes of an ONNX graph: what they call, what they run, what depends on them.

Repeated fields are sliced before they are gone through: a slice is a list, over which Python goes twice as fast.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from onnx.onnx_ml_pb2 import FunctionProto, GraphProto, NodeProto, OperatorSetIdProto

FunctionKey = tuple[str, str, str]


def opsets(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Domain -> version, `""` for ai.onnx."""
    return {domain_of(entry.domain): entry.version for entry in imports}


def function_key(function: FunctionProto) -> FunctionKey:
    """What a call of the function has as domain, operator and overload."""
    return domain_of(function.domain), function.name, function.overload


def call_key(node: NodeProto) -> FunctionKey:
    """The function that the node calls, if the model has one of that name."""
    return domain_of(node.domain), node.op_type, node.overload


def bodies(node: NodeProto) -> list[tuple[str, GraphProto]]:
    """The graphs that the node runs, with the attribute that holds them."""
    found: list[tuple[str, GraphProto]] = []
    for attribute in node.attribute[:]:
        if attribute.HasField("g"):
            found.append((attribute.name, attribute.g))
        elif attribute.graphs:
            found += [(attribute.name, graph) for graph in attribute.graphs]
    return found


def domain_of(name: str) -> str:
    """A domain's name, `""` for ai.onnx however it is written."""
    return "" if name == "ai.onnx" else name


class Node(NamedTuple):
    """A node, and what is asked of it more than once: protobuf makes it anew each time."""

    proto: NodeProto
    inputs: list[str]
    outputs: list[str]
    """`""` for one that is left out, none at the end."""
    bodies: list[tuple[str, GraphProto]]


def listed(nodes: Sequence[NodeProto]) -> list[Node]:
    """The nodes of a graph, in its order."""
    return [Node(node, node.input[:], _outputs(node), bodies(node)) for node in nodes[:]]


def _outputs(node: NodeProto) -> list[str]:
    names = node.output[:]
    while names and not names[-1]:
        names.pop()
    return names


def needed(nodes: Sequence[Node], wanted: Iterable[str]) -> set[int]:
    """Numbers of the nodes that a wanted value depends on, through their bodies as well."""
    makers = {name: number for number, node in enumerate(nodes) for name in node.outputs if name}
    found: set[int] = set()
    waiting = [makers[name] for name in wanted if name in makers]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            node = nodes[number]
            reads = _reads(node.proto) if node.bodies else node.inputs
            waiting += [makers[name] for name in reads if name in makers]
    return found


def _reads(node: NodeProto) -> Sequence[str]:
    """Names that the node or its bodies mention."""
    inner = bodies(node)
    if not inner:
        return node.input[:]
    found = node.input[:]
    for _, graph in inner:
        found += [value.name for value in graph.output]
        for below in graph.node:
            found += _reads(below)
    return found
