"""Every stage, in order: reference -> model -> Inventory -> survey or Coverage. Nothing else knows them all.

Imports of stages that need torch or onnx, and of judging, happen where they are used, so that a
command that does not need them does not wait for them.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from opscan.core.errors import UsageError
from opscan.core.source import TorchSource
from opscan.pipeline.captures import capture
from opscan.pipeline.options import TIMEOUT, Options, tool_versions
from opscan.pipeline.profiles import load_backend, shipped_backends
from opscan.pipeline.schemas import linted
from opscan.pipeline.surveys import OWN_MODELS, survey, survey_stub
from opscan.sources import resolve

if TYPE_CHECKING:
    from opscan.core.coverage import Coverage
    from opscan.trace.onnx_verify import OutputError

__all__ = [
    "OWN_MODELS",
    "TIMEOUT",
    "Options",
    "capture",
    "check",
    "export",
    "linted",
    "load_backend",
    "shipped_backends",
    "survey",
    "survey_stub",
    "tool_versions",
]


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


def check(reference: str, backend: str, options: Options) -> "Coverage":
    """One model against one backend. Raises NoAnswer, UsageError or DialectMismatch."""
    from opscan.pipeline import gates

    return gates.check(reference, backend, options)
