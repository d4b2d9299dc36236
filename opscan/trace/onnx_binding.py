"""What an operator's schema says of a node: its version, its type variables, its default values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from opscan.core.inventory import Attribute, TensorSpec
from opscan.trace import onnx_compiled
from opscan.trace.onnx_values import attribute_value

NO_TYPES: Mapping[str, str] = {}
# In the place of the dtype of a parameter that is left out.
_ABSENT = "(absent)"


@cache
def schema_of(op_type: str, domain: str, opset: int) -> Any:
    """onnx.defs.OpSchema (untyped in onnx), None where the operator has no schema at that opset."""
    return onnx_compiled.schema(op_type, domain, opset)


def types(
    schema: Any, inputs: Sequence[TensorSpec | None], outputs: Sequence[TensorSpec]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The dtype of each type variable, and the variables whose dtype is not known."""
    if schema is None:
        return NO_TYPES, ("*",)
    # An output that is left out has no name.
    return _types(schema, tuple(map(_dtype, inputs)), tuple(_dtype(spec) if spec.name else _ABSENT for spec in outputs))


def _dtype(spec: TensorSpec | None) -> str | None:
    return _ABSENT if spec is None else spec.dtype


@lru_cache(maxsize=4096)  # few kinds of nodes make up a graph
def _types(
    schema: Any, inputs: tuple[str | None, ...], outputs: tuple[str | None, ...]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    variables = {constraint.type_param_str for constraint in schema.type_constraints}
    bound = [*_bind_types(schema.inputs, inputs), *_bind_types(schema.outputs, outputs)]
    known = {variable: dtype for variable, dtype in bound if variable in variables and dtype}
    unknown = {variable for variable, dtype in bound if variable in variables and not dtype}
    return dict(sorted(known.items())), tuple(sorted(unknown - known.keys()))


def _bind_types(formals: Iterable[Any], actuals: Sequence[str | None]) -> Iterator[tuple[str, str | None]]:
    """Type variable -> dtype of the parameters that are present; the last formal may repeat."""
    formals = list(formals)
    for position, actual in enumerate(actuals):
        formal = formals[min(position, len(formals) - 1)] if formals else None
        if actual != _ABSENT and formal is not None and formal.is_homogeneous:
            yield formal.type_str, actual


@cache
def defaults(schema: Any) -> Mapping[str, Attribute] | None:
    """What attributes stand for that a node leaves out; None for an operator without schema."""
    if schema is None:
        return None
    return {
        name: attribute_value(default)
        for name, attribute in sorted(schema.attributes.items())
        if (default := onnx_compiled.default_value(attribute)).type
    }
