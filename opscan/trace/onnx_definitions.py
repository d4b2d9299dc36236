"""What onnx says of an operator that a walk of a graph needs: a value, which another process may have made."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from onnx.onnx_ml_pb2 import AttributeProto, FunctionProto

from opscan.core.inventory import Attribute, TensorSpec
from opscan.core.record import Record
from opscan.trace import onnx_compiled
from opscan.trace.onnx_nodes import FunctionKey
from opscan.trace.onnx_values import attribute_value

NO_TYPES: Mapping[str, str] = {}
# In the place of the dtype of a parameter that is left out.
_ABSENT = "(absent)"


class Formal(Record, frozen=True):
    """An input or output of a definition."""

    type: str
    """A type variable, or a type."""
    is_homogeneous: bool
    """Whether all operands of a variadic one have the same type."""
    is_sequence: bool
    """Whether it takes sequences alone."""


class Definition(Record, frozen=True):
    """One version of an operator, as a graph with certain opsets sees it."""

    since_version: int
    variables: tuple[str, ...]
    """Names of its type variables."""
    inputs: tuple[Formal, ...]
    """The last may be repeated."""
    outputs: tuple[Formal, ...]
    defaults: Mapping[str, bytes]
    """Serialized AttributeProto of the attributes that may be left out."""
    is_function: bool
    """Whether ONNX defines it by a body that is valid there."""


class Key(NamedTuple):
    """What an operator is looked up by."""

    op_type: str
    domain: str
    opset: int
    """Of its domain."""
    standard: int
    """The opset of ai.onnx."""


def key_of(call: FunctionKey, imports: Mapping[str, int]) -> Key:
    """Of what a node calls in a graph that imports these opsets."""
    domain, op_type, _ = call
    opset = imports.get(domain, 0)
    return Key(op_type, domain, opset, imports.get("", opset))


@cache
def definition_of(key: Key) -> Definition | None:
    """The definition; None where onnx has none at that opset."""
    schema = schema_of(key.op_type, key.domain, key.opset)
    if schema is None:
        return None
    return Definition(
        since_version=int(schema.since_version),
        variables=tuple(constraint.type_param_str for constraint in schema.type_constraints),
        inputs=tuple(map(_formal, schema.inputs)),
        outputs=tuple(map(_formal, schema.outputs)),
        defaults={name: default.SerializeToString() for name, default in default_attributes(schema)},
        is_function=_has_body(schema, key.standard),
    )


def _formal(formal: Any) -> Formal:
    is_sequence = all(text.startswith("seq(") for text in formal.types)
    return Formal(formal.type_str, bool(formal.is_homogeneous), is_sequence)


@cache
def schema_of(op_type: str, domain: str, opset: int) -> Any:
    """onnx.defs.OpSchema (untyped in onnx), None where the operator has no schema at that opset."""
    return onnx_compiled.schema(op_type, domain, opset)


def default_attributes(schema: Any) -> Iterator[tuple[str, AttributeProto]]:
    """What attributes stand for that a node leaves out."""
    for name, attribute in sorted(schema.attributes.items()):
        if (default := onnx_compiled.default_value(attribute)).type:
            yield name, default


def plain_body(schema: Any, standard: int) -> FunctionProto | None:
    """The body of an operator that does not depend on the call; None where an operator in it has changed since."""
    text = schema.get_function_with_opset_version(standard) if schema.has_function else b""
    if not text:
        return None
    body = FunctionProto.FromString(text)
    written_at = {entry.domain: entry.version for entry in body.opset_import}.get("", standard)
    used = {node.op_type for node in body.node if node.domain in ("", "ai.onnx")}
    changed = any(_version(name, written_at) != _version(name, standard) for name in used)
    return None if changed else body


def _has_body(schema: Any, standard: int) -> bool:
    """As onnx's GetFunction(opset, validate) and so onnxruntime see it."""
    if schema.has_context_dependent_function:
        return bool(min(schema.context_dependent_function_opset_versions, default=standard + 1) <= standard)
    return plain_body(schema, standard) is not None


def _version(name: str, opset: int) -> int | None:
    schema = schema_of(name, "", opset)
    return None if schema is None else int(schema.since_version)


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
