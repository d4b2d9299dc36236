"""`opscan inspect REF`: one model's operators."""

from typing import Annotated

import typer

from opscan import pipeline, serde
from opscan.cli import _terminal as terminal
from opscan.core.macs import CONVENTION
from opscan.core.reports import inventory_head, operator_table, site_table
from opscan.core.table import Report
from opscan.sources import resolve


def command(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The model.")],
    dialect: terminal.DialectOption = None,
    sites: Annotated[bool, typer.Option("--sites", help="Every site instead of one row per operator.")] = False,
    opset: terminal.OpsetOption = None,
    models: terminal.ModelsOption = None,
    cache: terminal.CacheOption = True,
    form: terminal.FormatOption = "table",
    output: terminal.OutputOption = None,
) -> None:
    """Which operators does one model use, how often, on what types, and where?

    Example: `opscan inspect vit_b16 --dialect onnx`
    """
    options = pipeline.Options(opset=opset, models=models, cache=cache)
    inventory = pipeline.capture(resolve(reference, models), dialect, options)
    report = Report(
        data=serde.inventory_json(inventory, sites=sites),
        head=inventory_head(inventory),
        tables=(site_table(inventory) if sites else operator_table(inventory),),
        notes=(CONVENTION,),
    )
    terminal.write(form, [report], output)
