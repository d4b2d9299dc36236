"""An ONNX graph as its columns tell it: what many nodes share is parsed, once, and equal types have one number."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

from onnx.onnx_ml_pb2 import NodeProto

from opscan.core.inventory import TensorSpec
from opscan.trace.onnx_columns import (
    GraphColumns,
    ModelColumns,
    NodeColumns,
    ParsedModel,
    graph_columns,
    node_columns,
    value_columns,
)
from opscan.trace.onnx_nodes import FunctionKey, bodies, call_key, function_key
from opscan.trace.onnx_outline import Outline, attribute_outline, function_outline
from opscan.trace.onnx_read import drop_from_attributes, may_hold_weights
from opscan.trace.onnx_types import ABSENT, Scope, Types

# From this IR version on, an initializer that is also an input is only that input's default.
_OVERRIDABLE_SINCE = 4


class Call:
    """What equal nodes are but for their names and the types of their values: an operator with attributes.

    There is one for all of them, so that calls are compared by identity.
    """

    __slots__ = ("bodies", "is_constant", "is_plain", "key", "node")

    def __init__(self, node: NodeProto, bodies: Sequence[tuple[str, Outline]], own: Collection[FunctionKey]) -> None:
        """`own`: the functions of the model's."""
        self.node = node
        """Without names, inputs and outputs, and without the values of large tensors."""
        self.key = call_key(node)
        self.bodies = bodies
        """The graphs that it runs, with the attributes that hold them."""
        self.is_constant = self.key[1] == "Constant" and self.key[0] == "" and self.key not in own
        """Of a Constant node, a value."""
        self.is_plain = not self.is_constant and self.key not in own and not bodies
        """It runs no graph and no function of the model's."""


class Nodes(NamedTuple):
    """The nodes of a graph or function, in its order."""

    names: Sequence[str]
    scopes: Sequence[str | None]
    """What torch's exporter says of their modules; empty where it says nothing of any."""
    stacks: Sequence[str | None]
    """Stack traces; empty as `scopes`."""
    calls: Sequence[Call]
    inputs: Sequence[list[str]]
    outputs: Sequence[list[str]]
    """`""` for one that is left out, none at the end."""
    bodies: Mapping[int, "list[tuple[str, Graph]]"]
    """Number of a node -> the graphs that it runs, with the attributes that hold them."""


class Graph(NamedTuple):
    """A graph, without the values of tensors."""

    nodes: Nodes
    inputs: Sequence[tuple[str, int]]
    """Names and types."""
    inputs_complete: bool
    """Whether all of them are stated to be tensors of some dtype and shape."""
    outputs: Sequence[str]
    stated: Scope
    """Types of values, except of stored ones."""
    complete: Collection[str]
    """Values made by nodes that are stated to be tensors of some dtype and shape."""
    stored: Sequence[tuple[str, int]]
    """Names and types of stored tensors, sparse ones last."""
    sparse: int
    """How many of them are sparse."""
    telling: Mapping[str, bytes]
    """Those of the others that shapes may follow from, serialized: scalars and short vectors."""


class Function(NamedTuple):
    """A function of the model's own, or the body of an operator."""

    proto: Outline
    nodes: Nodes
    stated: Scope


