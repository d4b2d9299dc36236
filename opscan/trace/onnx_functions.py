"""The function bodies by which ONNX defines operators, for the calls of a model.

A body depends on its call: on the types of the inputs, on the attributes, on which of the optional
operands are there. Each kind of call is expanded once.
"""

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from onnx.onnx_ml_pb2 import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)

from opscan.core.inventory import TensorSpec
from opscan.core.record import Record
from opscan.trace import onnx_compiled
from opscan.trace.apart import PassFailed, reason
from opscan.trace.onnx_binding import formals
from opscan.trace.onnx_definitions import Definition, Formal, default_attributes, plain_body, schema_of
from opscan.trace.onnx_passes import apart
from opscan.trace.onnx_values import dtype_code, dtype_name, tensor_type

Imports = Mapping[str, int]

# Calls that one process expands, within its limits of time and memory.
_AT_ONCE = 500


class Call(Record, frozen=True):
    """One kind of call, with operands named by their position."""

    node: NodeProto
    inputs: tuple[TensorSpec | None, ...]
    types: tuple[TypeProto | None, ...]
    imports: Imports
    """Domain -> opset, of the graph around it."""


class Calls:
    """The kinds of calls met so far."""

    def __init__(self) -> None:
        self.by_key: dict[str, Call] = {}
        self._keys: dict[Hashable, str] = {}

    def key(
        self,
        node: NodeProto,
        definition: Definition,
        inputs: Sequence[TensorSpec | None],
        outputs: Sequence[str],
        imports: Imports,
    ) -> str:
        """The name of this kind of call; `""` where types are unknown that its body depends on.

        Of the node, operator and attributes are looked at.
        """
        kind = _kind(node, inputs, outputs, imports)
        if kind not in self._keys:
            self._keys[kind] = self._key(_anonymous(node, inputs, outputs), definition, inputs, imports)
        return self._keys[kind]

    def _key(
        self, anonymous: NodeProto, definition: Definition, inputs: Sequence[TensorSpec | None], imports: Imports
    ) -> str:
        types: list[TypeProto | None] = []
        for spec, formal in zip(inputs, formals(definition.inputs, inputs), strict=True):
            types.append(None if spec is None else _type_proto(spec, formal))
            if spec is not None and types[-1] is None:
                return ""
        call = Call(anonymous, tuple(inputs), tuple(types), imports)
        key = _digest(call)
        self.by_key.setdefault(key, call)
        return key


def _kind(node: NodeProto, inputs: Sequence[TensorSpec | None], outputs: Sequence[str], imports: Imports) -> Hashable:
    """All that a call's key is made of, in little time: a model has many calls of few kinds."""
    return (
        (node.op_type, node.domain),
        tuple(attribute.SerializeToString(deterministic=True) for attribute in node.attribute),
        tuple(spec and (spec.shape, spec.dtype, spec.constant) for spec in inputs),
        tuple(map(bool, outputs)),
        tuple(imports.items()),
    )


def _type_proto(spec: TensorSpec, formal: Formal | None) -> TypeProto | None:
    code = dtype_code(spec.dtype)
    if code is None:
        return None
    found = tensor_type(code, spec.shape or None)
    # A spec says what a sequence holds.
    is_sequence = formal is not None and formal.is_sequence
    return TypeProto(sequence_type=TypeProto.Sequence(elem_type=found)) if is_sequence else found


def _anonymous(node: NodeProto, inputs: Sequence[TensorSpec | None], outputs: Sequence[str]) -> NodeProto:
    domain = "" if node.domain == "ai.onnx" else node.domain
    clone = NodeProto(op_type=node.op_type, domain=domain, attribute=node.attribute)
    clone.input.extend("" if spec is None else f"i{number}" for number, spec in enumerate(inputs))
    clone.output.extend(f"o{number}" if name else "" for number, name in enumerate(outputs))
    return clone


def _digest(call: Call) -> str:
    parts = [call.node.SerializeToString(deterministic=True)]
    parts += [proto.SerializeToString(deterministic=True) if proto else b"" for proto in call.types]
    parts += [
        str([spec and spec.constant for spec in call.inputs]).encode(),
        str(sorted(call.imports.items())).encode(),
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:16]


def expanded(calls: Mapping[str, Call]) -> dict[str, FunctionProto]:
    """The body of each call, with the types of its values; one that is no valid model has its fault as doc_string.

    What onnx cannot expand is left out, and with it what was asked for together with it.
    """
    found: dict[str, FunctionProto] = {}
    keys = list(calls)
    for start in range(0, len(keys), _AT_ONCE):
        some = {key: calls[key] for key in keys[start : start + _AT_ONCE]}
        with suppress(PassFailed):
            found |= {function.name: function for function in apart(_expand, _as_model(some)).functions}
    return found


def _as_model(calls: Mapping[str, Call]) -> ModelProto:
    """The calls as nodes of one model; the opsets that each was met with are among its metadata."""
    model = ModelProto()
    for key, call in calls.items():
        node = model.graph.node.add()
        node.CopyFrom(call.node)
        node.name = key
        for domain, version in call.imports.items():
            node.metadata_props.add(key=domain, value=str(version))
        for position, proto in enumerate(call.types):
            if proto is not None:
                model.graph.input.add(name=f"{key}/{position}", type=proto)
    return model


def _expand(data: bytes) -> bytes:
    """The pass: a model of calls -> a model of functions."""
    calls, bodies = ModelProto.FromString(data), ModelProto()
    types = {value.name: value.type for value in calls.graph.input}
    for node in calls.graph.node:
        inputs = [types.get(f"{node.name}/{position}") for position, _ in enumerate(node.input)]
        imports = {entry.key: int(entry.value) for entry in node.metadata_props}
        body = _body(node, inputs, imports)
        if body is not None:
            body.name = node.name
            bodies.functions.append(body)
    return bodies.SerializeToString()


def _body(node: NodeProto, inputs: Sequence[TypeProto | None], imports: Imports) -> FunctionProto | None:
    schema = schema_of(node.op_type, node.domain, imports.get(node.domain, 0))
    body = _written(schema, node, inputs, imports.get("", imports.get(node.domain, 0)))
    if body is None:
        return None
    given = {a.name: a for a in node.attribute}
    parameters = dict(default_attributes(schema)) | given
    _resolve(body.node, parameters)
    absent = {formal for formal, actual in zip(body.input, node.input, strict=False) if not actual}
    absent |= set(body.input[len(node.input) :])
    for inner in body.node:
        inner.input[:] = ["" if name in absent else name for name in inner.input]
    # onnxruntime resolves a body's operators at the opset of the model.
    del body.opset_import[:]
    body.opset_import.extend(OperatorSetIdProto(domain=domain, version=version) for domain, version in imports.items())
    _type(body, inputs)
    used = [formal for formal, actual in zip(body.output, node.output, strict=False) if actual]
    body.output[:] = used
    return body


def _written(schema: Any, node: NodeProto, inputs: Sequence[TypeProto | None], standard: int) -> FunctionProto | None:
    if not schema.has_context_dependent_function:
        return plain_body(schema, standard)
    version = max(v for v in schema.context_dependent_function_opset_versions if v <= standard)
    types = [(proto or TypeProto()).SerializeToString() for proto in inputs]
    text = schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types)
    return FunctionProto.FromString(text) if text else None


def _resolve(nodes: Iterable[NodeProto], parameters: Mapping[str, AttributeProto]) -> None:
    """References to the function's attributes -> their values."""
    for node in nodes:
        kept = [attribute for attribute in node.attribute if not attribute.ref_attr_name]
        for attribute in node.attribute:
            if attribute.ref_attr_name in parameters:
                value = AttributeProto()
                value.CopyFrom(parameters[attribute.ref_attr_name])
                value.name = attribute.name
                kept.append(value)
        for attribute in kept:
            for graph in (attribute.g, *attribute.graphs):
                _resolve(graph.node, parameters)
        del node.attribute[:]
        node.attribute.extend(kept)


def _type(body: FunctionProto, inputs: Sequence[TypeProto | None]) -> None:
    """States the types of the body's values, and its fault where they contradict each other."""
    body.doc_string = ""
    graph = GraphProto(name=body.name, node=body.node)
    graph.input.extend(
        ValueInfoProto(name=formal, type=proto) for formal, proto in zip(body.input, inputs, strict=False) if proto
    )
    graph.output.extend(ValueInfoProto(name=name) for name in body.output)
    model = ModelProto(ir_version=onnx_compiled.IR_VERSION, graph=graph, opset_import=body.opset_import)
    data = model.SerializeToString()
    try:
        typed = onnx_compiled.infer_shapes(data, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # C++ raises its own kinds
        if "TypeInferenceError" in str(error):
            body.doc_string = reason(error)
            return
        typed = onnx_compiled.infer_shapes(data, data_prop=True)
    inferred = ModelProto.FromString(typed).graph
    del body.value_info[:]
    body.value_info.extend((*inferred.value_info, *inferred.output))
    dtypes = {value.name: value.type.tensor_type.elem_type for value in (*body.value_info, *graph.input)}
    body.doc_string = next(_contradictions(body, dtypes), "")


def _contradictions(body: FunctionProto, dtypes: Mapping[str, int]) -> Iterator[str]:
    """Operators one of whose type variables stands for two dtypes."""
    imports = {entry.domain: entry.version for entry in body.opset_import}
    for node in body.node:
        schema = schema_of(node.op_type, node.domain, imports.get(node.domain, 0))
        bound: dict[str, int] = {}
        for name, variable in _homogeneous(schema, node) if schema else ():
            dtype = dtypes.get(name, TensorProto.UNDEFINED)
            if dtype != TensorProto.UNDEFINED and bound.setdefault(variable, dtype) != dtype:
                names = " and ".join(str(dtype_name(code)) for code in (bound[variable], dtype))
                yield f"in its function body, {variable} of {node.op_type} is {names}"


def _homogeneous(schema: Any, node: NodeProto) -> Iterator[tuple[str, str]]:
    """The inputs whose type is a variable of the schema, by name."""
    for name, formal in zip(node.input, formals(list(schema.inputs), node.input), strict=True):
        if name and formal is not None and formal.is_homogeneous and "(" not in formal.type_str:
            yield name, formal.type_str
