"""What all commands share: their options, the progress bar on stderr, the report on stdout."""

import difflib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opscan import render, store
from opscan.core.errors import UsageError
from opscan.core.operator import Dialect
from opscan.core.table import Report, visible

if TYPE_CHECKING:
    from rich.progress import Progress

# Where the width of the terminal is not known, e.g. in a pipe: room for every column.
_PIPE_WIDTH = 200


def _known_format(name: str) -> str:
    if name not in render.formats():
        near = difflib.get_close_matches(name, render.formats(), n=1)
        hint = "".join(f"; did you mean {n}?" for n in near)
        raise UsageError(f"--format {name}: is not one of {', '.join(render.formats())}{hint}")
    return name


def _writable(path: Path | None) -> Path | None:
    """Said before the work is done, not after."""
    if path is not None and (obstacle := store.obstacle(path)):
        raise UsageError(f"--output {path}: {obstacle}")
    return path


FormatOption = Annotated[
    str, typer.Option("--format", "-f", callback=_known_format, help=f"How to write it: {', '.join(render.formats())}.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", callback=_writable, help="Write the report to this file instead of stdout."),
]
DialectOption = Annotated[
    Dialect | None,
    typer.Option("--dialect", help="Level at which operators are named: torch source, Core ATen, or ONNX."),
]
OpsetOption = Annotated[
    int | None, typer.Option("--opset", min=1, help="ONNX opset to export to; default: that of torch.onnx.export.")
]
ModelsOption = Annotated[
    Path | None,
    typer.Option("--models", help="A folder of model definitions of your own, beside the bundled ones."),
]
CacheOption = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep captures of bundled models in the user's cache folder.")
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Models captured at the same time; default: one per core.")
]
TimeoutOption = Annotated[
    float,
    typer.Option("--timeout", min=1, help="Seconds that one model may take; it then costs its own row only."),
]


def write(form: str, reports: Sequence[Report], output: Path | None) -> None:
    """The report on stdout, or in a file that is replaced only when all of it is written.

    Raises UsageError, naming the file and the system's reason.
    """
    write_text(lambda style: render.render(form, reports, style), output)


def write_text(text_in: Callable[[render.Style], str], output: Path | None) -> None:
    """As `write`, for a text that is made once it is known what the place can show."""
    if output is None and sys.stdout is None:
        raise UsageError("standard output is closed; give a file with --output")
    terminal = output is None and sys.stdout.isatty()
    color = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    text = text_in(render.Style(width=_width(terminal), color=color))
    if output is None:
        show(text)
    else:
        write_file(output, text)


def show(text: str) -> None:
    """Text on stdout, all of it. Raises UsageError where that cannot be written; typer knows a reader that has gone."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What could not be written is tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise UsageError(f"standard output: cannot be written: {error.strerror}") from error


def write_file(path: Path, text: str | bytes) -> None:
    """Raises UsageError where the file cannot be written; it then stays as it was."""
    try:
        store.write_file(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _width(terminal: bool) -> int:
    if "COLUMNS" in os.environ and os.environ["COLUMNS"].isdigit():
        return max(int(os.environ["COLUMNS"]), 40)
    return max(os.get_terminal_size(sys.stdout.fileno()).columns, 40) if terminal else _PIPE_WIDTH


def note(text: str) -> None:
    """A line for people, on stderr."""
    print(f"opscan: {visible(text)}", file=sys.stderr)


@contextmanager
def progress(total: int, what: str) -> "Iterator[Progress]":
    """A progress bar on stderr with one task; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar
