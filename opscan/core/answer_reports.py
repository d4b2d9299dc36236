"""Answers over many models as tables: the matrix, the ranking, which models fit."""

from collections.abc import Sequence

from opscan.core.fits import FamilyFit
from opscan.core.matrix import Cell, Share
from opscan.core.needs import Obstacle
from opscan.core.rank import Blocker, Ranking, Step
from opscan.core.table import Column, Overflow, Table, first_few, quantity

_NAMES_SHOWN = 4


def matrix_table(rows: Sequence[Sequence[Cell]], by: Share) -> Table:
    """One row per model, one column per backend."""
    backends = [cell.backend for cell in rows[0]] if rows else []
    columns = (Column("model"), *map(Column, backends))
    cells = tuple((row[0].model, *(cell.text(by) for cell in row)) for row in rows)
    return Table(columns, cells, overflow=Overflow.TURNED)


def no_answers(rows: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """Why cells have no answer; a reason that several share once."""
    reasons: dict[str, list[str]] = {}
    for cell in (cell for row in rows for cell in row if cell.coverage is None):
        reasons.setdefault(cell.reason, []).append(f"{cell.model} on {cell.backend}")
    return tuple(f"no answer for {first_few(pairs, _NAMES_SHOWN)}: {reason}" for reason, pairs in reasons.items())


def blocker_table(found: Ranking) -> Table:
    """One row per obstacle, most blocking first."""
    columns = (
        Column("operator, or a clause of it"),
        Column("models", numeric=True),
        Column("alone", numeric=True),
        Column("weight", numeric=True, priority=1),
        Column("MACs", numeric=True, priority=1),
        Column("names", priority=1),
    )
    weighted = any(blocker.weight != len(blocker.models) for blocker in found.blockers)
    rows = tuple(_blocker_row(blocker, weighted) for blocker in found.blockers)
    return Table(columns, rows, title="What is in the way, and of how many models", overflow=Overflow.SPLIT)


def _blocker_row(blocker: Blocker, weighted: bool) -> tuple[str, ...]:
    return (
        str(blocker.obstacle),
        str(len(blocker.models)),
        str(len(blocker.alone)) if blocker.alone else "",
        f"{blocker.weight:g}" if weighted else "",
        quantity(blocker.macs) if blocker.macs else "",
        first_few(blocker.models, _NAMES_SHOWN),
    )


def curve_table(found: Ranking) -> Table:
    """One row per size: the best set and what it unblocks; what is undecided neither runs nor is blocked."""
    columns = (
        Column("implemented", numeric=True),
        Column("run"),
        Column("undecided", numeric=True, priority=1),
        Column("weight", numeric=True, priority=1),
        Column("best set"),
        Column("found"),
    )
    weighted = any(step.weight != len(step.unblocked) for step in found.curve)
    rows = tuple(_step_row(step, found.models, weighted) for step in found.curve)
    return Table(columns, rows, title="The best set of k", overflow=Overflow.SPLIT)


def _step_row(step: Step, models: int, weighted: bool) -> tuple[str, ...]:
    return (
        str(step.size),
        f"{len(step.unblocked) - len(step.doubtful)} of {models} models",
        str(len(step.doubtful)) if step.doubtful else "",
        f"{step.weight:g}" if weighted else "",
        _together(step.obstacles) or "(as it is)",
        "exact" if step.exact else "greedy",
    )


def curve_notes(found: Ranking) -> tuple[str, ...]:
    """What a reader must know to read the curve."""
    notes = []
    if any(step.doubtful for step in found.curve):
        notes.append("best: most models that nothing known blocks any more, those undecided included")
    if not all(step.exact for step in found.curve):
        notes.append("greedy: the search for a better set was cut short, and one may exist")
    return tuple(notes)


def _together(obstacles: Sequence[Obstacle]) -> str:
    """In one line where all are whole operators."""
    return ("\n" if any(obstacle.clause for obstacle in obstacles) else ", ").join(map(str, obstacles))


def fits_table(found: Sequence[FamilyFit]) -> Table:
    """One row per family and answer, those that run first; distance counts the operators in the way."""
    columns = (
        Column("family"),
        Column("answer"),
        Column("distance", numeric=True, priority=1),
        Column("models", priority=1),
        Column("clauses", priority=1),
        Column("undecided", priority=1),
    )
    return Table(columns, tuple(map(_fit_row, found)), overflow=Overflow.SPLIT)


def _fit_row(fit: FamilyFit) -> tuple[str, ...]:
    return (
        fit.family,
        fit.sentence,
        str(fit.distance) if fit.distance else "",
        ", ".join(fit.models),
        "\n".join(str(obstacle) for obstacle in fit.obstacles if obstacle.clause),
        "\n".join(map(str, fit.doubts)),
    )
