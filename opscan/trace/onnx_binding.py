"""What an operator's schema says of a node: its version, its type variables, its default values."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import onnx
from onnx import NodeProto

from opscan.core.inventory import Attribute, TensorSpec
from opscan.trace.onnx_values import Scope, attribute_value

NONE: Mapping[str, Attribute] = {}


@cache
def schema_of(op_type: str, domain: str, opset: int) -> Any:
    """onnx.defs.OpSchema (untyped in onnx), None where the operator has no schema at that opset."""
    try:
        return onnx.defs.get_schema(op_type, opset, domain)
    except Exception:  # onnx raises its own SchemaError from C++
        return None


def types(schema: Any, node: NodeProto, scope: Scope) -> tuple[dict[str, str], tuple[str, ...]]:
    """The dtype of each type variable, and the variables whose dtype is not known."""
    if schema is None:
        return {}, ("*",)
    variables = {constraint.type_param_str for constraint in schema.type_constraints}
    inputs = [scope.get(name, TensorSpec(None, None, name)) if name else None for name in node.input]
    outputs = [scope.get(output) for output in node.output]
    bound = [*_bind_types(schema.inputs, inputs), *_bind_types(schema.outputs, outputs)]
    known = {variable: dtype for variable, dtype in bound if variable in variables and dtype}
    unknown = {variable for variable, dtype in bound if variable in variables and not dtype}
    return dict(sorted(known.items())), tuple(sorted(unknown - known.keys()))


def _bind_types(formals: Iterable[Any], actuals: list[TensorSpec | None]) -> Iterator[tuple[str, str | None]]:
    """Type variable -> dtype of the parameters that are present; the last formal may repeat."""
    formals = list(formals)
    for position, actual in enumerate(actuals):
        formal = formals[min(position, len(formals) - 1)] if formals else None
        if actual is not None and formal is not None and formal.is_homogeneous:
            yield formal.type_str, actual.dtype


def defaults(op_type: str, domain: str, opset: int) -> Mapping[str, Attribute] | None:
    """What attributes stand for that a node leaves out; None for an operator without schema."""
    schema = schema_of(op_type, domain, opset)
    return None if schema is None else _defaults(op_type, domain, schema.since_version)


@cache
def _defaults(op_type: str, domain: str, version: int) -> Mapping[str, Attribute]:
    attributes = schema_of(op_type, domain, version).attributes
    return {
        name: attribute_value(attribute.default_value)
        for name, attribute in sorted(attributes.items())
        if attribute.default_value.type
    }
