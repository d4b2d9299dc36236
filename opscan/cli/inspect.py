"""`opscan inspect`: one model's operators, how often, on what types, and where."""

from pathlib import Path

import click

from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.macs import CONVENTION
from opscan.core.operator import Dialect
from opscan.core.reports import inventory_head, operator_table, site_table
from opscan.core.table import Report
from opscan.pipeline.options import Options
from opscan.serde.inventory import inventory_json


@click.command()
@click.argument("reference", metavar="REF")
@options.dialect
@click.option(
    "--backend",
    "-b",
    "backends",
    metavar="NAME",
    multiple=True,
    help="A column with this backend's verdicts; repeatable. Without --dialect its dialect is taken.",
)
@click.option("--sites", is_flag=True, help="Every site instead of one row per operator.")
@options.opset
@options.models
@options.cache
@options.form
@options.output
def command(
    reference: str,
    dialect: Dialect | None,
    backends: tuple[str, ...],
    sites: bool,
    opset: int | None,
    models: Path | None,
    cache: bool,
    form: str,
    output: Path | None,
) -> None:
    """Which operators does one model use, how often, on what types, and where?

    Example: opscan inspect vit_b16 --dialect onnx --backend onnxruntime-cpu
    """
    from opscan.core.verdict_columns import verdict_head, with_verdicts
    from opscan.pipeline import gates

    settings = Options(opset=opset, models=models, cache=cache)
    with terminal.progress(1, f"reading {reference}"):
        inventory, coverages = gates.inspected(
            reference, backends, dialect, settings, _configured.folders() if backends else ()
        )
    table = site_table(inventory) if sites else operator_table(inventory)
    report = Report(
        data=inventory_json(inventory, sites=sites, coverages=coverages),
        head=(*inventory_head(inventory), *verdict_head(coverages)),
        tables=(with_verdicts(table, coverages, sites=sites),),
        notes=(CONVENTION,),
    )
    terminal.write(form, [report], output)
