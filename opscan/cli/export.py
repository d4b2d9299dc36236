"""`opscan export`: writes a model as ONNX."""

import math
import sys
from pathlib import Path

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.table import quantity
from opscan.pipeline.exports import export


@click.command()
@click.argument("reference", metavar="REF")
@click.option(
    "--output",
    "-o",
    type=options.path(),
    metavar="FILE",
    required=True,
    callback=options.writable,
    help="The .onnx file to write.",
)
@options.opset
@click.option(
    "--weights",
    type=options.path(),
    metavar="FILE",
    help="Checkpoint (.safetensors, or a torch file of tensors).  [default: seeded random]",
)
@click.option("--verify", is_flag=True, help="Run the file in onnxruntime and compare with torch on seeded inputs.")
@click.option(
    "--tolerance",
    type=float,
    default=1e-4,
    show_default=True,
    help="With --verify: largest relative error that passes; a larger one exits with 1.",
)
@options.models
def command(
    reference: str,
    output: Path,
    opset: int | None,
    weights: Path | None,
    verify: bool,
    tolerance: float,
    models: Path | None,
) -> None:
    """Write a model as ONNX, as torch.onnx.export with its defaults would.

    REF is a bundled model or package.module:function.

    Example: opscan export vit_b16 -o vit_b16.onnx --opset 18 --verify
    """
    with terminal.progress(1, f"exporting {reference}"):
        errors, size = export(reference, output, opset, weights, verify, models)
    terminal.note(f"{output}: written, {quantity(size)}B")
    for error in errors:
        terminal.show(f"{error.name}: largest error {error.absolute:.2e} absolute, {error.relative:.2e} relative\n")
    # A NaN is no agreement.
    if any(math.isnan(error.relative) or error.relative > tolerance for error in errors):
        terminal.note(f"onnxruntime and torch differ by more than {tolerance:g}")
        sys.exit(1)
