"""The onnx dialect of a torch model: exported as a user's own export would be, without weights."""

import os
import tempfile
from pathlib import Path

import onnx
import onnx_ir as ir
import torch
from onnx import ModelProto, TensorProto
from torch import nn
from torch.export import ExportedProgram
from torch.onnx import ONNXProgram

from opscan.core.errors import NoAnswer, UsageError
from opscan.core.inventory import Inventory
from opscan.core.source import TorchSource
from opscan.trace.aten import exported
from opscan.trace.onnx_file import inventory_of
from opscan.trace.onnx_opset import lowered
from opscan.trace.onnx_quick import quick_export
from opscan.trace.onnx_read import drop_weights
from opscan.trace.torch_model import count_parameters, example_inputs, one_line, quiet, source_lines

# torch's exporter implements this opset and converts to others (torch.onnx, TORCHLIB_OPSET).
NATIVE_OPSET = 18
# Initializers up to this many bytes are written out: shapes, axes, scales.
_SMALL_BYTES = 4096
# Where a TensorProto keeps its values.
_VALUES = ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
# A protobuf message ends at 2 GiB; the graph needs some of it.
_INLINE_BYTES = 1_800_000_000


def to_onnx(
    name: str,
    model: nn.Module | ExportedProgram,
    arguments: tuple[torch.Tensor, ...],
    opset: int | None,
    *,
    places_only: bool = False,
) -> ONNXProgram:
    """torch.onnx.export with its defaults: the torch.export-based exporter, optimized.

    With `places_only` a node's metadata says where it comes from, and nothing else. An opset older than the
    exporter implements is converted to afterwards. Raises NoAnswer when the export fails, UsageError when the opset
    cannot be reached.
    """
    native = opset if opset is None else max(opset, NATIVE_OPSET)
    try:
        with quiet(), torch.no_grad(), quick_export(places_only=places_only):
            program = torch.onnx.export(model, arguments, dynamo=True, verbose=False, opset_version=native)
    except Exception as error:  # the exporter raises whatever the model meets
        raise NoAnswer(f"{name}: torch.onnx.export failed: {one_line(error.__cause__ or error)}") from error
    assert program is not None  # as dynamo=True promises
    reached = program.model.opset_imports.get("")
    if native is not None and reached != native:
        raise UsageError(f"{name}: torch {torch.__version__} does not export to opset {opset}: it kept {reached}")
    if opset is not None and opset < NATIVE_OPSET:
        try:
            program.model = lowered(program.model, opset)
        except Exception as error:  # the converter raises from C++
            raise UsageError(
                f"{name}: torch {torch.__version__} exports to opset {NATIVE_OPSET}, and ONNX cannot convert that to "
                f"opset {opset} ({one_line(error)}); ask for --opset {NATIVE_OPSET} or newer"
            ) from error
    return program


def capture_onnx(source: TorchSource, model: nn.Module, program: ExportedProgram, opset: int | None) -> Inventory:
    """All nodes of an exported model's ONNX graph. Raises NoAnswer or UsageError as `to_onnx` does."""
    proto = _weightless(to_onnx(source.name, program, (), opset, places_only=True).model)
    _require_valid(proto, source.name)
    lines, params = source_lines(source), count_parameters(model)
    return inventory_of(proto, source.name, "torch.onnx.export", lines=lines, params=params)


def weightless_model(source: TorchSource, opset: int | None) -> ModelProto:
    """A torch model's ONNX graph, large weights by type only. Raises NoAnswer or UsageError as `to_onnx` does."""
    _, program = exported(source)
    return _weightless(to_onnx(source.name, program, (), opset).model)


def _require_valid(model: ModelProto, name: str) -> None:
    """onnx.checker with full shape inference, weights standing as inputs; raises NoAnswer if it objects."""
    checked = ModelProto()
    checked.CopyFrom(model)
    graph = checked.graph
    emptied = [tensor for tensor in graph.initializer if not _has_values(tensor)]
    for tensor in emptied:
        graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
        graph.initializer.remove(tensor)
    try:
        onnx.checker.check_model(checked, full_check=True)
    except Exception as error:  # C++ raises its own kinds
        raise NoAnswer(f"{name}: the exported graph is not valid ONNX: {one_line(error)}") from error


def _has_values(tensor: TensorProto) -> bool:
    return any(tensor.HasField(field) if field == "raw_data" else len(getattr(tensor, field)) for field in _VALUES)


def _weightless(model: ir.Model) -> ModelProto:
    """The graph as protobuf, large initializers by type only: their memory is not read."""
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is not None and tensor.nbytes > _SMALL_BYTES:
            # An external tensor is written as a reference.
            value.const_value = ir.ExternalTensor(
                "absent", 0, 0, tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=value.name or "", base_dir=""
            )
    proto: ModelProto = ir.serde.serialize_model(model)
    drop_weights(proto)
    return proto


def write_onnx(source: TorchSource, model: nn.Module, path: Path, opset: int | None) -> None:
    """Writes a model's ONNX file, with its weights beside it in `FILE.data` where protobuf's 2 GB do not hold them.

    Nothing half-written is left: the files are written in a folder beside and renamed. Raises
    OSError where that cannot be done, NoAnswer or UsageError as `to_onnx` does.
    """
    program = to_onnx(source.name, model, example_inputs(source.inputs, "cpu"), opset)
    stored = sum(p.numel() * p.element_size() for p in (*model.parameters(), *model.buffers()))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        program.save(str(Path(folder) / path.name), external_data=stored > _INLINE_BYTES)
        for file in sorted(Path(folder).iterdir(), reverse=True):  # the weights first
            os.replace(file, path.parent / file.name)
