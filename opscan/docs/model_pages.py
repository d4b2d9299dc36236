"""`models/NAME.md`: one page per model, its inventory in the three dialects."""

from opscan.core.definition import Definition
from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.core.macs import CONVENTION
from opscan.core.survey import Entry
from opscan.core.table import Column, Table, quantity, share
from opscan.core.views import OperatorUse, operator_uses
from opscan.docs import Material, document
from opscan.render.markdown import escape, table

_TITLES = {
    Dialect.TORCH: "As written (torch)",
    Dialect.ATEN: "Core ATen (aten)",
    Dialect.ONNX: "Exported (onnx)",
}


def pages(material: Material) -> dict[str, str]:
    """A page for every bundled model."""
    return {
        f"models/{entry.model}.md": _page(entry, material.definitions[entry.model], material)
        for entry in material.entries
    }


def _page(entry: Entry, definition: Definition, material: Material) -> str:
    family, variant = definition.family, definition.variant
    inputs = ", ".join(f"{name} {spec.dtype} {list(spec.shape)}" for name, spec in definition.inputs.items())
    facts = (
        ("system", f"{family.system}, {family.publication}"),
        ("paper", f"[{escape(family.title)}]({family.paper})"),
        ("repository", family.repository),
        ("definition", f"`models/{definition.file}.py`, `{_configuration(definition)}`"),
        ("inputs", escape(inputs)),
        ("parameters", f"{variant.params:,} ({quantity(variant.params)})" if variant.params else "?"),
        ("MACs", f"{variant.macs:,} ({quantity(variant.macs)})" if variant.macs else "?"),
        ("checkpoints", escape(family.checkpoint)),
    )
    return document(
        f"# {escape(variant.title)} (`{definition.name}`)",
        material.versions,
        "\n".join(f"- {name}: {value}" for name, value in facts if value),
        escape(definition.operators),
        [part for capture in entry.captures for part in _dialect(capture.dialect, capture.inventory, capture.reason)],
        escape(CONVENTION) + ".",
    )


def _configuration(definition: Definition) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in definition.variant.config.items())


def _dialect(dialect: Dialect, inventory: Inventory | None, reason: str) -> list[str]:
    title = f"## {_TITLES[dialect]}"
    if inventory is None:
        return [title, f"Not captured: {escape(reason)}"]
    opset = f", opset {inventory.opset}" if inventory.opset else ""
    rungs = "; ".join(f"{r.module + ': ' if r.module else ''}{r.method}" for r in inventory.rungs)
    missing = sum(site.source is None for site in inventory.sites)
    lines = [f"{len(inventory.sites)} sites{opset}, captured by {escape(rungs)}"]
    if missing:
        lines.append(f"{missing} without source line")
    uses = operator_uses(inventory)
    return [title, ", ".join(lines) + ".", table(_operators(uses, inventory.known_macs))]


def _operators(uses: tuple[OperatorUse, ...], whole: int) -> Table:
    columns = (
        Column("operator"),
        Column("canonical"),
        Column("special"),
        Column("count", numeric=True),
        Column("MACs", numeric=True),
        Column("inputs (dtype and rank)"),
        Column("where"),
    )
    return Table(
        columns,
        tuple(
            (
                str(use.op),
                use.canonical or "",
                "special" if use.special else "",
                str(use.count),
                share(use.macs or 0, whole),
                "\n".join(f"{s.count}x {s}" for s in use.signatures),
                "\n".join(map(str, use.places)),
            )
            for use in uses
        ),
    )
