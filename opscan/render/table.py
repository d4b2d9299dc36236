"""For people at a terminal."""

import io
from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from opscan.core.table import Report, Table, visible
from opscan.render import Style

# A column of wrapped text narrower than this is no use to anybody.
_READABLE = 14
# Between two columns: a space, a line, a space.
_GAP = 3


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
        console.print(Text(visible(report.title), style="bold"))
    if report.head:
        _print_head(console, report.head)
    left_out: dict[str, None] = {}
    for table in map(_visible, report.tables):
        if not table.rows:
            continue
        filled = _filled(table)
        kept = _fitting(table, filled, console.width)
        left_out |= {table.columns[p].title: None for p in filled if p not in kept}
        if table.title:
            console.print()
            console.print(Text(table.title, style="bold"))
        console.print(_rich(table, kept, console.width))
    notes = list(report.notes)
    if left_out:
        notes.append(f"left out for lack of width: {', '.join(left_out)}")
    for note in notes:
        console.print(Text(visible(note), style="dim"))


def _visible(table: Table) -> Table:
    columns = tuple(replace(column, title=visible(column.title)) for column in table.columns)
    return Table(columns, tuple(tuple(map(visible, row)) for row in table.rows), visible(table.title))


def _print_head(console: Console, head: Sequence[tuple[str, str]]) -> None:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for name, value in head:
        grid.add_row(Text(visible(name)), Text(visible(value)))
    console.print(Padding(grid, (0, 0, 1, 0)))


def _longest(table: Table, position: int, *, word: bool) -> int:
    """Width of a column's longest line, or of its longest word."""
    cells = [table.columns[position].title, *(row[position] for row in table.rows)]
    parts = (part for cell in cells for part in (cell.split() if word else cell.splitlines()))
    return max(map(cell_len, parts), default=0)


def _filled(table: Table) -> list[int]:
    """Positions of the columns worth showing: those of importance, and the others unless all their cells are empty."""
    return [
        position
        for position, column in enumerate(table.columns)
        if not column.priority or any(row[position] for row in table.rows)
    ]


def _fitting(table: Table, positions: Sequence[int], width: int) -> list[int]:
    """The columns that fit at a readable width, the least important left out first."""
    kept = list(positions)
    while droppable := [p for p in kept if table.columns[p].priority]:
        if _needed(table, kept) <= width:
            break
        kept.remove(max(droppable, key=lambda p: table.columns[p].priority))
    return kept


def _needed(table: Table, positions: Sequence[int]) -> int:
    return sum(_least(table, position) for position in positions) + _GAP * (len(positions) - 1)


def _least(table: Table, position: int) -> int:
    """The width below which a column cannot be read: its longest word, or a few words of its text."""
    line, word = (_longest(table, position, word=w) for w in (False, True))
    return min(line, max(word, _READABLE))


def _rich(table: Table, positions: Sequence[int], width: int) -> RichTable:
    """The columns at these positions. Too narrow a terminal breaks words rather than cut them off."""
    rich = RichTable(show_edge=False, pad_edge=False, header_style="bold", show_lines=_several_lines(table))
    roomy = _needed(table, positions) <= width
    for position in positions:
        column = table.columns[position]
        rich.add_column(
            Text(column.title),
            justify="right" if column.numeric else "left",
            overflow="fold",
            no_wrap=roomy and _longest(table, position, word=False) <= _READABLE,
            min_width=min(_least(table, position), 40) if roomy else None,
        )
    for row in table.rows:
        rich.add_row(*(Text(row[position]) for position in positions))
    return rich


def _several_lines(table: Table) -> bool:
    return any("\n" in cell for row in table.rows for cell in row)
