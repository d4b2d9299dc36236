"""One operator of a model as a model of its own: what a backend is handed, or a bug report holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from opscan.core.operator import OpName
from opscan.trace.onnx_nodes import bodies

# Constants up to this many elements keep their values; of larger ones shape and type are what matters.
_VALUE_ELEMENTS = 4096
# A larger constant becomes an input: no report wants its bytes.
_LARGEST_CONSTANT = 2**24


@dataclass(frozen=True, slots=True)
class Extract:
    """A model of one node."""

    number: int
    """Position of the node in the model's graph, from 1; Constant nodes are not counted."""
    node: str
    operator: str
    model: ModelProto


def extracts(model: ModelProto) -> Iterator[Extract]:
    """Every node of the main graph of a model whose values are typed, in file order.

    Inputs that do not depend on the model's become initializers, with their values where these are
    known. A node whose inputs have no known type is left out.
    """
    graph = model.graph
    types = {value.name: value for value in (*graph.input, *graph.value_info, *graph.output)}
    constants: dict[str, TensorProto] = {tensor.name: tensor for tensor in graph.initializer}
    number = 0
    for node in graph.node:
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
            constants |= _constant_value(node)
            continue
        number += 1
        made = _model_of(node, model, types, constants)
        if made is not None:
            yield Extract(number, node.name, str(OpName(node.domain, node.op_type, node.overload)), made)
        constants |= _computed(node, model, types, constants)


def _constant_value(node: NodeProto) -> dict[str, TensorProto]:
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = TensorProto()
            tensor.CopyFrom(attribute.t)
            tensor.name = node.output[0]
            return {tensor.name: tensor}
    return _evaluated(node, {}, [])


def _computed(
    node: NodeProto, model: ModelProto, types: Mapping[str, ValueInfoProto], constants: Mapping[str, TensorProto]
) -> dict[str, TensorProto]:
    """Outputs that depend on constants and static shapes only: what shapes are computed from."""
    names = [name for name in node.input if name]
    if node.op_type in ("Shape", "Size") and names and names[0] not in constants:
        shape = _static_shape(types.get(names[0]))
        if shape is None or prod(shape) > _LARGEST_CONSTANT:
            return {}
        stand_in = helper.make_tensor(names[0], TensorProto.BOOL, shape, bytes(prod(shape)), raw=True)
        return (
            _evaluated(node, {names[0]: stand_in}, list(model.opset_import)) if prod(shape) < _LARGEST_CONSTANT else {}
        )
    if not names or bodies(node.attribute) or any(name not in constants for name in names):
        return {}
    given = {name: constants[name] for name in names}
    small = all(prod(tensor.dims) <= _VALUE_ELEMENTS and _has_values(tensor) for tensor in given.values())
    return _evaluated(node, given, list(model.opset_import)) if small else {}


def _static_shape(value: ValueInfoProto | None) -> list[int] | None:
    if value is None or not value.type.tensor_type.HasField("shape"):
        return None
    dims = value.type.tensor_type.shape.dim
    return [d.dim_value for d in dims] if all(d.HasField("dim_value") for d in dims) else None


def _evaluated(
    node: NodeProto, given: Mapping[str, TensorProto], imports: list[onnx.OperatorSetIdProto]
) -> dict[str, TensorProto]:
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # slow to import, and rarely needed

    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "g", [], outputs, list(given.values()))
    try:
        results = ReferenceEvaluator(helper.make_model(graph, opset_imports=imports or None)).run(None, {})
        return {o.name: numpy_helper.from_array(r, o.name) for o, r in zip(outputs, results, strict=True)}
    except Exception:  # plain Python that raises whatever it meets: the value stays unknown
        return {}


def _model_of(
    node: NodeProto, model: ModelProto, types: Mapping[str, ValueInfoProto], constants: Mapping[str, TensorProto]
) -> ModelProto | None:
    inputs: list[ValueInfoProto] = []
    initializers: list[TensorProto] = []
    for name in dict.fromkeys(_names(node)):
        constant = constants.get(name)
        if constant is not None and prod(constant.dims) <= _LARGEST_CONSTANT:
            initializers.append(_stored(constant))
        elif constant is not None:
            inputs.append(helper.make_tensor_value_info(name, constant.data_type, list(constant.dims)))
        elif name in types and types[name].type.WhichOneof("value"):
            inputs.append(types[name])
        else:
            return None
    outputs = [types.get(name, onnx.ValueInfoProto(name=name)) for name in node.output if name]
    graph = helper.make_graph([node], model.graph.name or "g", inputs, outputs, initializers)
    made = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    made.functions.extend(model.functions)
    return made


def _names(node: NodeProto) -> Iterator[str]:
    """What the node reads: its inputs, and what its bodies take from around them."""
    yield from filter(None, node.input)
    for _, graph in bodies(node.attribute):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {output for inner in graph.node for output in inner.output}
        read = (name for inner in graph.node for name in _names(inner))
        yield from (name for name in (*read, *(o.name for o in graph.output)) if name not in own)


def _stored(tensor: TensorProto) -> TensorProto:
    """The constant with its values; where these were not kept, with small numbers in their place."""
    if _has_values(tensor):
        return tensor
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count = prod(tensor.dims)
    numbers = [((n * 7) % 13 - 6) / 64 for n in range(min(count, 4096))]
    import numpy as np  # noqa: PLC0415  # not needed where all values are there

    values = np.resize(np.array(numbers or [0.0]), list(tensor.dims)).astype(dtype)
    return numpy_helper.from_array(values, tensor.name)


def _has_values(tensor: TensorProto) -> bool:
    fields: Iterable[str] = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
    return not prod(tensor.dims) or bool(tensor.raw_data) or any(len(getattr(tensor, field)) for field in fields)
