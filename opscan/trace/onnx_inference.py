"""Types of values by kinds of nodes: a network repeats itself, and onnx need infer only once what equal nodes make.

It gives what onnx's inference over the whole model gives, or nothing: where a type stays open in any way,
that inference may know more, for it follows values through shapes, and goes into bodies.
"""

from collections.abc import Hashable, Mapping, Sequence

from onnx.onnx_ml_pb2 import ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto

from opscan.core.inventory import TensorSpec
from opscan.trace import onnx_compiled
from opscan.trace.apart import Apart, PassFailed
from opscan.trace.onnx_binding import schema_of
from opscan.trace.onnx_listing import Call, Graph, Listing
from opscan.trace.onnx_types import ABSENT, UNKNOWN, Scope
from opscan.trace.onnx_values import PAYLOADS, constant_spec, dtype_code, tensor_type, type_spec

# Before this IR version, onnx overlooks a stored tensor that is not an input too.
_STORED_ALONE = 4
# What a process may need for a model, by its nodes.
_BYTES_PER_NODE = 100

# A question takes as long as onnx does for ten nodes of a whole model, where it has to start.
_QUESTIONS, _NODES_PER_QUESTION = 100, 10

Made = tuple[int, ...]
"""Types of the outputs of a node."""


class _Open(Exception):
    """A type cannot be told from its node alone."""


def inferred_by_kind(listing: Listing, model: ModelProto, imports: Mapping[str, int]) -> Graph | None:
    """The graph of a model with the types of all its values; None where that takes the whole model."""
    graph = listing.graph
    stored = {name for name, _ in graph.stored}
    if listing.functions or graph.nodes.bodies or graph.sparse or stored & {name for name, _ in graph.inputs}:
        return None
    if listing.ir_version < _STORED_ALONE:
        return None
    operators = {call.key for call in graph.nodes.calls if not call.is_constant}
    # What is asked for here is known in the other process too.
    if not graph.inputs_complete or not all(schema_of(n, d, imports.get(d, 0)) for d, n, _ in operators):
        return None
    try:
        with Apart(_infer, _BYTES_PER_NODE * len(graph.nodes.calls)) as process:
            return graph._replace(stated=_Inference(listing, model, imports, process).stated())
    except (_Open, PassFailed):
        return None


