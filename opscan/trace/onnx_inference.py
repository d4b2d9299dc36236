"""Types of values by kinds of nodes: a network repeats itself, and onnx need infer only once what equal nodes make.

It gives what onnx's inference over the whole model gives, or nothing: where a type stays open in any way,
that inference may know more, for it follows values through shapes, and goes into bodies.
"""

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache

from onnx.onnx_ml_pb2 import ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto

from opscan.core.inventory import TensorSpec
from opscan.trace.apart import PassFailed
from opscan.trace.onnx_definitions import key_of
from opscan.trace.onnx_library import Library
from opscan.trace.onnx_listing import Call, Graph, Listing
from opscan.trace.onnx_nodes import PAYLOADS, is_weight
from opscan.trace.onnx_types import ABSENT, UNKNOWN, Scope
from opscan.trace.onnx_values import constant_spec, dtype_code, tensor_type, type_spec

# Before this IR version, onnx overlooks a stored tensor that is not an input too.
_STORED_ALONE = 4
# A question takes as long as onnx does for ten nodes of a whole model, where it has to start.
_QUESTIONS, _NODES_PER_QUESTION = 100, 10

Made = tuple[int, ...]
"""Types of the outputs of a node."""


class Open(Exception):
    """A type cannot be told from its node alone."""


def inferable(listing: Listing, library: Library) -> bool:
    """Whether there is a chance that each node tells the types of what it makes."""
    graph, imports = listing.graph, listing.imports
    given, stored = dict(graph.inputs), {name for name, _ in graph.stored}
    if listing.functions or graph.nodes.bodies or graph.sparse or listing.ir_version < _STORED_ALONE:
        return False
    if not graph.inputs_complete or stored & given.keys() or not _is_plain(graph, given, stored):
        return False
    operators = dict.fromkeys(call.key for call in dict.fromkeys(graph.nodes.calls) if not call.is_constant)
    return all(library.definition(key_of(operator, imports)) for operator in operators)


def _is_plain(graph: Graph, given: Mapping[str, int], stored: set[str]) -> bool:
    """Whether what the file states is a tensor's dtype and shape or nothing, and no value is stated twice."""
    return all(
        given.get(name, number) == number and name not in stored
        if name in graph.complete
        else number == given.get(name, UNKNOWN)
        for name, number in graph.stated.items()
    )


class Inference:
    """Asks onnx for each kind of node what it makes."""

    def __init__(self, listing: Listing, library: Library) -> None:
        """Of a graph that is `inferable`."""
        self._types = listing.types
        self._library = library
        imported = [OperatorSetIdProto(domain=domain, version=version) for domain, version in listing.imports.items()]
        self._question = ModelProto(ir_version=listing.ir_version, opset_import=imported).SerializeToString()
        self._left = max(_QUESTIONS, len(listing.graph.nodes.calls) // _NODES_PER_QUESTION)
        self._known: dict[Hashable, Made | None] = {}
        self._stored = listing.graph.telling
        self._values: dict[str, bytes | None] = {}

    def values(self, names: Sequence[str]) -> tuple[bytes | None, ...]:
        """Tensors without names that hold the values which the file states; None where it states none."""
        return tuple([self._values[name] if name in self._values else self._value_of(name) for name in names])

    def constant(self, call: Call, outputs: Sequence[str]) -> int:
        """The type of a Constant node's value, which is kept for `values`. Raises Open where it has none."""
        spec, attributes = constant_spec(call.node), call.node.attribute
        if spec is None or len(outputs) != 1 or any(a.HasField("sparse_tensor") for a in attributes):
            raise Open
        if attributes[0].HasField("t"):
            self._values[outputs[0]] = _anonymous(attributes[0].t.SerializeToString())
        return self._types.made(self._number(spec), False)

    def made(self, call: Call, inputs: Sequence[str], outputs: Sequence[str], scope: Scope) -> tuple[Made, bool]:
        """Types of the outputs, and whether they depend on `values` of the inputs.

        Asks first for what follows from types, and if that leaves something open, with these values. Raises Open
        or PassFailed.
        """
        plain = self._types.made
        key: Hashable = (call, *[plain(scope.get(name, UNKNOWN), False) for name in inputs], "", *map(bool, outputs))
        if key not in self._known:
            self._known[key] = self._asked(call.node, inputs, outputs, scope, {})
        makes = self._known[key]
        if makes is not None:
            return makes, False
        values = self.values(inputs)
        key = (key, values)
        if key not in self._known:
            stored = {position: value for position, value in enumerate(values) if value is not None}
            self._known[key] = self._asked(call.node, inputs, outputs, scope, stored)
        makes = self._known[key]
        if makes is None:
            raise Open
        return makes, True

    def _value_of(self, name: str) -> bytes | None:
        content = self._stored.get(name)
        tensor = None if content is None else TensorProto.FromString(content)
        has_values = tensor and any(getattr(tensor, payload) for payload in PAYLOADS) and not is_weight(tensor)
        self._values[name] = _anonymous(content) if has_values else None
        return self._values[name]

    def _asked(
        self,
        node: NodeProto,
        inputs: Sequence[str],
        outputs: Sequence[str],
        scope: Scope,
        values: Mapping[int, bytes],
    ) -> Made | None:
        """None where not all is told. Raises Open where too much was asked already."""
        if not self._left:
            raise Open
        self._left -= 1
        question = ModelProto.FromString(self._question)
        asked = question.graph.node.add(op_type=node.op_type, domain=node.domain, attribute=node.attribute)
        asked.input.extend(f"i{position}" if name else "" for position, name in enumerate(inputs))
        asked.output.extend(f"o{position}" if name else "" for position, name in enumerate(outputs))
        for position, name in enumerate(inputs):
            if name:
                question.graph.input.append(self._value(f"i{position}", scope.get(name, UNKNOWN)))
        for position, value in values.items():
            stored = question.graph.initializer.add()
            stored.ParseFromString(value)
            stored.name = f"i{position}"
        try:
            answer = self._library.infer(question)
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
        except Open:
            return None

    def _value(self, name: str, number: int) -> ValueInfoProto:
        spec = self._types.specs[self._number(self._types.specs[number])]
        code = dtype_code(spec.dtype)
        if code is None:
            raise Open
        return ValueInfoProto(name=name, type=tensor_type(code, spec.shape))

    def _number(self, spec: TensorSpec) -> int:
        """The number of a type of which nothing is open."""
        if spec.dtype is None or spec.shape is None or "?" in spec.shape:
            raise Open
        return self._types.number(spec)


@lru_cache(maxsize=4096)  # few tensors differ in more than their names
def _anonymous(content: bytes) -> bytes:
    """A tensor as it is, but for its name."""
    tensor = TensorProto.FromString(content)
    tensor.ClearField("name")
    return tensor.SerializeToString()
