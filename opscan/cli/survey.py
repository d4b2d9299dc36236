"""`opscan survey`: the main job."""

from typing import Annotated

import typer

from opscan import pipeline, serde
from opscan.cli import _terminal as terminal
from opscan.core.operator import Dialect
from opscan.core.reports import survey_tables
from opscan.core.survey import Entry
from opscan.core.table import Report
from opscan.sources import bundled


def command(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[REF]…", help="Models; default: all bundled ones.")
    ] = None,
    dialect: Annotated[
        list[Dialect] | None,
        typer.Option(
            "--dialect",
            help="Dialect to capture, repeatable; the special operators are named in the first. Default: torch.",
        ),
    ] = None,
    all_dialects: Annotated[bool, typer.Option("--all-dialects", help="Short for all three, torch first.")] = False,
    relative: Annotated[
        bool, typer.Option("--relative/--no-relative", help='Rows such as "same as ViT, unbind", or full lists.')
    ] = True,
    opset: terminal.OpsetOption = None,
    jobs: terminal.JobsOption = None,
    models: terminal.ModelsOption = None,
    cache: terminal.CacheOption = True,
    timeout: terminal.TimeoutOption = pipeline.TIMEOUT,
    form: terminal.FormatOption = "table",
    output: terminal.OutputOption = None,
) -> None:
    """Which special operators does each model need?

    Special is what a backend built for plain CNNs does not bring along: not convolution, linear,
    batch norm, ReLU, pooling, addition, concatenation, dropout or views.

    Example: `opscan survey vit_b16 swin_t --format markdown`
    """
    chosen = list(dict.fromkeys(references or bundled.names(models)))
    dialects = list(Dialect) if all_dialects else list(dict.fromkeys(dialect or [Dialect.TORCH]))
    options = pipeline.Options(opset=opset, models=models, cache=cache, jobs=jobs, timeout=timeout)
    entries, interrupted = collect(chosen, dialects, options)
    tables = survey_tables(entries, relative=relative)
    report = Report(data=serde.survey_json(entries, pipeline.tool_versions()), tables=tables)
    terminal.write(form, [report], output)
    _summarise(entries, dialects)
    if interrupted:
        raise KeyboardInterrupt
    if not any(entry.primary.found for entry in entries):
        raise typer.Exit(3)


def collect(
    references: list[str], dialects: list[Dialect], options: pipeline.Options
) -> tuple[tuple[Entry, ...], bool]:
    """The entries in the order asked for, behind a progress bar, and whether Ctrl-C cut the run short."""
    done: dict[int, Entry] = {}
    interrupted = False
    with terminal.progress(len(references), "capturing") as bar:
        try:
            for number, entry in pipeline.survey(references, dialects, options):
                done[number] = entry
                bar.update(bar.task_ids[0], advance=1, description=f"captured {entry.model}")
        except KeyboardInterrupt:
            interrupted = True
    for number, reference in enumerate(references):
        if number not in done:
            done[number] = pipeline.survey_stub(reference, dialects, options, "interrupted")
    return tuple(done[number] for number in range(len(references))), interrupted


def _summarise(entries: tuple[Entry, ...], dialects: list[Dialect]) -> None:
    failed = [entry.model for entry in entries if not entry.captured]
    text = f"{len(entries) - len(failed)} of {len(entries)} models captured in {', '.join(dialects)}"
    terminal.note(text + (f"; not (fully): {', '.join(failed)}" if failed else ""))
