"""`opscan backends import`: operator lists in CSV -> profile files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import UsageError
from opscan.core.profile import Confidence, Fallback, VersionMatch

if TYPE_CHECKING:
    from opscan.backends.csv_import import Imported

_NEEDED = ("title", "version", "licence", "retrieved")


@click.command("import")
@click.argument("lists", metavar="CSV…", type=options.path(), nargs=-1, required=True)
@click.option(
    "--update",
    type=options.path(),
    metavar="YAML",
    multiple=True,
    help="Read this profile's lists again; repeatable. The keys above `rules` stay, and rules with a source.",
)
@click.option("--output", "-o", type=options.path(), metavar="FILE", help="The new profile to write.")
@click.option("--select", default="", metavar="BACKEND[@VERSION]", help="Which of a list's backends.")
@click.option("--name", default="", help="The profile's name.  [default: that of the file]")
@click.option("--version", default="", help="The backend's version.")
@click.option("--title", default="", help="The backend's full name.")
@click.option("--dialect", type=options.Values(Dialect), default="onnx", show_default=True, help="onnx or aten.")
@click.option("--level", type=options.Values(AtenLevel), help="aten: how far the graph is decomposed.")
@click.option(
    "--confidence",
    type=options.Values(Confidence),
    default="documented",
    show_default=True,
    help="Where the list comes from.",
)
@click.option("--licence", default="", help="The licence of the list.")
@click.option("--retrieved", default="", help="The date when it was read.")
@click.option(
    "--exhaustive/--no-exhaustive",
    default=True,
    show_default=True,
    help="Whether an operator that is not listed is unsupported.",
)
@click.option(
    "--version-match",
    type=options.Values(VersionMatch),
    default="at_least",
    show_default=True,
    help="What a version range without end covers: that version only, all later ones, or any.",
)
@click.option("--function-bodies", is_flag=True, help="The backend expands operators that ONNX defines by a function.")
@click.option(
    "--fallback",
    type=options.Values(Fallback),
    default="reject",
    show_default=True,
    help="What it does with a model that has an operator it lacks.",
)
@click.option(
    "--cast",
    "casts",
    metavar="FROM=TO",
    multiple=True,
    help="A dtype that the backend converts by itself; repeatable.",
)
def import_lists(
    lists: tuple[Path, ...],
    update: tuple[Path, ...],
    output: Path | None,
    select: str,
    casts: tuple[str, ...],
    **given: Any,
) -> None:
    """Write a profile from operator lists in CSV, or read the lists of profiles again.

    CSV is a list or a folder of them; CONTRIBUTING.md describes the columns.

    Example: opscan backends import lists/ --update npu.yaml
    """
    from opscan.pipeline import imports

    texts = imports.read_lists(lists)
    for file in sorted(update, key=lambda file: ("@" in file.stem, file)):  # what others extend comes first
        _write(file, imports.updated_profile(file, texts))
    if update:
        return
    if output is None:
        raise UsageError("nothing to write: give --output for a new profile, or --update for one that there is")
    if missing := [f"--{key}" for key in _NEEDED if not given[key]]:
        raise UsageError(f"a new profile needs {', '.join(missing)}")
    _write(output, imports.new_profile(_head(given, output, texts, select, casts), texts))


def _head(
    given: Mapping[str, Any], output: Path, texts: Mapping[str, str], select: str, casts: tuple[str, ...]
) -> dict[str, Any]:
    backend, _, version = select.partition("@")
    chosen = {key: value for key, value in (("backend", backend), ("version", version)) if value}
    source = {"licence": given["licence"], "retrieved": given["retrieved"]}
    return {
        "schema": 1,
        "name": given["name"] or output.stem.partition("@")[0],
        **{key: given[key] for key in ("version", "title")},
        "dialect": given["dialect"].value,
        **({"level": given["level"].value} if given["level"] else {}),
        "exhaustive": given["exhaustive"],
        "version_match": given["version_match"].value,
        **({"function_bodies": True} if given["function_bodies"] else {}),
        "fallback": given["fallback"].value,
        "casts": dict(map(_cast, casts)),
        "sources": [{"what": _what(text), **source} for text in texts.values()],
        "confidence": given["confidence"].value,
        "import": {"lists": [{"file": file, **chosen} for file in texts]},
    }


def _write(file: Path, found: "Imported") -> None:
    terminal.write_file(file, found.text)
    if found.left_out:
        click.echo(f"{file.name}: left out, no model has them: {', '.join(found.left_out)}", err=True)


def _what(text: str) -> str:
    """What a list says it is: its first line, if that is a comment."""
    first = text.partition("\n")[0]
    return first.lstrip("# ").strip() if first.startswith("#") else "an operator list"


def _cast(text: str) -> tuple[str, str]:
    before, separator, after = text.partition("=")
    if not (before and separator and after):
        raise UsageError(f"--cast {text}: write it as FROM=TO, e.g. float16=float32")
    return before, after
