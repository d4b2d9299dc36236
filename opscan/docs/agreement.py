"""`agreement.md`: ours against the survey's own rows and the official implementations' calls."""

from opscan.core.agreement import RowAgreement, call_differences, calls, row_agreement
from opscan.core.operator import Dialect
from opscan.core.table import Column, Table
from opscan.docs import Material, document
from opscan.render.markdown import escape, table


def pages(material: Material) -> dict[str, str]:
    """One page."""
    text = document(
        "# Agreement with the survey and with the official implementations",
        material.versions,
        "## The survey's rows",
        "The survey fills the special-operator cell of four systems. Each operator that a row names is found by the "
        'walker in our model of it; what a row inherits ("same as ViT") but the official code does not contain, and '
        "what the official code contains but the row leaves out, is listed with its reason.",
        [_row_section(agreement) for agreement in row_agreements(material)],
        "## Calls of source-level operators",
        "Calls per torch function in one forward, ours against the official implementation's, or, where those are not "
        "known, against a port of the same parameters, which is named. Differences are by intention and have a reason.",
        _calls_table(material),
        _differences_table(material),
    )
    return {"agreement.md": text}


def row_agreements(material: Material) -> tuple[RowAgreement, ...]:
    """Of every system that has a row in the survey and whose model was captured."""
    families = {d.family.system: d.family for d in material.definitions.values()}
    survey_rows = {system: family.survey_row for system, family in families.items() if family.survey_row}
    found = []
    for system, row in survey_rows.items():
        inventory = material.inventory(row.in_model, Dialect.TORCH)
        if inventory is not None:
            found.append(row_agreement(system, row, survey_rows, inventory))
    return tuple(found)


def _row_section(agreement: RowAgreement) -> str:
    lines = [
        f"### {agreement.system} (`{agreement.model}`)",
        "",
        f"- named and found: {escape(', '.join(agreement.found))}",
    ]
    lines += [f"- named and **not found**: {escape(name)}" for name in agreement.missing]
    lines += [
        f"- inherited but absent: {escape(name)}: {escape(why or 'UNEXPLAINED')}"
        for name, why in agreement.inherited_absent
    ]
    lines += [
        f"- present but not in the row: {escape(name)}: {escape(why or 'UNEXPLAINED')}"
        for name, why in agreement.unlisted
    ]
    return "\n".join(lines)


def _calls_table(material: Material) -> str:
    columns = (
        Column("model"),
        Column("calls, ours", numeric=True),
        Column("calls, theirs", numeric=True),
        Column("functions that agree", numeric=True),
        Column("functions that differ", numeric=True),
        Column("theirs"),
    )
    rows = []
    for name, definition in material.definitions.items():
        inventory = material.inventory(name, Dialect.TORCH)
        official = definition.variant.official_calls
        if inventory is None or not official:
            continue
        ours = calls(inventory)
        differ = len(call_differences(definition, ours))
        agree = len({*ours, *official}) - differ
        rows.append(
            (
                name,
                str(ours.total()),
                str(sum(official.values())),
                str(agree),
                str(differ),
                definition.family.calls_of or "official",
            )
        )
    return table(Table(columns, tuple(rows)))


def _differences_table(material: Material) -> str:
    columns = (
        Column("model"),
        Column("function"),
        Column("ours", numeric=True),
        Column("theirs", numeric=True),
        Column("reason"),
    )
    rows = []
    for name, definition in material.definitions.items():
        inventory = material.inventory(name, Dialect.TORCH)
        for d in call_differences(definition, calls(inventory)) if inventory else ():
            rows.append((name, d.function, str(d.ours), str(d.official), d.reason or "UNEXPLAINED"))
    return table(Table(columns, tuple(rows))) if rows else "No differences."
