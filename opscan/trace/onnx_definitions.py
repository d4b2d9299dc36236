"""What onnx says of an operator that a walk of a graph needs: a value, which another process may have made."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from onnx.onnx_ml_pb2 import AttributeProto, FunctionProto

from opscan.trace import onnx_compiled
from opscan.trace.onnx_nodes import FunctionKey


class Formal(NamedTuple):
    """An input or output of a definition."""

    type: str
    """A type variable, or a type."""
    is_homogeneous: bool
    """Whether all operands of a variadic one have the same type."""
    is_sequence: bool
    """Whether it takes sequences alone."""


class Definition(NamedTuple):
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

    @classmethod
    def restored(cls, parts: Any) -> "Definition":
        """One that another process has packed. Raises TypeError where it is something else."""
        found = cls(*parts)
        inputs, outputs = (tuple([Formal(*formal) for formal in side]) for side in (found.inputs, found.outputs))
        return found._replace(inputs=inputs, outputs=outputs)


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
