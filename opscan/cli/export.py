"""`opscan export REF -o FILE`: the ONNX file."""

import math
from pathlib import Path
from typing import Annotated

import typer

from opscan import pipeline
from opscan.cli import _terminal as terminal
from opscan.core.table import quantity


def command(
    reference: Annotated[str, typer.Argument(metavar="REF", help="A bundled model or package.module:function.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .onnx file to write.")],
    opset: terminal.OpsetOption = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", help="Checkpoint (.safetensors, or a torch file of tensors); default: seeded random."
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Run the file in onnxruntime and compare with torch on seeded inputs.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="With --verify: largest relative error that passes; a larger one exits with 1.")
    ] = 1e-4,
    models: terminal.ModelsOption = None,
) -> None:
    """Write a model as ONNX, as torch.onnx.export with its defaults would.

    Example: `opscan export vit_b16 -o vit_b16.onnx --opset 18 --verify`
    """
    errors, size = pipeline.export(reference, output, opset, weights, verify, models)
    terminal.note(f"{output}: written, {quantity(size)}B")
    for error in errors:
        terminal.show(f"{error.name}: largest error {error.absolute:.2e} absolute, {error.relative:.2e} relative\n")
    # A NaN is no agreement.
    if any(math.isnan(error.relative) or error.relative > tolerance for error in errors):
        terminal.note(f"onnxruntime and torch differ by more than {tolerance:g}")
        raise typer.Exit(1)
