"""The onnx dialect: the sites of an ONNX ModelProto, control-flow bodies and local functions included."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

from opscan.core.inventory import Attribute, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import OpName
from opscan.trace.onnx_provenance import Provenance

# Tensors up to this many elements keep their values in attributes: axes, scales, small shapes.
_VALUE_ELEMENTS = 16
# Outputs that differ from run to run even on constant inputs.
_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
)
_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64"}

Scope = dict[str, TensorSpec]


def sites(model: ModelProto, provenance: Provenance) -> tuple[Site, ...]:
    """Every node of the graph and of the bodies it runs, in file order.

    Constant nodes are values, not operators. A call of a model-local function is replaced by the
    function's nodes.
    """
    return tuple(_Walk(model, provenance).graph(model.graph, {}, ""))


def dtype_name(element_type: int) -> str | None:
    """`float32` for TensorProto.FLOAT; None for UNDEFINED or a type newer than the onnx library."""
    if element_type == TensorProto.UNDEFINED:
        return None
    try:
        name = TensorProto.DataType.Name(element_type)
        return _DTYPES.get(name, name.lower())
    except ValueError:
        return None


def type_spec(name: str, value_type: TypeProto) -> TensorSpec:
    """A tensor's declared type; unknown dimensions become `?`, symbolic ones keep their symbol."""
    if value_type.HasField("optional_type"):
        value_type = value_type.optional_type.elem_type
    if value_type.HasField("sequence_type"):
        value_type = value_type.sequence_type.elem_type
    tensor = value_type.tensor_type if value_type.HasField("tensor_type") else value_type.sparse_tensor_type
    shape: tuple[int | str, ...] | None = None
    if tensor.HasField("shape"):
        shape = tuple(max(d.dim_value, 0) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim)
    return TensorSpec(shape, dtype_name(tensor.elem_type), name)


def tensor_spec(tensor: TensorProto) -> TensorSpec:
    """The type of a stored tensor."""
    return TensorSpec(tuple(tensor.dims), dtype_name(tensor.data_type), tensor.name, constant=True)


def attribute_value(attribute: AttributeProto) -> Attribute:
    """A plain value; a large tensor is given by its type, a graph by its name."""
    match attribute.type:
        case AttributeProto.FLOAT:
            return _short(attribute.f)
        case AttributeProto.INT:
            return int(attribute.i)
        case AttributeProto.STRING:
            return _text(attribute.s)
        case AttributeProto.FLOATS:
            return tuple(map(_short, attribute.floats))
        case AttributeProto.INTS:
            return tuple(attribute.ints)
        case AttributeProto.STRINGS:
            return tuple(map(_text, attribute.strings))
        case AttributeProto.TENSOR:
            return _tensor_value(attribute.t)
        case AttributeProto.GRAPH:
            return attribute.g.name
        case _:
            return AttributeProto.AttributeType.Name(attribute.type).lower()


def _short(value: float) -> float:
    """The shortest decimal that is the same float32: 1e-05, not 9.999999747378752e-06."""
    return float(str(np.float32(value)))


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _tensor_value(tensor: TensorProto) -> Attribute:
    elements = int(np.prod(tensor.dims)) if tensor.dims else 1
    if elements <= _VALUE_ELEMENTS and tensor.data_location != TensorProto.EXTERNAL:
        try:
            values = onnx.numpy_helper.to_array(tensor).tolist()
            return tuple(values) if isinstance(values, list) and tensor.dims and len(tensor.dims) == 1 else str(values)
        except Exception:  # a malformed value: its type is still known
            pass
    return str(tensor_spec(tensor))


@cache
def _schema(op_type: str, domain: str, opset: int) -> Any:
    """onnx.defs.OpSchema (untyped in onnx), None where the operator has no schema at that opset."""
    try:
        return onnx.defs.get_schema(op_type, opset, domain)
    except Exception:  # onnx raises its own SchemaError from C++
        return None


def _bind_types(formals: Iterable[Any], actuals: list[TensorSpec | None]) -> Iterator[tuple[str, str | None]]:
    """Type variable -> dtype of the parameters that are present; the last formal may repeat."""
    formals = list(formals)
    for position, actual in enumerate(actuals):
        formal = formals[min(position, len(formals) - 1)] if formals else None
        if actual is not None and formal is not None and formal.is_homogeneous:
            yield formal.type_str, actual.dtype


