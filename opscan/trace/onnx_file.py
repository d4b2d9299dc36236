"""Reading an ONNX file: its graph, without its weights."""

from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory, Rung, TensorSpec, Uncaptured
from opscan.core.operator import Dialect, OpName
from opscan.core.source import OnnxSource
from opscan.trace import onnx_graph
from opscan.trace.apart import PassFailed, reason
from opscan.trace.onnx_passes import inlined, with_types
from opscan.trace.onnx_provenance import Provenance
from opscan.trace.onnx_values import type_spec
from opscan.trace.provenance import SourceLines

# Stored tensors up to this many bytes are kept: shapes, axes and scales that inference needs.
_SMALL_BYTES = 4096
# A protobuf message ends there.
_LARGEST_FILE = 2**31 - 1
_GIT_LFS = b"version https://git-lfs.github.com/spec/"
_PAYLOADS = (
    "raw_data",
    "float_data",
    "int32_data",
    "string_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "external_data",
)


def capture_onnx_file(source: OnnxSource) -> Inventory:
    """All operators of an ONNX file. Raises NoAnswer, naming the file and the fault."""
    return inventory_of(read_model(Path(source.path), source.name), source.name, "ONNX file")


def read_model(path: Path, name: str) -> ModelProto:
    """The model with large tensors emptied; external data is not opened. Raises NoAnswer, calling the file `name`."""
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise NoAnswer(f"{name}: {size:,} bytes; an ONNX file ends at 2 GiB: save its weights as external data")
        model = _parsed(path.read_bytes(), name)
    except OSError as error:
        raise NoAnswer(f"{name}: cannot be read: {error.strerror}") from error
    drop_weights(model.graph)
    for function in model.functions:
        _drop_values(function.node)
    _repair_text(model)
    return model


def _parsed(content: bytes, name: str) -> ModelProto:
    if not content:
        raise NoAnswer(f"{name}: is empty; export or copy it again")
    if content.startswith(_GIT_LFS):
        raise NoAnswer(f"{name}: is a Git LFS pointer, not the file itself; run `git lfs pull`")
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise NoAnswer(f"{name}: not an ONNX file, or a damaged one; export or copy it again") from error
    missing = "graph" if not model.HasField("graph") else "opset" if not model.opset_import else ""
    if missing:
        raise NoAnswer(f"{name}: not an ONNX file, or a damaged one: it has no {missing}; export or copy it again")
    return model


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


def drop_weights(graph: GraphProto) -> None:
    """Empties the large tensors of a graph and its bodies; their shapes and types stay."""
    for tensor in graph.initializer:
        _empty(tensor)
    _drop_values(graph.node)


def _drop_values(nodes: Iterable[NodeProto]) -> None:
    for node in nodes:
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                _empty(tensor)
        for _, body in onnx_graph.bodies(node):
            drop_weights(body)


def _empty(tensor: TensorProto) -> None:
    if tensor.ByteSize() > _SMALL_BYTES or tensor.data_location == TensorProto.EXTERNAL:
        for payload in _PAYLOADS:
            tensor.ClearField(payload)
        tensor.data_location = TensorProto.DEFAULT


def inventory_of(
    model: ModelProto,
    name: str,
    method: str,
    *,
    lines: SourceLines | None = None,
    params: int | None = None,
) -> Inventory:
    """The inventory of a model whose weights were dropped. Raises NoAnswer where its functions make no sense."""
    if params is None:
        params = _stored_elements(model.graph)
    notes: list[str] = []
    try:
        local_functions = tuple(sorted({str(OpName(*onnx_graph.function_key(f))) for f in model.functions}))
        model = _typed(_without_functions(model, notes), notes)
        walked = onnx_graph.walked(model, Provenance(model, lines or SourceLines({}, ())))
    except RecursionError as error:
        raise NoAnswer(f"{name}: damaged ONNX graph: its functions are nested too deeply") from error
    except ValueError as error:
        raise NoAnswer(f"{name}: damaged ONNX graph: {reason(error)}") from error
    return Inventory(
        model=name,
        dialect=Dialect.ONNX,
        sites=walked.sites,
        functions=walked.functions,
        inputs=tuple(_inputs(model)),
        local_functions=local_functions,
        ir_version=model.ir_version,
        uncaptured=tuple(_newer_than_known(model)),
        opset_imports=onnx_graph.opsets(model.opset_import),
        params=params,
        rungs=(Rung("", method, "; ".join(notes)),),
    )


def _inputs(model: ModelProto) -> Iterator[TensorSpec]:
    """What a caller must give: every initializer was an input in IR 3, and may be one since."""
    stored = {tensor.name for tensor in model.graph.initializer}
    stored |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return (type_spec(value.name, value.type) for value in model.graph.input if value.name not in stored)


def _stored_elements(graph: GraphProto) -> int:
    total = sum(prod(max(dim, 0) for dim in tensor.dims) for tensor in graph.initializer)
    inner = (body for node in graph.node for _, body in onnx_graph.bodies(node))
    return total + sum(map(_stored_elements, inner))


def _without_functions(model: ModelProto, notes: list[str]) -> ModelProto:
    """The model with its local functions inlined as far as that is possible."""
    try:
        result = inlined(model)
    except PassFailed as error:
        notes.append(f"local functions walked without type inference: {error}")
        return model
    if model.functions:
        rest = ", those of another opset walked without type inference" if result.functions else ""
        notes.append(f"{len(model.functions)} local functions inlined{rest}")
    return result


def _typed(model: ModelProto, notes: list[str]) -> ModelProto:
    try:
        return with_types(model)
    except PassFailed as error:  # the operators are known all the same
        notes.append(f"type inference failed: {error}")
        return model


def _newer_than_known(model: ModelProto) -> Iterator[Uncaptured]:
    """What the installed onnx library is too old for: newer operator versions and constructs go unseen."""
    known = {"IR": onnx.IR_VERSION, "ai.onnx": onnx.defs.onnx_opset_version()}
    known["ai.onnx.ml"] = onnx.defs.onnx_ml_opset_version()
    stated = {"IR": model.ir_version}
    stated |= {domain or "ai.onnx": version for domain, version in onnx_graph.opsets(model.opset_import).items()}
    for thing, version in stated.items():
        if version > known.get(thing, version):
            yield Uncaptured(
                f"{thing} {version}",
                f"newer than {thing} {known[thing]} of onnx {onnx.__version__}, as which it was read; update onnx",
            )
