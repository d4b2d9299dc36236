"""`opscan survey`: which special operators each model needs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.dialect import Dialect
from opscan.core.matrix import DENOMINATORS, Cell, Share
from opscan.core.survey import Entry
from opscan.core.survey_reports import survey_tables
from opscan.core.table import Report, first_few
from opscan.pipeline.options import Options, tool_versions
from opscan.pipeline.surveys import survey, survey_stub
from opscan.serde.survey import survey_json
from opscan.sources import bundled

if TYPE_CHECKING:
    from opscan.core.profile import BackendProfile

_FAILED_SHOWN = 8


@click.command()
@click.argument("references", metavar="[REF]…", nargs=-1)
@click.option(
    "--dialect",
    "dialects",
    type=options.Values(Dialect),
    multiple=True,
    help="Dialect to capture, repeatable; the special operators are named in the first.  [default: torch]",
)
@click.option("--all-dialects", is_flag=True, help="Short for all three, torch first.")
@click.option(
    "--relative/--no-relative",
    default=True,
    show_default=True,
    help='Rows such as "same as ViT, unbind", or full lists.',
)
@click.option(
    "--backend",
    "-b",
    "names",
    metavar="BACKEND",
    multiple=True,
    help="Beside the operators, whether the model runs on it, and the share of its sites; repeatable.",
)
@options.capturing()
@options.form
@options.output
def command(
    references: tuple[str, ...],
    dialects: tuple[Dialect, ...],
    all_dialects: bool,
    relative: bool,
    names: tuple[str, ...],
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Which special operators does each model need?

    Special is what a backend built for plain CNNs does not bring along: not convolution, linear,
    batch norm, ReLU, pooling, addition, concatenation, dropout or views.

    REF is a model; without any: those of the configuration, else all bundled ones.

    Example: opscan survey vit_b16 swin_t --format markdown
    """
    chosen = list(dict.fromkeys(references or _configured.references() or bundled.names(settings.models)))
    levels = list(Dialect) if all_dialects else list(dict.fromkeys(dialects or [Dialect.TORCH]))
    profiles = [_configured.load_backend(name) for name in dict.fromkeys(names)]
    entries, interrupted = collect(chosen, levels, settings)
    cells = _cells(chosen, profiles, settings) if profiles and not interrupted else []
    backends = [profile.id for profile in profiles] if cells else []
    answers = {row[0].model: [cell.text(Share.SITES) for cell in row] for row in cells}
    tables = survey_tables(entries, relative=relative, backends=backends, answers=answers)
    notes = _notes(cells)
    report = Report(data=survey_json(entries, tool_versions(), cells), tables=tables, notes=notes)
    terminal.write(form, [report], output)
    _summarise(entries, levels)
    if interrupted:
        raise KeyboardInterrupt
    if not any(entry.primary.found for entry in entries):
        sys.exit(3)


def _cells(chosen: list[str], profiles: "list[BackendProfile]", settings: Options) -> list[list[Cell]]:
    """One row per model, one cell per backend, captured in the dialect that the backend speaks."""
    from opscan.cli._answers import answers

    return [
        [Cell(model=o.entry.model, backend=o.profile.id, coverage=o.coverage, reason=o.reason) for o in row]
        for row in answers(chosen, profiles, settings)
    ]


def _notes(cells: list[list[Cell]]) -> tuple[str, ...]:
    """What the percentages are of, and why a model has none."""
    if not cells:
        return ()
    from opscan.core.answer_reports import no_answers

    return (f"percentages: {DENOMINATORS[Share.SITES]}", *no_answers(cells))


def collect(references: list[str], dialects: list[Dialect], options: Options) -> tuple[tuple[Entry, ...], bool]:
    """The entries in the order asked for, behind a progress bar, and whether Ctrl-C cut the run short."""
    done: dict[int, Entry] = {}
    interrupted = False
    with terminal.progress(len(references), "capturing") as bar:
        try:
            for number, entry in survey(references, dialects, options):
                done[number] = entry
                bar.update(bar.task_ids[0], advance=1, description=f"captured {entry.model}")
        except KeyboardInterrupt:
            interrupted = True
    for number, reference in enumerate(references):
        if number not in done:
            done[number] = survey_stub(reference, dialects, options, "interrupted")
    return tuple(done[number] for number in range(len(references))), interrupted


def _summarise(entries: tuple[Entry, ...], dialects: list[Dialect]) -> None:
    failed = [entry.model for entry in entries if not entry.captured]
    text = f"{len(entries) - len(failed)} of {len(entries)} models captured in {', '.join(dialects)}"
    terminal.note(text + (f"; not (fully): {first_few(failed, _FAILED_SHOWN)}" if failed else ""))
