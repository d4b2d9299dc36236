"""`opscan extract REF`: one operator of a model as a model of its own."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.spelling import did_you_mean
from opscan.pipeline.options import Options

if TYPE_CHECKING:
    from opscan.trace.onnx_extract import Extract


@click.command()
@click.argument("reference", metavar="REF")
@click.option("--site", metavar="ID", default="", help="Its number in the main graph, or its node's name.")
@click.option("--operator", metavar="OP", default="", help="The first site of this operator.")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The ONNX file to write."
)
@options.opset
@options.models
def command(reference: str, site: str, operator: str, output: Path, opset: int | None, models: Path | None) -> None:
    """Write one operator of a model as an ONNX model: the smallest one for a bug report.

    It has the site's shapes, dtypes, attributes and constants; large weights hold stand-in numbers.

    REF: an .onnx file, a bundled model or package.module:function.

    Example: opscan extract swin_t --operator Einsum -o einsum.onnx
    """
    if bool(site) == bool(operator):
        raise UsageError("give either --site ID or --operator OP")
    from opscan.probe.extract import operators_of

    with terminal.progress(1, f"reading {reference}"):
        found = operators_of(reference, Options(opset=opset, models=models))
    chosen = _chosen(reference, found, site, operator)
    terminal.write_file(output, chosen.model.SerializeToString())
    terminal.note(f"{output}: {chosen.operator}, site {chosen.number} ({chosen.node or 'unnamed'}) of {reference}")


def _chosen(reference: str, found: "tuple[Extract, ...]", site: str, operator: str) -> "Extract":
    for extract in found:
        if operator == extract.operator or (site and site in (str(extract.number), extract.node)):
            return extract
    if operator:
        hint = did_you_mean(operator, sorted({extract.operator for extract in found}))
        raise UsageError(f"{reference}: has no operator {operator} in its main graph{hint}")
    numbers = f"1 to {found[-1].number}" if found else "none"
    raise UsageError(f"{reference}: has no site {site}; there are {numbers}")
