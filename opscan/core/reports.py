"""Results as heads and tables for people; the formats in `render` write them down."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from opscan.core.inventory import Inventory, Site
from opscan.core.survey import Entry, Row, operator_texts, rows
from opscan.core.table import Column, Table, quantity, share
from opscan.core.views import OperatorUse, control_flow, operator_uses

_PLACES_SHOWN = 3

SURVEY_COLUMNS = (
    Column("model"),
    Column("method", priority=3),
    Column("architecture", priority=2),
    Column("captured", priority=1),
    Column("repository", priority=5),
    Column("special operators"),
    Column("publication", priority=4),
)


def survey_tables(
    entries: Sequence[Entry],
    *,
    relative: bool = True,
    backends: Sequence[str] = (),
    answers: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Table, ...]:
    """One table per section, with the columns of the overview, and one for each backend behind the operators.

    `answers` are those of each model, in the order of the backends.
    """
    # Sorted first, and stably: a row refers to rows above it only, and the order within a section stays.
    survey_rows = rows(sorted(entries, key=lambda entry: entry.section))
    texts = operator_texts(survey_rows, relative=relative)
    columns = (*SURVEY_COLUMNS[:-1], *map(Column, backends), SURVEY_COLUMNS[-1])
    known = answers or {}
    return tuple(
        Table(columns, tuple(_survey_row(row, text, len(backends), known) for row, text in group), title=section)
        for section, group in groupby(zip(survey_rows, texts, strict=True), key=_section)
    )


def _section(row_and_text: tuple[Row, str]) -> str:
    return row_and_text[0].first.section


def _survey_row(row: Row, operators: str, backends: int, answers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    entry = row.first
    models = ", ".join(e.model for e in row.entries)
    name = models if models == entry.system else f"{entry.system}\n{models}"
    return (
        name,
        entry.method,
        entry.architecture,
        entry.captured_text,
        entry.repository,
        operators,
        *(_answer(row, number, answers) for number in range(backends)),
        entry.publication,
    )


def _answer(row: Row, number: int, answers: Mapping[str, Sequence[str]]) -> str:
    """What all models of the row are told, or the different answers with how many got each."""
    counts = Counter(answers[entry.model][number] for entry in row.entries if entry.model in answers)
    if len(counts) == 1:
        return next(iter(counts))
    return "\n".join(f"{count}x {text}" for text, count in counts.items())


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
    lines = list(map(str, values))
    rest = len(lines) - _PLACES_SHOWN
    return "\n".join([*lines[:_PLACES_SHOWN], *([f"… and {rest} more"] if rest > 0 else [])])


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
