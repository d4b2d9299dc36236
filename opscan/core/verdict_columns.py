"""Verdicts beside the operators and sites of one model: a column for each backend."""

from collections import Counter
from collections.abc import Iterator, Sequence

from opscan.core.coverage import Coverage
from opscan.core.table import Column, Table
from opscan.core.verdict import WORST_LAST, Support


def with_verdicts(table: Table, coverages: Sequence[Coverage], *, sites: bool) -> Table:
    """The table with a column per backend; its first column names the operator, or its rows are the sites in order."""
    cells = [_of_sites(coverage) if sites else _of_operators(coverage, table) for coverage in coverages]
    return table._replace(
        columns=(*table.columns, *(Column(coverage.profile.id) for coverage in coverages)),
        rows=tuple((*row, *more) for row, *more in zip(table.rows, *cells, strict=True)),
    )


def verdict_head(coverages: Sequence[Coverage]) -> Iterator[tuple[str, str]]:
    """The verdict of each backend, with what it has against the model as a whole."""
    for coverage in coverages:
        reasons = (f"{finding.support}: {finding.reason}" for finding in coverage.model_findings)
        yield coverage.profile.id, "\n".join((coverage.verdict.value, *reasons))


def _of_sites(coverage: Coverage) -> list[str]:
    return [_text(verdict.support, verdict.reason) for verdict in coverage.verdicts]


def _of_operators(coverage: Coverage, table: Table) -> list[str]:
    outcomes: dict[str, Counter[tuple[Support, str]]] = {}
    for (op, support, reason), count in coverage.outcomes.items():
        outcomes.setdefault(str(op), Counter())[support, reason] += count
    return [_summary(outcomes[row[0]]) for row in table.rows]


def _summary(counts: Counter[tuple[Support, str]]) -> str:
    """Every outcome of an operator's sites, the worst first, with its number where there are several."""
    ordered = sorted(counts.items(), key=lambda item: (-WORST_LAST.index(item[0][0]), item[0][1]))
    several = len(ordered) > 1
    return "\n".join(f"{f'{count}x ' if several else ''}{_text(*outcome)}" for outcome, count in ordered)


def _text(support: Support, reason: str) -> str:
    return f"{support}: {reason}" if reason else support.value
