"""A report as tables, before any format: what every renderer takes."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple


class Column(NamedTuple):
    """One column; numbers align right."""

    title: str
    numeric: bool = False
    priority: int = 0
    """Columns of the highest number are left out first where the terminal is too narrow."""


class Overflow(Enum):
    """What becomes of columns for which a terminal is too narrow."""

    LEFT_OUT = auto()
    """They are left out, the least important first, and named."""
    SPLIT = auto()
    """They follow in further tables, each of which begins with the first column again."""
    TURNED = auto()
    """The same, or rows and columns change places, whichever takes fewer tables."""


class Table(NamedTuple):
    """Rows of cells. An empty cell is `""`; a cell may hold several lines."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    overflow: Overflow = Overflow.LEFT_OUT


class Report(NamedTuple):
    """What a command found: for people as head, tables and notes, for programs as `data`."""

    data: Any
    """The result itself, which serde writes as JSON."""
    title: str = ""
    head: tuple[tuple[str, str], ...] = ()
    """Name and value of the facts above the tables."""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know to read the numbers."""


def visible(text: str) -> str:
    r"""Text in which control and other invisible characters are spelled out (`\x1b`); line breaks stay.

    Names come from models, and a terminal obeys escape sequences.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_spelled_out, line)) for line in lines)


def visible_line(text: str) -> str:
    r"""The same in one line: line breaks are spelled out too (`\n`)."""
    return visible(text).replace("\n", "\\n")


def _spelled_out(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def quantity(value: int | None) -> str:
    """A large number for people: `86.57 M`; `?` where it is not known."""
    if value is None:
        return "?"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return str(value)


def counted(count: int, what: str) -> str:
    """`1 site`, `2 sites`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def byte_text(count: int) -> str:
    """A number of bytes for people: `4.19 MB`, `32 B`."""
    text = quantity(count)
    return f"{text}B" if " " in text else f"{text} B"


def share(part: int, whole: int) -> str:
    """A percentage with one decimal, never rounded up to 100 % or down to 0 %; empty for nothing."""
    if not part or not whole:
        return ""
    percent = min(max(100 * part / whole, 0.1), 100.0 if part == whole else 99.9)
    return f"{percent:.1f} %"


def first_few(texts: Sequence[str], shown: int) -> str:
    """`a, b, c, and 4 more`."""
    return ", ".join([*texts[:shown], *_rest(len(texts) - shown, "and")])


def first_lines(texts: Sequence[str], shown: int) -> str:
    """The first few, one a line, and how many more there are."""
    return "\n".join([*texts[:shown], *_rest(len(texts) - shown, "… and")])


def _rest(count: int, before: str) -> list[str]:
    return [f"{before} {count} more"] if count > 0 else []
