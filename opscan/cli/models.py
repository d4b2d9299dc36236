"""`opscan models`: lists the bundled models."""

import math
from pathlib import Path

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.definition import Definition
from opscan.core.errors import UsageError
from opscan.core.table import Column, Report, Table, counted, quantity
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
# Tag of a size -> the number of parameters at which the next one begins.
_SIZES = (("0-10M", 10e6), ("10-30M", 30e6), ("30-100M", 100e6), ("100-300M", 300e6), ("300M-", math.inf))


@click.command()
@click.argument("pattern", default="")
@click.option("--section", metavar="TEXT", default="", help="Only sections with this in their title.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only models with this tag; repeatable.")
@options.models
@options.form
@options.output
def command(
    pattern: str, section: str, tags: tuple[str, ...], models: Path | None, form: str, output: Path | None
) -> None:
    """List the bundled models.

    PATTERN: only models with this in their name, system or tags.

    Example: opscan models swin
    """
    known = bundled.available(models)
    _require_known(tags, known)
    found = [d for d in known if _matches(d, pattern.lower(), section.lower()) and {*tags} <= {*_tags(d)}]
    sections = dict.fromkeys(d.family.section for d in found)
    tables = tuple(
        Table(_COLUMNS, tuple(_row(d) for d in found if d.family.section == title), title=title) for title in sections
    )
    data = _json(found) if form == "json" else None
    terminal.write(form, [Report(data=data, tables=tables)], output)
    terminal.note(counted(len(found), "model") + ("" if found else _nearest(pattern, section, known)))


def _nearest(pattern: str, section: str, known: tuple[Definition, ...]) -> str:
    """What else could have been meant, where nothing was found."""
    if section and not any(section.lower() in d.family.section.lower() for d in known):
        return f"; sections: {', '.join(dict.fromkeys(d.family.section for d in known))}"
    import difflib

    names = [text for d in known for text in (d.name, d.file, d.family.system.lower())]
    near = difflib.get_close_matches(pattern.lower(), names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _require_known(tags: tuple[str, ...], known: tuple[Definition, ...]) -> None:
    there = sorted({tag for definition in known for tag in _tags(definition)})
    for tag in tags:
        if tag not in there:
            import difflib

            near = difflib.get_close_matches(tag, there, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"
            raise UsageError(f"--tag {tag}: no model has it; {hint}")


def _matches(definition: Definition, pattern: str, section: str) -> bool:
    searched = (definition.name, definition.family.system, definition.variant.title, *_tags(definition))
    return any(pattern in text.lower() for text in searched) and section in definition.family.section.lower()


def _tags(definition: Definition) -> tuple[str, ...]:
    """Family, section, year and size, and what the definition says of itself."""
    family = definition.family
    section = family.section.partition(" ")[2].lower().replace(" ", "-").replace("/", "-")
    own = (*family.tags, *definition.variant.tags)
    return (*dict.fromkeys((definition.file, section, *own, family.date[:4], *_size(definition.variant.params))),)


def _size(params: int | None) -> tuple[str, ...]:
    return () if params is None else (next(tag for tag, end in _SIZES if params < end),)


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


def _json(found: list[Definition]) -> dict[str, object]:
    from opscan.pipeline.options import tool_versions

    return {"schema_version": 1, "models": list(map(_model_json, found)), "tools": tool_versions()}


def _model_json(definition: Definition) -> dict[str, object]:
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
