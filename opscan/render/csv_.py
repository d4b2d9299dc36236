"""Comma-separated values (RFC 4180): the tables of all reports under one header where they share it."""

import csv
import io
from collections.abc import Sequence

from opscan.core.table import Report, visible
from opscan.render import Style, harmless


def render(reports: Sequence[Report], style: Style) -> str:
    """One header line, then all rows; a table's or report's title becomes the first column.

    A cell of several lines has them separated by `; `. A cell that a spreadsheet would run as a
    formula gets a leading apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    header: list[str] | None = None
    for report in reports:
        for table in report.tables:
            titles = ["group", *(_cell(column.title) for column in table.columns)]
            if titles != header:
                writer.writerow(titles)
                header = titles
            writer.writerows([[_cell(table.title or report.title), *map(_cell, row)] for row in table.rows])
    return buffer.getvalue()


def _cell(text: str) -> str:
    line = harmless("; ".join(visible(text).split("\n")))
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) and len(line) > 2 else line
