"""`opscan inspect`: one model's operators, how often, on what types, and where."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.dialect import Dialect
from opscan.core.table import Report
from opscan.pipeline.options import Options

if TYPE_CHECKING:
    from opscan.core.coverage import Coverage
    from opscan.core.inventory import Inventory


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
@options.capturing("opset", "models", "cache", "unfolded")
@options.form
@options.output
def command(
    reference: str,
    dialect: Dialect | None,
    backends: tuple[str, ...],
    sites: bool,
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Which operators does one model use, how often, on what types, and where?

    Example: opscan inspect vit_b16 --dialect onnx --backend onnxruntime-cpu
    """
    from opscan.pipeline.inspections import inspected

    with terminal.progress(1, f"reading {reference}"):
        inventory, coverages = inspected(reference, backends, dialect, settings, _folders() if backends else ())
    report = _document(inventory, coverages, sites) if form == "json" else _tables(inventory, coverages, sites)
    terminal.write(form, [report], output)


def _folders() -> tuple[Path, ...]:
    from opscan.cli import _configured

    return _configured.folders()


def _document(inventory: "Inventory", coverages: "tuple[Coverage, ...]", sites: bool) -> Report:
    from opscan.serde.inventory import inventory_json

    return Report(data=inventory_json(inventory, sites=sites, coverages=coverages))


def _tables(inventory: "Inventory", coverages: "tuple[Coverage, ...]", sites: bool) -> Report:
    from opscan.core.macs import CONVENTION
    from opscan.core.reports import inventory_head, operator_table, site_table

    head, table = inventory_head(inventory), site_table(inventory) if sites else operator_table(inventory)
    if coverages:
        from opscan.core.verdict_columns import verdict_head, with_verdicts

        head, table = (*head, *verdict_head(coverages)), with_verdicts(table, coverages, sites=sites)
    return Report(data=None, head=head, tables=(table,), notes=(CONVENTION,))
