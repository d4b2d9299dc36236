"""The other side of onnx_library: what is answered in a process apart. It imports little, for somebody waits for it."""

from collections.abc import Callable, Mapping

from onnx.onnx_ml_pb2 import ModelProto

from opscan.trace import onnx_compiled
from opscan.trace.onnx_definitions import Key, definition_of, schema_of
from opscan.trace.packing import packed, unpacked

# What a question begins with.
DEFINE, NEWEST, INFER = b"d", b"n", b"i"


def answer(data: bytes) -> bytes:
    """What the process does."""
    return _ANSWERS[data[:1]](data[1:])


def _define(data: bytes) -> bytes:
    return packed(tuple([definition_of(Key(*parts)) for parts in unpacked(data)]))


def _newest(_: bytes) -> bytes:
    return packed(onnx_compiled.newest())


def _infer(data: bytes) -> bytes:
    question, answer = ModelProto.FromString(data), ModelProto()
    graph, (node,) = question.graph, question.graph.node
    opsets = {entry.domain: entry.version for entry in question.opset_import}
    types = {value.name: value.type.SerializeToString() for value in graph.input}
    stored = {tensor.name: tensor.SerializeToString() for tensor in graph.initializer}
    domain = "" if node.domain == "ai.onnx" else node.domain
    schema = schema_of(node.op_type, domain, opsets.get(domain, 0))
    found = onnx_compiled.infer_outputs(schema, node.SerializeToString(), types, stored, opsets, question.ir_version)
    for name, text in found.items():
        answer.graph.output.add(name=name).type.ParseFromString(text)
    return answer.SerializeToString()


_ANSWERS: Mapping[bytes, Callable[[bytes], bytes]] = {DEFINE: _define, NEWEST: _newest, INFER: _infer}
