"""Reading an ONNX file: its graph, without its weights."""

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, TensorProto

from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory, Rung, Uncaptured
from opscan.core.operator import Dialect
from opscan.core.source import OnnxSource
from opscan.trace import onnx_graph
from opscan.trace.onnx_provenance import Provenance
from opscan.trace.provenance import SourceLines

# Stored tensors up to this many bytes are kept: shapes, axes and scales that inference needs.
_SMALL_BYTES = 4096
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
    return inventory_of(read_model(Path(source.path)), source.name, "ONNX file")


def read_model(path: Path) -> ModelProto:
    """The model with large tensors emptied; external data is not opened."""
    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise NoAnswer(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise NoAnswer(f"{path}: not an ONNX file, or a damaged one: {_reason(error)}") from error
    if not model.HasField("graph") or not model.opset_import:
        raise NoAnswer(f"{path}: not an ONNX file: it has no graph or imports no opset")
    drop_weights(model.graph)
    return model


def drop_weights(graph: GraphProto) -> None:
    """Empties the large tensors of a graph and its bodies; their shapes and types stay."""
    for tensor in graph.initializer:
        _empty(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            _empty(attribute.t)
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                drop_weights(inner)


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
    """The inventory of a model whose weights were dropped."""
    if params is None:
        params = _stored_elements(model.graph)
    notes: list[str] = []
    uncaptured: list[Uncaptured] = []
    model = _inlined(model, notes, uncaptured)
    model = _with_shapes(model, notes)
    try:
        lines = lines or SourceLines({}, ())
        sites = onnx_graph.sites(model, Provenance(model.graph, lines))
    except (ValueError, RecursionError, UnicodeDecodeError) as error:
        raise NoAnswer(f"{name}: damaged ONNX graph: {_reason(error)}") from error
    return Inventory(
        model=name,
        dialect=Dialect.ONNX,
        sites=sites,
        uncaptured=tuple(uncaptured),
        opset_imports={"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import},
        params=params,
        rungs=(Rung("", method, "; ".join(notes)),),
    )


def _stored_elements(graph: GraphProto) -> int:
    total = 0
    for tensor in graph.initializer:
        elements = 1
        for dim in tensor.dims:
            elements *= max(dim, 0)
        total += elements
    return total


def _inlined(model: ModelProto, notes: list[str], uncaptured: list[Uncaptured]) -> ModelProto:
    """The model with calls of its local functions replaced by their bodies."""
    if not model.functions:
        return model
    import onnx.inliner  # noqa: PLC0415  # costs nothing where there are no functions

    try:
        inlined: Any = onnx.inliner.inline_local_functions(model)
    except Exception as error:  # C++ raises its own kinds
        uncaptured += [
            Uncaptured(f"{f.domain}::{f.name}", f"cannot be inlined: {_reason(error)}") for f in model.functions
        ]
        return model
    notes.append(f"{len(model.functions)} local functions inlined")
    return ModelProto.FromString(inlined.SerializeToString())


def _with_shapes(model: ModelProto, notes: list[str]) -> ModelProto:
    """The model with the types of its values inferred where the file does not state them."""
    graph = model.graph
    stated = {value.name for value in (*graph.value_info, *graph.output)}
    nested = any(a.HasField("g") for node in graph.node for a in node.attribute)
    if not nested and all(output in stated for node in graph.node for output in node.output if output):
        return model
    try:
        inferred: ModelProto = onnx.shape_inference.infer_shapes(model, data_prop=True)
        return inferred
    except Exception as error:  # C++ raises its own kinds; the operators are known all the same
        notes.append(f"shape inference failed: {_reason(error)}")
        return model


def _reason(error: BaseException) -> str:
    """The first line of what a library says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
