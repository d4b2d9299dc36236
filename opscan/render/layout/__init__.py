"""Text in the cells of a terminal: how wide it is, where its lines are broken, what it looks like.

Not by rich's own layout, which takes longer to import than a small model to judge, and a millisecond a row.
"""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells

from opscan.render import Style

BOLD, DIM, RED, GREEN, YELLOW = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
# Between a name and its value.
_GAP = 2


def styled(text: str, style: Style, look: str) -> str:
    """The text in that look, where the place can show it."""
    return f"{look}{text}\x1b[0m" if style.color and text else text


def cell_width(text: str) -> int:
    """Cells of the terminal that a line takes."""
    return len(text) if text.isascii() else cell_len(text)


def filled_up(*columns: list[str]) -> list[list[str]]:
    """The same columns with as many lines each."""
    lines = max(map(len, columns))
    return [column + [""] * (lines - len(column)) for column in columns]


def longest_line(text: str) -> int:
    """Width of the longest line."""
    return max(map(cell_width, text.split("\n"))) if "\n" in text else cell_width(text)


def padded(text: str, room: int, right: bool = False) -> str:
    """The text with spaces after it, or before it, up to a width."""
    space = " " * (room - cell_width(text))
    return space + text if right else text + space


def wrapped(text: str, room: int) -> list[str]:
    """Its lines, broken between words, and within a word that is longer than a line."""
    return [part for row in text.split("\n") for part in (_broken(row, room) if cell_width(row) > room else [row])]


def _broken(text: str, room: int) -> list[str]:
    lines, current = [], ""
    for word in text.split(" "):
        longer = f"{current} {word}" if current else word
        if cell_width(longer) <= room:
            current = longer
            continue
        if current:
            lines.append(current)
        *full, current = chop_cells(word, room) or [""]
        lines += full
    return [*lines, *([current] if current else [])]


def sentence(style: Style, *parts: tuple[str, str]) -> Iterator[str]:
    """Texts with a look each, one after the other; the looks are left out where they do not fit in a line."""
    whole = "".join(text for text, _ in parts)
    if cell_width(whole) <= style.width:
        yield "".join(styled(text, style, look) if look else text for text, look in parts)
    else:
        yield from wrapped(whole, style.width)


def side_by_side(facts: Sequence[tuple[str, str]], style: Style, look: str, indent: int = 0) -> Iterator[str]:
    """Names, in a look, and beside them their values."""
    room = style.width - indent
    names_width = min(max((longest_line(name) for name, _ in facts), default=0), room // 2)
    for name, value in facts:
        names, values = wrapped(name, names_width), wrapped(value, room - names_width - _GAP)
        for left, right in zip(*filled_up(names, values), strict=True):
            yield " " * indent + styled(padded(left, names_width), style, look) + " " * _GAP + right
