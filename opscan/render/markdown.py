"""GitHub-flavoured markdown: every column, whatever the width."""

import re
from collections.abc import Iterator, Sequence

from opscan.core.table import Report, Table, visible
from opscan.render import Style

# Characters that would end a cell, or start markup inside one.
_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "|": "\\|",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "*": "\\*",
        "~": "\\~",
        "$": "\\$",
        "`": "\\`",
        "[": "\\[",
        "]": "\\]",
    }
)
# An underscore between letters is no markup, and most names have one.
# A line that begins so is a command to GitHub Actions; a backslash makes it none.
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def escape(text: str) -> str:
    """Text as markdown that shows it unchanged, in one line."""
    escaped = _OUTER_UNDERSCORE.sub(r"\_", _COMMAND.sub(r"\1\\::", visible(text).translate(_ESCAPES)))
    return escaped.replace("\n", "<br>")


def render(reports: Sequence[Report], style: Style) -> str:
    """All reports, one after the other."""
    return "\n\n".join("\n\n".join(_blocks(report)) for report in reports) + "\n"


def _blocks(report: Report) -> Iterator[str]:
    if report.title:
        yield f"# {escape(report.title)}"
    if report.head:
        yield "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in report.head)
    for shown in report.tables:
        if shown.title:
            yield f"## {escape(shown.title)}"
        if shown.rows:
            yield table(shown)
    for note in report.notes:
        yield escape(note)


def table(shown: Table) -> str:
    """One table, without its title."""
    titles = [escape(column.title) for column in shown.columns]
    rule = ["---:" if column.numeric else "---" for column in shown.columns]
    lines = [titles, rule, *([escape(cell) for cell in row] for row in shown.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
