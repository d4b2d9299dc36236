"""`opscan models`: the bundled models."""

from typing import Annotated

import typer

from opscan import pipeline
from opscan.cli import _terminal as terminal
from opscan.core.definition import Definition
from opscan.core.table import Column, Report, Table, quantity
from opscan.sources import bundled

_COLUMNS = (
    Column("model"),
    Column("name", priority=3),
    Column("system", priority=2),
    Column("params", numeric=True),
    Column("MACs", numeric=True),
    Column("inputs", priority=4),
    Column("tags", priority=6),
    Column("publication", priority=5),
)


def command(
    pattern: Annotated[str, typer.Argument(help="Only models with this in their name, system or tags.")] = "",
    section: Annotated[str, typer.Option("--section", help="Only sections with this in their title.")] = "",
    models: terminal.ModelsOption = None,
    form: terminal.FormatOption = "table",
    output: terminal.OutputOption = None,
) -> None:
    """List the bundled models.

    Example: `opscan models swin`
    """
    found = [d for d in bundled.available(models) if _matches(d, pattern.lower(), section.lower())]
    sections = dict.fromkeys(d.family.section for d in found)
    tables = tuple(
        Table(_COLUMNS, tuple(_row(d) for d in found if d.family.section == title), title=title) for title in sections
    )
    data = {"schema_version": 1, "models": [_json(d) for d in found], "tools": pipeline.tool_versions()}
    terminal.write(form, [Report(data=data, tables=tables)], output)
    terminal.note(f"{len(found)} models")


def _matches(definition: Definition, pattern: str, section: str) -> bool:
    searched = (definition.name, definition.family.system, definition.variant.title, *_tags(definition))
    return any(pattern in text.lower() for text in searched) and section in definition.family.section.lower()


def _tags(definition: Definition) -> tuple[str, ...]:
    own = (*definition.family.tags, *definition.variant.tags)
    return (*dict.fromkeys((definition.file, *own, definition.family.date[:4])),)


def _inputs(definition: Definition) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, spec.shape))}" for name, spec in definition.inputs.items())


def _row(definition: Definition) -> tuple[str, ...]:
    variant = definition.variant
    return (
        definition.name,
        variant.title,
        definition.family.system,
        quantity(variant.params),
        quantity(variant.macs),
        _inputs(definition),
        ", ".join(_tags(definition)),
        definition.family.publication,
    )


def _json(definition: Definition) -> dict[str, object]:
    family = definition.family
    return {
        "model": definition.name,
        "title": definition.variant.title,
        "system": family.system,
        "section": family.section,
        "paper": family.paper,
        "publication": family.publication,
        "repository": family.repository,
        "params": definition.variant.params,
        "macs": definition.variant.macs,
        "inputs": {name: {"shape": list(s.shape), "dtype": s.dtype} for name, s in definition.inputs.items()},
        "tags": list(_tags(definition)),
    }
