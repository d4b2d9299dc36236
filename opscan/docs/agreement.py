"""`agreement.md`: ours against the survey's own rows and the official implementations' calls."""

from opscan.core.agreement import CallDifference, RowAgreement, call_differences, calls, calls_of, row_agreement
from opscan.core.dialect import Dialect
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
        "Calls per torch function in one forward at the default input: ours, as the walker found them, and someone "
        "else's, counted once while that code ran (`torch.overrides.TorchFunctionMode`; reads of sizes and dtypes are "
        "no calls). The last column says whose. Differences are by intention and have a reason.",
        _calls_table(material),
        _unknown_calls(material),
        "## Where calls differ",
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
        Column("whose"),
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
                escape(calls_of(definition)),
            )
        )
    return table(Table(columns, tuple(rows)))


def _unknown_calls(material: Material) -> str:
    """The models of which nobody else's calls are known, by name."""
    unknown: dict[str, list[str]] = {}
    for name, definition in material.definitions.items():
        if not definition.variant.official_calls:
            unknown.setdefault(definition.family.calls_unknown or "No reason is given.", []).append(name)
    if not unknown:
        return "Every model is compared."
    lines = [f"- {', '.join(f'`{name}`' for name in names)}: {escape(why)}" for why, names in unknown.items()]
    return "\n".join(("Not compared, because nobody else's calls are known:", "", *lines))


def _differences_table(material: Material) -> str:
    """Models of one family that differ by the same numbers share a row."""
    columns = (
        Column("models"),
        Column("function"),
        Column("ours", numeric=True),
        Column("theirs", numeric=True),
        Column("reason"),
    )
    groups: dict[tuple[str, CallDifference], list[str]] = {}
    for name, definition in material.definitions.items():
        inventory = material.inventory(name, Dialect.TORCH)
        for difference in call_differences(definition, calls(inventory)) if inventory else ():
            groups.setdefault((definition.file, difference), []).append(name)
    rows = tuple(
        (", ".join(names), d.function, str(d.ours), str(d.official), d.reason or "UNEXPLAINED")
        for (_, d), names in groups.items()
    )
    return table(Table(columns, rows)) if rows else "No differences."
