"""For people at a terminal.

Laid out here and not by rich's tables, which take a millisecond a row: a list of 84 models would
take longer to print than to find, and one of all sites of a large model minutes.
"""

from collections.abc import Iterator, Sequence

from opscan.core.table import Column, Overflow, Report, Table, visible
from opscan.render import Style, harmless
from opscan.render.layout import BOLD, DIM, cell_width, filled_up, longest_line, padded, side_by_side, styled, wrapped

# A column of wrapped text narrower than this is no use to anybody.
_READABLE = 14
# A text of up to this width is not broken where a further table can be had instead.
_SHORT = 20
# Between two columns: a space, a line, a space.
_GAP = 3


def render(reports: Sequence[Report], style: Style) -> str:
    """Heads and tables, wrapped to the width; columns that do not fit are left out and named."""
    parts = ("\n".join(line.rstrip() for line in _report(report, style)) for report in reports)
    return harmless("\n\n".join(parts) + "\n")


def _report(report: Report, style: Style) -> Iterator[str]:
    if report.title:
        yield from _paragraph(report.title, style, BOLD)
    if report.head:
        yield from _head(report.head, style)
    left_out: dict[str, None] = {}
    apart = not report.head  # which ends with an empty line of its own
    for table in map(_visible, report.tables):
        if not table.rows:
            continue
        if table.title:
            yield from [""] if apart else []
            yield from _paragraph(table.title, style, BOLD)
        if table.overflow is Overflow.LEFT_OUT:
            filled = _filled(table)
            kept = _fitting(table, filled, style.width)
            left_out |= {table.columns[p].title: None for p in filled if p not in kept}
            yield from _grid(table, kept, style)
        else:
            yield from _split(table, style)
        apart = True
    notes = [*report.notes, *([f"left out for lack of width: {', '.join(left_out)}"] if left_out else [])]
    for note in notes:
        yield from _paragraph(note, style, DIM)


def _paragraph(text: str, style: Style, look: str) -> Iterator[str]:
    return (styled(line, style, look) for line in wrapped(visible(text), style.width))


def _visible(table: Table) -> Table:
    columns = tuple(column._replace(title=visible(column.title)) for column in table.columns)
    rows = tuple(tuple(map(visible, row)) for row in table.rows)
    return table._replace(columns=columns, rows=rows, title=visible(table.title))


def _head(head: Sequence[tuple[str, str]], style: Style) -> Iterator[str]:
    """Names and values side by side, then an empty line."""
    yield from side_by_side([(visible(name), visible(value)) for name, value in head], style, BOLD)
    yield ""


def _word(text: str) -> int:
    """Width of the longest word."""
    return max(map(cell_width, text.split()), default=0)


def _cells(table: Table, position: int) -> list[str]:
    return [table.columns[position].title, *(row[position] for row in table.rows)]


def _filled(table: Table) -> list[int]:
    """Positions of the columns worth showing: those of importance, and the others unless all their cells are empty."""
    return [
        position
        for position, column in enumerate(table.columns)
        if not column.priority or any(row[position] for row in table.rows)
    ]


def _fitting(table: Table, positions: Sequence[int], width: int) -> list[int]:
    """The columns that fit at a readable width, the least important left out first."""
    least = {position: _least(_cells(table, position)) for position in positions}
    kept = list(positions)
    while droppable := [p for p in kept if table.columns[p].priority]:
        if sum(least[p] for p in kept) + _GAP * (len(kept) - 1) <= width:
            break
        kept.remove(max(droppable, key=lambda p: table.columns[p].priority))
    return kept


def _split(table: Table, style: Style) -> Iterator[str]:
    """All columns, in as many tables as it takes."""
    parts = _parts(table, style.width)
    if table.overflow is Overflow.TURNED and len(parts) > 1:
        turned = _turned(table)
        others = _parts(turned, style.width)
        if len(others) < len(parts):
            table, parts = turned, others
    for number, positions in enumerate(parts):
        if number:
            yield ""
        yield from _grid(table, positions, style)


def _parts(table: Table, width: int) -> list[list[int]]:
    """The columns of each table: the first, and as many others as fit beside it."""
    first, *others = _filled(table)
    least = {position: _comfortable(_cells(table, position)) + _GAP for position in (first, *others)}
    parts: list[list[int]] = []
    room = 0
    for position in others:
        room -= least[position]
        if room < 0 or not parts:
            parts.append([first])
            room = width + _GAP - least[first] - least[position]
        parts[-1].append(position)
    return parts or [[first]]


def _comfortable(cells: list[str]) -> int:
    """Where another table is cheap, a short text need not be broken."""
    return max(_least(cells), min(_SHORT, max(map(longest_line, cells))))


def _turned(table: Table) -> Table:
    """Rows for columns; what the first column was called is in the corner no more."""
    titles = [column.title for column in table.columns[1:]]
    columns = (Column(""), *(Column(row[0]) for row in table.rows))
    rows = tuple((title, *cells) for title, *cells in zip(titles, *(row[1:] for row in table.rows), strict=True))
    return Table(columns, rows)


def _least(cells: list[str]) -> int:
    """The width below which a column cannot be read: its longest word, or a few words of its text."""
    line = max(map(longest_line, cells))
    return line if line <= _READABLE else min(line, max(_READABLE, *map(_word, cells)))


def _widths(columns: Sequence[list[str]], room: int) -> list[int]:
    """A width for each column: its text's own, or, the widest first, less. Too narrow a terminal breaks words."""
    natural = [max(map(longest_line, column)) for column in columns]
    least = [_least(column) for column in columns]
    if sum(least) > room:
        least = [1] * len(columns)
    level = max(natural, default=0)
    while level > 1 and sum(_at(level, natural, least)) > room:
        level -= 1
    widths = _at(level, natural, least)
    for position, width in enumerate(widths):  # what is left over
        if width < natural[position] and sum(widths) < room:
            widths[position] += 1
    return widths


def _at(level: int, natural: Sequence[int], least: Sequence[int]) -> list[int]:
    return [max(1, min(whole, max(level, low))) for whole, low in zip(natural, least, strict=True)]


def _grid(table: Table, positions: Sequence[int], style: Style) -> Iterator[str]:
    columns = [_cells(table, position) for position in positions]
    widths = _widths(columns, style.width - _GAP * (len(columns) - 1))
    numeric = [table.columns[position].numeric for position in positions]
    apart = any("\n" in cell for row in table.rows for cell in row)
    for number, cells in enumerate(zip(*columns, strict=True)):
        if number == 1:
            yield "━╇━".join("━" * width for width in widths)
        elif number and apart:
            yield "─┼─".join("─" * width for width in widths)
        lines = filled_up(*map(wrapped, cells, widths))
        for parts in zip(*lines, strict=True):
            shown = [padded(part, width, right) for part, width, right in zip(parts, widths, numeric, strict=True)]
            yield " │ ".join(shown) if number else " ┃ ".join(styled(part, style, BOLD) for part in shown)