class Listing:
    """A model as columns. Equal calls are one Call, equal types have one number."""

    def __init__(self, model: ModelColumns, nodes: Iterable[NodeColumns]) -> None:
        """`nodes` are those of its graph, in parts.

        Raises DecodeError where what the columns left closed is damaged, or text in it is not UTF-8.
        """
        self.types = Types()
        self.size = model.size
        """Bytes of the serialized model."""
        self._has_metadata = model.has_metadata
        self.ir_version = model.ir_version
        self.imports = model.imports
        """Domain -> version, `""` for ai.onnx."""
        self._calls: dict[tuple[str | bytes, ...], Call] = {}
        functions = list(map(function_outline, model.functions))
        self._own = {function_key(function) for function in functions}
        self.graph = self._graph(model.graph, nodes)
        self.functions = {function_key(function): self._function(function) for function in functions}

    def calls(self) -> Iterable[Call]:
        """What all nodes call, those of bodies included."""
        return self._calls.values()

    def function(self, content: bytes) -> Function:
        """Another function, serialized."""
        return self._function(function_outline(content))

    def all_nodes(self) -> Iterator[Nodes]:
        """Those of the graph and of each function, without those of bodies."""
        yield self.graph.nodes
        yield from (function.nodes for function in self.functions.values())

    def declared(self, graph: Graph, outer: Scope) -> Scope:
        """Every value of a graph whose type the file states, and those of `outer`.

        An initializer wins over an input of the same name, which every initializer had in IR 3.
        """
        scope = outer | graph.stated
        scope.update(graph.stored)
        for name, _ in graph.inputs if self.ir_version >= _OVERRIDABLE_SINCE else ():
            scope[name] = self.types.made(scope[name], False)
        scope[""] = ABSENT
        return scope

    def _function(self, function: Outline) -> Function:
        stated = {name: number for name, number, _ in self.types.stated(value_columns(function.value_info[:]))}
        return Function(function, self._nodes([self._columns(function.node[:])]), stated)

    def _graph(self, graph: GraphColumns, nodes: Iterable[NodeColumns]) -> Graph:
        given, made = list(self.types.stated(graph.inputs)), list(self.types.stated(graph.made))
        inputs = [(name, number) for name, number, _ in given]
        kinds = self.types.stored(graph.of_kinds)
        sparse = self.types.stored(kind for _, kind in graph.sparse)
        stored = zip(graph.tensors, map(kinds.__getitem__, graph.kinds), strict=True)
        return Graph(
            nodes=self._nodes(nodes),
            inputs=inputs,
            inputs_complete=all(is_complete for _, _, is_complete in given),
            outputs=graph.made.names[len(graph.made.names) - graph.outputs :],
            stated=dict(inputs) | {name: number for name, number, _ in made},
            complete={name for name, _, is_complete in made if is_complete},
            stored=[*stored, *zip((name for name, _ in graph.sparse), sparse, strict=True)],
            sparse=len(sparse),
            telling=graph.telling,
        )

    def _nodes(self, parts: Iterable[NodeColumns]) -> Nodes:
        whole = NodeColumns([], [], [], [], [], [], [], [])
        calls: list[Call] = []
        stacks: list[str | None] = []
        for part in parts:
            whole.names.extend(part.names)
            whole.inputs.extend(part.inputs)
            whole.outputs.extend(part.outputs)
            whole.scopes.extend(part.scopes)
            stacks += map(part.of_stacks.__getitem__, part.stacks)
            calls += map([self._called(*text) for text in part.of_calls].__getitem__, part.calls)
        return Nodes(whole.names, whole.scopes, stacks, calls, whole.inputs, whole.outputs, self._bodies(calls))

    def _bodies(self, calls: Sequence[Call]) -> dict[int, list[tuple[str, Graph]]]:
        """By the numbers of the nodes that run them."""
        if not any(call.bodies for call in {*calls}):
            return {}
        return {
            number: [(name, self._body(graph)) for name, graph in call.bodies]
            for number, call in enumerate(calls)
            if call.bodies and not call.is_constant
        }

    def _body(self, graph: Outline) -> Graph:
        return self._graph(graph_columns(graph), [self._columns(graph.node[:])])

    def _columns(self, nodes: Sequence[Outline]) -> NodeColumns:
        return node_columns(nodes, has_metadata=self._has_metadata)

    def _called(self, op_type: str, domain: str, overload: str, attributes: Sequence[bytes]) -> Call:
        key: tuple[str | bytes, ...] = (op_type, domain, overload, *attributes)
        if key not in self._calls:
            self._calls[key] = self._call(op_type, domain, overload, *attributes)
        return self._calls[key]

    def _call(self, op_type: str, domain: str, overload: str, *attributes: bytes) -> Call:
        node = NodeProto(op_type=op_type, domain=domain, overload=overload)
        for content in attributes:
            node.attribute.add().ParseFromString(content)
        if any(map(may_hold_weights, attributes)):
            drop_from_attributes(node.attribute)
        return Call(node, bodies(map(attribute_outline, attributes)), self._own)


def listed(content: bytes) -> Listing:
    """Of a serialized model. Raises DecodeError where it is damaged, or a string in it is not UTF-8."""
    parsed = ParsedModel(content)
    return Listing(parsed.columns(), [parsed.nodes()])


def stored_elements(listing: Listing) -> int:
    """Elements of all stored tensors, those of bodies included; sparse ones do not count."""
    return _stored_elements(listing.graph, listing.types)


def _stored_elements(graph: Graph, types: Types) -> int:
    dense = graph.stored[: len(graph.stored) - graph.sparse]
    counts = Counter(number for _, number in dense)
    total = sum(_elements(types.specs[number]) * count for number, count in counts.items())
    return total + sum(_stored_elements(inner, types) for inner in _inner(graph.nodes))


def _elements(spec: TensorSpec) -> int:
    """Of a stored tensor; none where a size makes no sense."""
    return prod(size if isinstance(size, int) else 0 for size in spec.shape or ())


def is_typed(graph: Graph) -> bool:
    """Whether the file states dtype and shape of all that nodes make; a Constant's value has its own type."""
    stated = {"", *graph.complete}
    for call, outputs in zip(graph.nodes.calls, graph.nodes.outputs, strict=True):
        if not stated.issuperset(outputs) and not call.is_constant:
            return False
    return all(map(is_typed, _inner(graph.nodes)))


def needed(nodes: Nodes, wanted: Iterable[str]) -> bytearray:
    """1 for each node that a wanted value depends on, through its bodies as well."""
    found, values, left = bytearray(len(nodes.outputs)), {*wanted}, []
    backwards = zip(range(len(found) - 1, -1, -1), reversed(nodes.inputs), reversed(nodes.outputs), strict=True)
    for number, inputs, outputs in backwards:  # as a file should be, a value is made before it is read
        values.discard("")
        if values.isdisjoint(outputs):
            left.append(number)
        else:
            found[number] = 1
            values.update(_reads(nodes, number) if number in nodes.bodies else inputs)
    makers = {name: number for number in left for name in nodes.outputs[number] if name}
    waiting = [makers[name] for name in values & makers.keys()]
    while waiting:
        number = waiting.pop()
        if not found[number]:
            found[number] = 1
            waiting += [makers[name] for name in _reads(nodes, number) if name in makers]
    return found


def _reads(nodes: Nodes, number: int) -> list[str]:
    """Names that a node or its bodies mention."""
    found = [*nodes.inputs[number]]
    for _, graph in nodes.bodies.get(number, ()):
        found += graph.outputs
        for inner in range(len(graph.nodes.inputs)):
            found += _reads(graph.nodes, inner)
    return found


def _inner(nodes: Nodes) -> Iterator[Graph]:
    """The graphs that nodes run."""
    return (graph for inner in nodes.bodies.values() for _, graph in inner)
