"""An inventory as head and tables for people; the formats in `render` write them down."""

from collections.abc import Sequence

from opscan.core.inventory import Inventory, Site
from opscan.core.table import Column, Table, first_lines, quantity, share
from opscan.core.views import OperatorUse, control_flow, operator_uses

_PLACES_SHOWN = 3


def inventory_head(inventory: Inventory) -> tuple[tuple[str, str], ...]:
    """Model, dialect, parameters, multiply-accumulates, and how it was captured."""
    macs = f"{inventory.known_macs:,}" + (
        f" at least: {inventory.sites_without_macs} sites have unknown shapes" if inventory.sites_without_macs else ""
    )
    opset = ", ".join(f"{domain or 'ai.onnx'} {number}" for domain, number in sorted(inventory.opset_imports.items()))
    captured = "; ".join(
        f"{rung.module + ': ' if rung.module else ''}{rung.method}{f' ({rung.reason})' if rung.reason else ''}"
        for rung in inventory.rungs
    )
    facts = (
        ("model", inventory.model),
        ("dialect", inventory.dialect.value),
        ("opset", opset),
        ("params", "" if inventory.params is None else f"{inventory.params:,} ({quantity(inventory.params)})"),
        ("MACs", f"{macs} ({quantity(inventory.known_macs)})"),
        ("sites", f"{len(inventory.sites):,}"),
        ("control flow", control_flow(inventory)),
        ("captured by", captured),
        *(("not captured", f"{gap.module}: {gap.reason}") for gap in inventory.uncaptured),
    )
    return tuple((name, value) for name, value in facts if value)


def operator_table(inventory: Inventory) -> Table:
    """One row per operator."""
    columns = (
        Column("operator"),
        Column("canonical", priority=2),
        Column("special"),
        Column("count", numeric=True),
        Column("MACs", numeric=True, priority=1),
        Column("inputs", priority=3),
        Column("where"),
    )
    whole = inventory.known_macs
    return Table(columns, tuple(_operator_row(use, whole) for use in operator_uses(inventory)))


def _operator_row(use: OperatorUse, whole_macs: int) -> tuple[str, ...]:
    return (
        str(use.op),
        use.canonical or "(unknown)",
        "special" if use.special else "",
        str(use.count),
        "?" if use.macs is None else share(use.macs, whole_macs),
        shortened(use.signatures),
        shortened(use.places),
    )


def shortened(values: Sequence[object]) -> str:
    """The first few, one a line, and how many more there are."""
    return first_lines(list(map(str, values)), _PLACES_SHOWN)


def site_table(inventory: Inventory) -> Table:
    """One row per site, in the order of execution."""
    columns = (
        Column("#", numeric=True, priority=4),
        Column("operator"),
        Column("module"),
        Column("source"),
        Column("inputs", priority=1),
        Column("outputs", priority=2),
        Column("attributes", priority=5),
        Column("MACs", numeric=True, priority=3),
    )
    return Table(columns, tuple(_site_row(number, site) for number, site in enumerate(inventory.sites, 1)))


def _site_row(number: int, site: Site) -> tuple[str, ...]:
    return (
        str(number),
        str(site.op),
        (f"{site.body}: " if site.body else "") + (site.module or "(root)"),
        site.source or "(unknown)",
        " ".join(str(spec) if spec else "-" for spec in site.inputs),
        " ".join(map(str, site.outputs)),
        " ".join(f"{name}={value}" for name, value in sorted(site.attributes.items())),
        "?" if site.macs is None else str(site.macs or ""),
    )
