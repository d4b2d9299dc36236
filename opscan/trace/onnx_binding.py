"""How the operands of a node go with the definition of its operator: its type variables, its defaults."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from onnx.onnx_ml_pb2 import AttributeProto

from opscan.core.inventory import Attribute, TensorSpec
from opscan.trace.onnx_definitions import Definition, Formal
from opscan.trace.onnx_values import attribute_value

NO_TYPES: Mapping[str, str] = {}
# In the place of the dtype of a parameter that is left out.
_ABSENT = "(absent)"


def formals(stated: Sequence[Any], operands: Sequence[object]) -> Iterator[Any]:
    """The formal parameter that each operand stands for; None where there is none. The last may repeat."""
    for position, _ in enumerate(operands):
        yield stated[min(position, len(stated) - 1)] if stated else None


def types(
    definition: Definition | None, inputs: Sequence[TensorSpec | None], outputs: Sequence[TensorSpec]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The dtype of each type variable, and the variables whose dtype is not known."""
    if definition is None:
        return NO_TYPES, ("*",)
    # An output that is left out has no name.
    named = tuple(_dtype(spec) if spec.name else _ABSENT for spec in outputs)
    return _types(definition.variables, definition.inputs, definition.outputs, tuple(map(_dtype, inputs)), named)


def _dtype(spec: TensorSpec | None) -> str | None:
    return _ABSENT if spec is None else spec.dtype


@lru_cache(maxsize=4096)  # few kinds of nodes make up a graph
def _types(
    variables: tuple[str, ...],
    formal_inputs: tuple[Formal, ...],
    formal_outputs: tuple[Formal, ...],
    inputs: tuple[str | None, ...],
    outputs: tuple[str | None, ...],
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    bound = [*_bind_types(formal_inputs, inputs), *_bind_types(formal_outputs, outputs)]
    known = {variable: dtype for variable, dtype in bound if variable in variables and dtype}
    unknown = {variable for variable, dtype in bound if variable in variables and not dtype}
    return dict(sorted(known.items())), tuple(sorted(unknown - known.keys()))


def _bind_types(stated: Sequence[Formal], actuals: Sequence[str | None]) -> Iterator[tuple[str, str | None]]:
    """Type variable -> dtype of the parameters that are present."""
    for formal, actual in zip(formals(stated, actuals), actuals, strict=True):
        if actual != _ABSENT and formal is not None and formal.is_homogeneous:
            yield formal.type, actual


def defaults(definition: Definition | None) -> Mapping[str, Attribute] | None:
    """What attributes stand for that a node leaves out; None for an operator without definition."""
    if definition is None:
        return None
    return {name: attribute_value(AttributeProto.FromString(text)) for name, text in definition.defaults.items()}
