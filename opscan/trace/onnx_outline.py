"""An ONNX model in outline: parsed by protobuf, but for attributes of nodes and types of values, which stay bytes.

A network repeats itself: of the attributes and types of its nodes few differ, and each of these is parsed once
(`onnx_listing`). Strings must be UTF-8, which protobuf checks as it parses: ONNX's own schema is of the older kind,
for which it does not, and looking at every string here took as long as reading all the rest.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from onnx.onnx_ml_pb2 import ModelProto

from opscan.core.errors import NoAnswer
from opscan.trace.uninterrupted import uninterrupted

DAMAGED, REMEDY = "not an ONNX file, or a damaged one", "export or copy it again"
# What stays bytes. All of a field's occurrences are kept: of a message that is stated twice, protobuf makes one.
_CLOSED = frozenset((("NodeProto", "attribute"), ("ValueInfoProto", "type")))

Outline = Any
"""A message whose class is made here: fields as in ONNX's, those of _CLOSED as lists of bytes."""


def model_outline(content: bytes) -> Outline:
    """A model's. Raises DecodeError where it is none, or where a string is not UTF-8."""
    return _message("ModelProto").FromString(content)


def function_outline(content: bytes) -> Outline:
    """A function's. Raises DecodeError."""
    return _message("FunctionProto").FromString(content)


def attribute_outline(content: bytes) -> Outline:
    """An attribute's; its graphs are outlines too. Raises DecodeError."""
    return _message("AttributeProto").FromString(content)


def type_outline(content: bytes) -> Outline:
    """A type's, which has nothing closed. Raises DecodeError."""
    return _message("TypeProto").FromString(content)


def require_graph(model: Any, name: str) -> None:  # a ModelProto or its outline
    """Raises NoAnswer, calling the model `name`, where it lacks what every model has."""
    missing = "graph" if not model.HasField("graph") else "opset" if not model.opset_import else ""
    if missing:
        raise NoAnswer(f"{name}: {DAMAGED}: it has no {missing}; {REMEDY}")


@cache
def _message(name: str) -> type[Message]:
    package = ModelProto.DESCRIPTOR.file.package
    with uninterrupted():
        return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{package}.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """ONNX's schema as installed, with fields closed and text checked."""
    schema = descriptor_pb2.FileDescriptorProto()
    ModelProto.DESCRIPTOR.file.CopyToProto(schema)
    schema.syntax, schema.edition = "editions", descriptor_pb2.EDITION_2023
    features = descriptor_pb2.FeatureSet
    schema.options.features.utf8_validation = features.VERIFY
    schema.options.features.repeated_field_encoding = features.EXPANDED
    for message, field in _fields(schema.message_type):
        if field.options.packed:  # which has another name in editions
            field.options.features.repeated_field_encoding = features.PACKED
            field.options.ClearField("packed")
        if (message, field.name) in _CLOSED:
            field.type, field.label = field.TYPE_BYTES, field.LABEL_REPEATED
            field.ClearField("type_name")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(schema.SerializeToString())
    return pool


def _fields(messages: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """All fields of descriptors with the names of their messages, nested ones included."""
    for message in messages:
        yield from ((message.name, field) for field in message.field)
        yield from _fields(message.nested_type)