class _Walk:
    def __init__(self, model: ModelProto, provenance: Provenance) -> None:
        self._provenance = provenance
        self._opsets = {o.domain if o.domain != "ai.onnx" else "": o.version for o in model.opset_import}

    def graph(self, graph: GraphProto, outer: Scope, body: str) -> Iterator[Site]:
        scope = outer | _declared(graph)
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                scope |= {name: _constant(node, name, scope.get(name)) for name in node.output}
            else:
                yield from self._node(node, scope, body)

    def _node(self, node: NodeProto, scope: Scope, body: str) -> Iterator[Site]:
        domain = "" if node.domain == "ai.onnx" else node.domain
        name = OpName(domain, node.op_type, node.overload)
        inputs = _specs(node.input, scope)
        bodies = [(a.name, g) for a in node.attribute for g in ([a.g] if a.HasField("g") else list(a.graphs))]
        constant = not bodies and node.op_type not in _RANDOM and _is_constant(node, inputs)
        for output in filter(None, node.output):
            known = scope.get(output, TensorSpec(None, None, output))
            scope[output] = TensorSpec(known.shape, known.dtype, output, constant)
        outputs = tuple(scope[output] for output in node.output if output)
        attributes = {a.name: attribute_value(a) for a in node.attribute}
        schema = _schema(node.op_type, domain, self._opsets.get(domain, 1))
        types, unbound = self._types(schema, node, scope)
        place = self._provenance.of(node)
        yield Site(
            op=name,
            module=place.module,
            source=place.source,
            inputs=inputs,
            outputs=outputs,
            attributes=attributes,
            macs=macs(name, inputs, outputs, attributes),
            node=node.name,
            body=body,
            since_version=schema.since_version if schema else None,
            types=types,
            unbound=unbound,
            is_function=bool(schema and (schema.has_function or schema.has_context_dependent_function)),
            constant=constant,
        )
        for number, (attribute, inner) in enumerate(bodies):
            label = f"{node.name or node.op_type}.{attribute}"
            path = f"{label}[{number}]" if sum(a == attribute for a, _ in bodies) > 1 else label
            yield from self.graph(inner, scope, f"{body}/{path}" if body else path)

    def _types(self, schema: Any, node: NodeProto, scope: Scope) -> tuple[dict[str, str], tuple[str, ...]]:
        """The dtype of each type variable, and the variables whose dtype is not known."""
        if schema is None:
            return {}, ("*",)
        variables = {constraint.type_param_str for constraint in schema.type_constraints}
        outputs = [scope.get(output) for output in node.output]
        bound = [*_bind_types(schema.inputs, list(_specs(node.input, scope))), *_bind_types(schema.outputs, outputs)]
        known = {variable: dtype for variable, dtype in bound if variable in variables and dtype}
        unknown = {variable for variable, dtype in bound if variable in variables and not dtype}
        return dict(sorted(known.items())), tuple(sorted(unknown - known.keys()))


def _declared(graph: GraphProto) -> Scope:
    """Every value of a graph whose type the file states. Initializers win over inputs of the same name (IR 3)."""
    scope = {
        value.name: type_spec(value.name, value.type) for value in (*graph.input, *graph.value_info, *graph.output)
    }
    scope |= {tensor.name: tensor_spec(tensor) for tensor in graph.initializer}
    scope |= {
        sparse.values.name: TensorSpec(
            tuple(sparse.dims), dtype_name(sparse.values.data_type), sparse.values.name, constant=True
        )
        for sparse in graph.sparse_initializer
    }
    return scope


def _specs(names: Iterable[str], scope: Scope) -> tuple[TensorSpec | None, ...]:
    return tuple(scope.get(name, TensorSpec(None, None, name)) if name else None for name in names)


def _is_constant(node: NodeProto, inputs: tuple[TensorSpec | None, ...]) -> bool:
    """All inputs are constants, or only their static shapes are asked for."""
    present = [spec for spec in inputs if spec is not None]
    if node.op_type in ("Shape", "Size") and present:
        return present[0].constant or present[0].static_shape is not None
    return all(spec.constant for spec in present)


def _constant(node: NodeProto, name: str, declared: TensorSpec | None) -> TensorSpec:
    """The type of a Constant node's value, whichever attribute holds it."""
    for attribute in node.attribute:
        match attribute.type:
            case AttributeProto.TENSOR:
                return TensorSpec(tuple(attribute.t.dims), dtype_name(attribute.t.data_type), name, constant=True)
            case AttributeProto.INT | AttributeProto.FLOAT | AttributeProto.STRING:
                dtype = {AttributeProto.INT: "int64", AttributeProto.FLOAT: "float32"}.get(attribute.type, "string")
                return TensorSpec((), dtype, name, constant=True)
            case AttributeProto.INTS:
                return TensorSpec((len(attribute.ints),), "int64", name, constant=True)
            case AttributeProto.FLOATS:
                return TensorSpec((len(attribute.floats),), "float32", name, constant=True)
            case _:
                continue
    known = declared or TensorSpec(None, None)
    return TensorSpec(known.shape, known.dtype, name, constant=True)
