"""An ONNX model as protobuf messages: its graph, without its weights."""

from collections.abc import Iterable
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx.onnx_ml_pb2 import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from opscan.core.errors import NoAnswer
from opscan.trace import onnx_wire
from opscan.trace.onnx_bytes import read_content
from opscan.trace.onnx_nodes import PAYLOADS, is_weight
from opscan.trace.onnx_outline import DAMAGED, REMEDY, require_graph

# How `data_location: EXTERNAL` is written.
_EXTERNAL = b"\x70\x01"


def read_model(path: Path, name: str) -> ModelProto:
    """The model with large tensors emptied. Raises NoAnswer, calling the file `name`."""
    model = parsed(read_content(path, name), name)
    require_graph(model, name)
    return model


def parsed(content: bytes, name: str) -> ModelProto:
    """A model of these bytes with large tensors emptied and strings that are UTF-8. Raises NoAnswer."""
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise NoAnswer(f"{name}: {DAMAGED}; {REMEDY}") from error
    drop_weights(model)
    if not content.isascii():
        _repair_text(model)
    return model


def may_hold_weights(content: bytes) -> bool:
    """Whether there may be something to be emptied in a serialized node or attribute."""
    return len(content) > onnx_wire.SMALL_BYTES or _EXTERNAL in content


def drop_weights(model: ModelProto) -> None:
    """Empties the large tensors of a model, wherever they are; their shapes and types stay."""
    _drop_from_graph(model.graph)
    for training in model.training_info:
        _drop_from_graph(training.initialization)
        _drop_from_graph(training.algorithm)
    for function in model.functions:
        drop_from_attributes(function.attribute_proto)
        _drop_from_nodes(function.node)


def _drop_from_graph(graph: GraphProto) -> None:
    for tensor in graph.initializer[:]:
        _empty(tensor)
    for sparse in graph.sparse_initializer:
        _empty_sparse(sparse)
    _drop_from_nodes(graph.node[:])


def _drop_from_nodes(nodes: Iterable[NodeProto]) -> None:
    for node in nodes:
        if may_hold_weights(node.SerializeToString()):
            drop_from_attributes(node.attribute[:])


def drop_from_attributes(attributes: Iterable[AttributeProto]) -> None:
    """Empties the large tensors of attributes."""
    for attribute in attributes:  # singular fields are asked for first: to read one makes it
        if attribute.HasField("t"):
            _empty(attribute.t)
        if attribute.HasField("g"):
            _drop_from_graph(attribute.g)
        if attribute.HasField("sparse_tensor"):
            _empty_sparse(attribute.sparse_tensor)
        for tensor in attribute.tensors[:]:
            _empty(tensor)
        for graph in attribute.graphs[:]:
            _drop_from_graph(graph)
        for sparse in attribute.sparse_tensors[:]:
            _empty_sparse(sparse)


def _empty_sparse(sparse: SparseTensorProto) -> None:
    for part in ("values", "indices"):
        if sparse.HasField(part):
            _empty(getattr(sparse, part))


def _empty(tensor: TensorProto) -> None:
    if is_weight(tensor):
        for payload in (*PAYLOADS, "external_data"):
            tensor.ClearField(payload)
        tensor.data_location = TensorProto.DEFAULT


def _repair_text(message: Message) -> None:
    """Replaces what is not UTF-8, which protobuf hands over as bytes."""
    for field, value in message.ListFields():
        if isinstance(value, Message):
            _repair_text(value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value:
                _repair_text(part)
        elif field.type == FieldDescriptor.TYPE_STRING and isinstance(value, bytes):
            setattr(message, field.name, _text(value))
        elif field.type == FieldDescriptor.TYPE_STRING and any(isinstance(text, bytes) for text in value):
            value[:] = map(_text, value)


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
