"""The survey as tables for people; the formats in `render` write them down."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from opscan.core.survey import Entry, Row, operator_texts, rows
from opscan.core.table import Column, Table

SURVEY_COLUMNS = (
    Column("model"),
    Column("method", priority=3),
    Column("architecture", priority=2),
    Column("captured", priority=1),
    Column("repository", priority=5),
    Column("special operators"),
    Column("publication", priority=4),
)


def survey_tables(
    entries: Sequence[Entry],
    *,
    relative: bool = True,
    backends: Sequence[str] = (),
    answers: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Table, ...]:
    """One table per section, with the columns of the overview, and one for each backend behind the operators.

    `answers` are those of each model, in the order of the backends.
    """
    # Sorted first, and stably: a row refers to rows above it only, and the order within a section stays.
    survey_rows = rows(sorted(entries, key=lambda entry: entry.section))
    texts = operator_texts(survey_rows, relative=relative)
    columns = (*SURVEY_COLUMNS[:-1], *map(Column, backends), SURVEY_COLUMNS[-1])
    known = answers or {}
    return tuple(
        Table(columns, tuple(_survey_row(row, text, len(backends), known) for row, text in group), title=section)
        for section, group in groupby(zip(survey_rows, texts, strict=True), key=_section)
    )


def _section(row_and_text: tuple[Row, str]) -> str:
    return row_and_text[0].first.section


def _survey_row(row: Row, operators: str, backends: int, answers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    entry = row.first
    models = ", ".join(e.model for e in row.entries)
    name = models if models == entry.system else f"{entry.system}\n{models}"
    return (
        name,
        entry.method,
        entry.architecture,
        entry.captured_text,
        entry.repository,
        operators,
        *(_answer(row, number, answers) for number in range(backends)),
        entry.publication,
    )


def _answer(row: Row, number: int, answers: Mapping[str, Sequence[str]]) -> str:
    """What all models of the row are told, or the different answers with how many got each."""
    counts = Counter(answers[entry.model][number] for entry in row.entries if entry.model in answers)
    if len(counts) == 1:
        return next(iter(counts))
    return "\n".join(f"{count}x {text}" for text, count in counts.items())
