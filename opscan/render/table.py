"""For people at a terminal."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from opscan.core.table import Column, Report, Table
from opscan.render import Style

# A column of wrapped text narrower than this is no use to anybody.
_READABLE = 14


def render(reports: Sequence[Report], style: Style) -> str:
    """Heads and tables, wrapped to the width; columns that do not fit are left out and named."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=style.width,
        force_terminal=style.color,
        no_color=not style.color,
        color_system="standard" if style.color else None,
        highlight=False,
    )
    for number, report in enumerate(reports):
        if number:
            console.print()
        _print(console, report)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _print(console: Console, report: Report) -> None:
    if report.title:
        console.print(Text(report.title, style="bold"))
    if report.head:
        _print_head(console, report.head)
    left_out: dict[str, None] = {}
    for table in report.tables:
        if not table.rows:
            continue
        columns = _fitting(table, console.width)
        left_out |= dict.fromkeys(c.title for c in table.columns if c not in columns)
        if table.title:
            console.print()
            console.print(Text(table.title, style="bold"))
        console.print(_rich(table, columns))
    notes = list(report.notes)
    if left_out:
        notes.append(f"left out for lack of width: {', '.join(left_out)}")
    for note in notes:
        console.print(Text(note, style="dim"))


def _print_head(console: Console, head: Sequence[tuple[str, str]]) -> None:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for name, value in head:
        grid.add_row(Text(name), Text(value))
    console.print(Padding(grid, (0, 0, 1, 0)))


def _longest(table: Table, position: int, *, word: bool) -> int:
    """Width of a column's longest line, or of its longest word."""
    cells = [table.columns[position].title, *(row[position] for row in table.rows)]
    parts = (part for cell in cells for part in (cell.split() if word else cell.splitlines()))
    return max(map(len, parts), default=0)


def _fitting(table: Table, width: int) -> tuple[Column, ...]:
    """The columns that fit at a readable width, the least important left out first; an empty one never fits."""
    kept = [
        position
        for position, column in enumerate(table.columns)
        if not column.priority or any(row[position] for row in table.rows)
    ]
    while True:
        needed = sum(_least(table, position) + 3 for position in kept)
        droppable = [p for p in kept if table.columns[p].priority]
        if needed <= width or not droppable:
            return tuple(table.columns[position] for position in kept)
        kept.remove(max(droppable, key=lambda p: table.columns[p].priority))


def _least(table: Table, position: int) -> int:
    """The width below which a column cannot be read: its longest word, or a few words of its text."""
    line, word = (_longest(table, position, word=w) for w in (False, True))
    return min(line, max(word, _READABLE))


def _rich(table: Table, columns: Sequence[Column]) -> RichTable:
    rich = RichTable(show_edge=False, pad_edge=False, header_style="bold", show_lines=_several_lines(table))
    positions = [table.columns.index(column) for column in columns]
    for position, column in zip(positions, columns, strict=True):
        short = _longest(table, position, word=False) <= _READABLE
        rich.add_column(
            column.title,
            justify="right" if column.numeric else "left",
            overflow="fold",
            no_wrap=short,
            min_width=min(_least(table, position), 30),
        )
    for row in table.rows:
        rich.add_row(*(Text(row[position]) for position in positions))
    return rich


def _several_lines(table: Table) -> bool:
    return any("\n" in cell for row in table.rows for cell in row)
