"""`opscan docs`: regenerates the overview, its tables and the models' pages, or checks them."""

import difflib
import sys
from pathlib import Path

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.cli.survey import collect
from opscan.core.dialect import Dialect
from opscan.docs import Material, all_pages
from opscan.pipeline.options import Options, tool_versions
from opscan.sources import bundled

_DIFFERENCE_LINES = 200


@click.command()
@click.option(
    "--folder",
    type=options.path(),
    metavar="FOLDER",
    default=Path("reports"),
    show_default=True,
    help="Where the documents are.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 and show the difference if a document is stale."
)
@options.jobs
@options.cache
@options.timeout
def command(folder: Path, check: bool, jobs: int | None, cache: bool, timeout: float) -> None:
    """Regenerate the overview, its tables and the models' pages from the bundled models.

    Example: opscan docs --check
    """
    definitions = {definition.name: definition for definition in bundled.definitions()}
    settings = Options(cache=cache, jobs=jobs, timeout=timeout, sites=True)
    entries, interrupted = collect(list(definitions), list(Dialect), settings)
    if interrupted:
        raise KeyboardInterrupt  # half a survey is no document; what was captured is in the cache
    pages = all_pages(Material(entries, definitions, tool_versions()))
    stale = {path: text for path, text in pages.items() if _current(folder / path) != text}
    obsolete = sorted(set(_generated(folder)) - set(pages))
    if check:
        _report_stale(folder, stale, obsolete)
        return
    for path, text in stale.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        terminal.write_file(folder / path, text)
    for path in obsolete:
        (folder / path).unlink()
    terminal.note(f"{len(pages)} documents in {folder}, {len(stale)} of them new or changed, {len(obsolete)} removed")


def _current(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _generated(folder: Path) -> list[str]:
    """Pages of models, which may have gone; other files in the folder are not ours to remove."""
    return [f"models/{file.name}" for file in folder.glob("models/*.md")]


def _report_stale(folder: Path, stale: dict[str, str], obsolete: list[str]) -> None:
    for path, text in stale.items():
        old = (_current(folder / path) or "").splitlines(keepends=True)
        lines = list(difflib.unified_diff(old, text.splitlines(keepends=True), f"{folder / path}", "generated"))
        terminal.show("".join(lines[:_DIFFERENCE_LINES]))
        if len(lines) > _DIFFERENCE_LINES:
            terminal.show(f"… and {len(lines) - _DIFFERENCE_LINES} more lines\n")
    for path in obsolete:
        terminal.show(f"{folder / path}: belongs to no model\n")
    if stale or obsolete:
        terminal.note(f"{len(stale) + len(obsolete)} stale documents; run `opscan docs`")
        sys.exit(1)
    terminal.note("all documents are current")
