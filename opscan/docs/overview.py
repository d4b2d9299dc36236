"""`overview.md`: the overview document, all its sections, every table generated."""

from itertools import groupby

from opscan.core.canonical import special_operators
from opscan.core.definition import Definition
from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.core.survey_reports import survey_tables
from opscan.core.table import Column, Table, quantity, share
from opscan.core.views import operator_uses
from opscan.docs import Material, document
from opscan.render.markdown import escape, table

# The survey's sections, in its order; one without a system is shown as such.
SECTIONS = (
    "1. Backbone/Classification",
    "2.1 Object detection",
    "2.2 Segmentation",
    "2.3 Pose Estimation",
    "3.1 Image generation",
    "3.2 Image enhancement",
    "4. Video processing",
    "5. Multimodality",
    "6. Efficient transformer",
)
_CHAPTERS = {"2.1 Object detection": "2. High/Mid-level vision", "3.1 Image generation": "3. Low-level vision"}
_CONTRIBUTORS = 3


def pages(material: Material) -> dict[str, str]:
    """One page."""
    tables = {t.title: t for t in survey_tables(material.entries)}
    known = [*SECTIONS, *(title for title in tables if title not in SECTIONS)]
    text = document(
        "# Overview",
        "Which operators the vision models of the field need, beyond those of a plain CNN. "
        "Every table is generated from the bundled definitions, traced with torch.fx and exported to ONNX. "
        "*Special* is what a backend built for plain CNNs does not bring along.",
        material.versions,
        [part for title in known for part in _section(title, tables.get(title), material)],
    )
    return {"overview.md": text}


def _section(title: str, systems: Table | None, material: Material) -> list[str]:
    chapter = [f"## {_CHAPTERS[title]}"] if title in _CHAPTERS else []
    if systems is None:
        return [*chapter, f"## {title}", "No system is bundled yet."]
    parts = [*chapter, f"## {title}", table(systems)]
    if title == SECTIONS[0]:
        parts += [
            "Measured and published figures side by side: [Table 1](table1.md). How these rows compare with the "
            "survey's own: [agreement](agreement.md)."
        ]
    members = [d for d in material.definitions.values() if d.family.section == title]
    number = title.split(" ", maxsplit=1)[0].rstrip(".")
    for position, (_, group) in enumerate(groupby(members, key=lambda d: d.file), start=1):
        parts += _system(f"{number}.{position}", list(group), material)
    return parts


def _system(number: str, members: list[Definition], material: Material) -> list[str]:
    family = members[0].family
    return [
        f"### {number} {escape(family.system)}",
        f"[{escape(family.title)}]({family.paper}), {escape(family.publication)}. {escape(members[0].operators)}",
        table(_variants(members, material)),
        "Every operator: "
        + ", ".join(f"[{d.name}](models/{d.name}.md)" for d in members)
        + ". Special operators in each dialect:",
        table(_by_dialect(members, material)),
        *_contributors(members[0], material),
    ]


def _by_dialect(members: list[Definition], material: Material) -> Table:
    """Variants that need the same in all three dialects share a row."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for definition in members:
        inventories = [material.inventory(definition.name, dialect) for dialect in Dialect]
        cells = tuple(", ".join(special_operators(i)) or "(none)" if i else "not captured" for i in inventories)
        groups.setdefault(cells, []).append(definition.name)
    columns = (Column("models"), *(Column(dialect.value) for dialect in Dialect))
    return Table(columns, tuple((", ".join(names), *cells) for cells, names in groups.items()))


def _variants(members: list[Definition], material: Material) -> Table:
    columns = (
        Column("model"),
        Column("input"),
        Column("params", numeric=True),
        Column("MACs", numeric=True),
        Column("sites (torch)", numeric=True),
        Column("sites (aten)", numeric=True),
        Column("sites (onnx)", numeric=True),
    )
    return Table(columns, tuple(_variant(d, material) for d in members))


def _variant(definition: Definition, material: Material) -> tuple[str, ...]:
    inputs = ", ".join("x".join(map(str, spec.shape)) for spec in definition.inputs.values())
    inventories = [material.inventory(definition.name, dialect) for dialect in Dialect]
    return (
        definition.variant.title,
        inputs,
        quantity(definition.variant.params),
        quantity(definition.variant.macs),
        *(str(len(i.sites)) if i else "not captured" for i in inventories),
    )


def _contributors(definition: Definition, material: Material) -> list[str]:
    """Where the work and the special operators of the first variant are."""
    inventory = material.inventory(definition.name, Dialect.TORCH)
    if inventory is None:
        return []
    special = [use for use in operator_uses(inventory) if use.special]
    rows = tuple((str(u.op), u.canonical or "", str(u.count), "\n".join(map(str, u.places[:2]))) for u in special)
    columns = (Column("special operator"), Column("canonical"), Column("calls", numeric=True), Column("mostly at"))
    heaviest = f"Most of the work of `{definition.name}`: {escape(_heaviest(inventory))}."
    return [heaviest, *([table(Table(columns, rows))] if rows else ["No special operators."])]


def _heaviest(inventory: Inventory) -> str:
    uses = sorted(operator_uses(inventory), key=lambda use: -(use.macs or 0))[:_CONTRIBUTORS]
    return ", ".join(f"{use.op} {share(use.macs or 0, inventory.known_macs)}" for use in uses if use.macs)
