"""Answers over many models as tables: the matrix, the ranking, which models fit."""

from collections.abc import Sequence

from opscan.core.fits import FamilyFit
from opscan.core.matrix import Cell, Share
from opscan.core.needs import Obstacle
from opscan.core.rank import Blocker, Ranking, Step
from opscan.core.table import Column, Table, quantity

_NAMES_SHOWN = 4


def matrix_table(rows: Sequence[Sequence[Cell]], by: Share) -> Table:
    """One row per model, one column per backend."""
    backends = [cell.backend for cell in rows[0]] if rows else []
    # A terminal that is too narrow for all of them leaves the last ones out, and says so.
    columns = (Column("model"), *(Column(name, priority=number) for number, name in enumerate(backends)))
    return Table(columns, tuple((row[0].model, *(cell.text(by) for cell in row)) for row in rows))


def no_answers(rows: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """Why cells have no answer; a reason that several share once."""
    reasons: dict[str, list[str]] = {}
    for cell in (cell for row in rows for cell in row if cell.coverage is None):
        reasons.setdefault(cell.reason, []).append(f"{cell.model} on {cell.backend}")
    return tuple(f"no answer for {some(pairs)}: {reason}" for reason, pairs in reasons.items())


def blocker_table(found: Ranking) -> Table:
    """One row per obstacle, most blocking first."""
    columns = (
        Column("operator"),
        Column("clause", priority=2),
        Column("models blocked", numeric=True),
        Column("alone", numeric=True),
        Column("weight", numeric=True, priority=4),
        Column("MACs", numeric=True, priority=3),
        Column("names", priority=1),
    )
    weighted = any(blocker.weight != len(blocker.models) for blocker in found.blockers)
    return Table(columns, tuple(_blocker_row(b, weighted) for b in found.blockers), title="What is in the way")


def _blocker_row(blocker: Blocker, weighted: bool) -> tuple[str, ...]:
    return (
        blocker.obstacle.operator,
        blocker.obstacle.clause or "(not supported at all)",
        str(len(blocker.models)),
        str(len(blocker.alone)) if blocker.alone else "",
        f"{blocker.weight:g}" if weighted else "",
        quantity(blocker.macs) if blocker.macs else "",
        some(blocker.models),
    )


def curve_table(found: Ranking) -> Table:
    """One row per size: the best set and what it unblocks."""
    columns = (
        Column("implemented", numeric=True),
        Column("models"),
        Column("undecided", numeric=True, priority=2),
        Column("weight", numeric=True, priority=4),
        Column("best set"),
        Column("set found by", priority=3),
    )
    weighted = any(step.weight != len(step.unblocked) for step in found.curve)
    return Table(columns, tuple(_step_row(s, found.models, weighted) for s in found.curve), title="The best set of k")


def _step_row(step: Step, models: int, weighted: bool) -> tuple[str, ...]:
    return (
        str(step.size),
        f"{len(step.unblocked)} of {models}",
        str(len(step.doubtful)) if step.doubtful else "",
        f"{step.weight:g}" if weighted else "",
        _together(step.obstacles) or "(as it is)",
        "exact" if step.exact else "greedy, then a search cut short",
    )


def _together(obstacles: Sequence[Obstacle]) -> str:
    """In one line where all are whole operators."""
    return ("\n" if any(obstacle.clause for obstacle in obstacles) else ", ").join(map(str, obstacles))


def fits_table(found: Sequence[FamilyFit]) -> Table:
    """One row per family and answer, those that run first; distance counts the operators in the way."""
    columns = (
        Column("family"),
        Column("answer"),
        Column("distance", numeric=True, priority=1),
        Column("clauses", priority=2),
        Column("undecided", priority=4),
        Column("models", priority=3),
    )
    return Table(columns, tuple(map(_fit_row, found)))


def _fit_row(fit: FamilyFit) -> tuple[str, ...]:
    return (
        fit.family,
        fit.sentence,
        str(fit.distance) if fit.distance else "",
        "\n".join(str(obstacle) for obstacle in fit.obstacles if obstacle.clause),
        "\n".join(map(str, fit.doubts)),
        ", ".join(fit.models),
    )


def some(names: Sequence[str]) -> str:
    """The first few names and how many more there are."""
    rest = len(names) - _NAMES_SHOWN
    return ", ".join([*names[:_NAMES_SHOWN], *([f"and {rest} more"] if rest > 0 else [])])
