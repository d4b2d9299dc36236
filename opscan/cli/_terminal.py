"""What all commands share: the progress bar on stderr, the report on stdout."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opscan import render
from opscan.core.errors import UsageError
from opscan.core.table import Report, visible_line

if TYPE_CHECKING:
    from rich.progress import Progress

# Where the width of the terminal is not known, e.g. in a pipe: room for every column.
_PIPE_WIDTH = 200
# Seconds after which a command says what it does, where no bar shows it.
_MOMENT = 0.3


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
    """Text on stdout, all of it.

    Raises UsageError where that cannot be written, BrokenPipeError where the reader has gone.
    """
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
    from opscan import store

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
    print(f"opscan: {visible_line(text)}", file=sys.stderr)


class NoBar:
    """What stands for a progress bar where nobody would see it."""

    task_ids: Sequence[Any] = (0,)  # of the type that rich gives them

    def advance(self, task: int, advance: float = 1) -> None:
        """Shows nothing."""

    def update(self, task: int, *, advance: float, description: str) -> None:
        """Shows nothing."""


@contextmanager
def _said_if_slow(what: str) -> Iterator[None]:
    from threading import Timer

    said = Timer(_MOMENT, note, (f"{what} …",))
    said.daemon = True
    said.start()
    try:
        yield
    finally:
        said.cancel()


@contextmanager
def progress(total: int, what: str) -> "Iterator[Progress | NoBar]":
    """A progress bar on stderr with one task.

    Where stderr is no terminal, one line that says what goes on, once it has taken a moment. Nothing
    at all with OPSCAN_QUIET in the environment: what runs by the clock mails whatever is said.
    """
    if os.environ.get("OPSCAN_QUIET"):
        yield NoBar()
        return
    if sys.stderr is None or not sys.stderr.isatty():
        with _said_if_slow(what):
            yield NoBar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar
