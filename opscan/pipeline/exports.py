"""A torch model -> its ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING

from opscan.core.errors import UsageError
from opscan.core.source import TorchSource
from opscan.sources import resolve

if TYPE_CHECKING:
    from opscan.trace.onnx_verify import OutputError


def export(
    reference: str, output: Path, opset: int | None, weights: Path | None, verify: bool, models: Path | None
) -> tuple[tuple["OutputError", ...], int]:
    """Writes a model's ONNX file; the differences to torch where asked to `verify`, and the bytes written.

    Raises UsageError where the file cannot be written, and whatever building and exporting raise.
    """
    source = resolve(reference, models)
    if not isinstance(source, TorchSource):
        raise UsageError(f"{reference}: is not a torch model; only those are exported")
    from opscan.trace.onnx_export import write_onnx
    from opscan.trace.onnx_verify import output_errors
    from opscan.trace.weights import build_with_weights, seeded_inputs

    model = build_with_weights(source, weights)
    try:
        write_onnx(source, model, output, opset)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror or error}") from error
    size = sum(file.stat().st_size for file in (output, Path(f"{output}.data")) if file.exists())
    return (output_errors(output, model, seeded_inputs(source.inputs)) if verify else ()), size
