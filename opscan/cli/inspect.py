"""`opscan inspect`: one model's operators, how often, on what types, and where."""

from pathlib import Path

import click

from opscan import pipeline, serde
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.macs import CONVENTION
from opscan.core.operator import Dialect
from opscan.core.reports import inventory_head, operator_table, site_table
from opscan.core.table import Report
from opscan.sources import resolve


@click.command()
@click.argument("reference", metavar="REF")
@options.dialect
@click.option("--sites", is_flag=True, help="Every site instead of one row per operator.")
@options.opset
@options.models
@options.cache
@options.form
@options.output
def command(
    reference: str,
    dialect: Dialect | None,
    sites: bool,
    opset: int | None,
    models: Path | None,
    cache: bool,
    form: str,
    output: Path | None,
) -> None:
    """Which operators does one model use, how often, on what types, and where?

    Example: opscan inspect vit_b16 --dialect onnx
    """
    settings = pipeline.Options(opset=opset, models=models, cache=cache)
    inventory = pipeline.capture(resolve(reference, models), dialect, settings)
    report = Report(
        data=serde.inventory_json(inventory, sites=sites),
        head=inventory_head(inventory),
        tables=(site_table(inventory) if sites else operator_table(inventory),),
        notes=(CONVENTION,),
    )
    terminal.write(form, [report], output)