class _Inference:
    """Goes through a graph once, and asks the process for each kind of node."""

    def __init__(self, listing: Listing, model: ModelProto, imports: Mapping[str, int], process: Apart) -> None:
        self._graph = listing.graph
        self._types = listing.types
        self._process = process
        imported = [OperatorSetIdProto(domain=domain, version=version) for domain, version in imports.items()]
        self._question = ModelProto(ir_version=model.ir_version, opset_import=imported).SerializeToString()
        self._left = max(_QUESTIONS, len(listing.graph.nodes.calls) // _NODES_PER_QUESTION)
        self._known: dict[Hashable, Made | None] = {}
        self._values: dict[str, TensorProto] = {tensor.name: tensor for tensor in model.graph.initializer}
        self._contents: dict[str, Hashable] = {}

    def stated(self) -> Scope:
        """Types of all values but stored ones. Raises _Open."""
        nodes, scope = self._graph.nodes, {**dict(self._graph.stored), **dict(self._graph.inputs), "": ABSENT}
        known, type_of = self._known, scope.get
        for number, (call, inputs, outputs) in enumerate(zip(nodes.calls, nodes.inputs, nodes.outputs, strict=True)):
            if call.is_constant:
                makes: Made = self._constant(call, nodes.protos[number], outputs)
            else:
                key = (call, *map(type_of, inputs), "", *map(bool, outputs))
                makes = known.get(key) or self._made(key, nodes.protos[number], inputs, outputs, scope)
            for name, made in zip(outputs, makes, strict=True):
                if scope.setdefault(name, made) != made:
                    raise _Open
        self._compare(scope)
        return scope

    def _compare(self, scope: Scope) -> None:
        """What the file states must be what was found, or nothing."""
        given = dict(self._graph.inputs)
        for name, number in self._graph.stated.items():
            stated = number if name in self._graph.complete else given.get(name, UNKNOWN)
            if number != stated or scope.setdefault(name, number) != number != UNKNOWN:
                raise _Open

    def _constant(self, call: Call, node: NodeProto, outputs: Sequence[str]) -> Made:
        spec = constant_spec(node)
        if spec is None or len(outputs) != 1 or any(a.HasField("sparse_tensor") for a in node.attribute):
            raise _Open
        if node.attribute[0].HasField("t"):
            self._values[outputs[0]] = node.attribute[0].t
            self._contents[outputs[0]] = call
        return (self._types.made(self._number(spec), False),)

    def _made(
        self, key: Hashable, node: NodeProto, inputs: Sequence[str], outputs: Sequence[str], scope: Scope
    ) -> Made:
        """Asks first for what follows from types, and if that leaves something open, with stored values."""
        if key not in self._known:
            self._known[key] = self._asked(node, inputs, outputs, scope, {})
        makes = self._known[key]
        if makes is not None:
            return makes
        key = (key, *map(self._content, inputs))
        if key not in self._known:
            values = {position: self._values[name] for position, name in enumerate(inputs) if self._content(name)}
            self._known[key] = self._asked(node, inputs, outputs, scope, values)
        makes = self._known[key]
        if makes is None:
            raise _Open
        return makes

    def _content(self, name: str) -> Hashable:
        """What tells stored values apart, whatever they are called; None where there are none."""
        if name not in self._contents:
            tensor = self._values.get(name)
            kept = tensor is not None and any(getattr(tensor, payload) for payload in PAYLOADS)
            anonymous = TensorProto()
            if tensor is not None and kept:
                anonymous.CopyFrom(tensor)
                anonymous.ClearField("name")
            self._contents[name] = anonymous.SerializeToString() if kept else None
        return self._contents[name]

    def _asked(
        self,
        node: NodeProto,
        inputs: Sequence[str],
        outputs: Sequence[str],
        scope: Scope,
        values: Mapping[int, TensorProto],
    ) -> Made | None:
        """None where not all is told. Raises _Open where too much was asked already."""
        if not self._left:
            raise _Open
        self._left -= 1
        question = ModelProto.FromString(self._question)
        asked = question.graph.node.add(op_type=node.op_type, domain=node.domain, attribute=node.attribute)
        asked.input.extend(f"i{position}" if name else "" for position, name in enumerate(inputs))
        asked.output.extend(f"o{position}" if name else "" for position, name in enumerate(outputs))
        for position, name in enumerate(inputs):
            if name:
                question.graph.input.append(self._value(f"i{position}", scope.get(name, UNKNOWN)))
        for position, tensor in values.items():
            question.graph.initializer.add().CopyFrom(tensor)
            question.graph.initializer[-1].name = f"i{position}"
        try:
            answer = self._process.ask(question.SerializeToString())
        except PassFailed:
            return None
        told = {value.name: value for value in answer.graph.output}
        if any(name and not told.get(f"o{position}") for position, name in enumerate(outputs)):
            return None
        made = [told[f"o{p}"] if name else None for p, name in enumerate(outputs)]
        if not all(value is None or value.type.HasField("tensor_type") for value in made):
            return None
        try:
            return tuple(ABSENT if value is None else self._number(type_spec("", value.type)) for value in made)
        except _Open:
            return None

    def _value(self, name: str, number: int) -> ValueInfoProto:
        spec = self._types.specs[self._number(self._types.specs[number])]
        code = dtype_code(spec.dtype)
        if code is None:
            raise _Open
        return ValueInfoProto(name=name, type=tensor_type(code, spec.shape))

    def _number(self, spec: TensorSpec) -> int:
        """The number of a type of which nothing is open."""
        if spec.dtype is None or spec.shape is None or "?" in spec.shape:
            raise _Open
        return self._types.number(spec)


def _infer(data: bytes) -> bytes:
    """The pass: a model of one node -> its outputs, as far as onnx tells their types."""
    question, answer = ModelProto.FromString(data), ModelProto()
    graph, (node,) = question.graph, question.graph.node
    opsets = {entry.domain: entry.version for entry in question.opset_import}
    types = {value.name: value.type.SerializeToString() for value in graph.input}
    stored = {tensor.name: tensor.SerializeToString() for tensor in graph.initializer}
    domain = "" if node.domain == "ai.onnx" else node.domain
    schema = schema_of(node.op_type, domain, opsets.get(domain, 0))
    found = onnx_compiled.infer_outputs(schema, node.SerializeToString(), types, stored, opsets, question.ir_version)
    for name, text in found.items():
        answer.graph.output.add(name=name).type.ParseFromString(text)
    return answer.SerializeToString()
