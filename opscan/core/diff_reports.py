"""Differences and lockfile checks as tables."""

from opscan.core.diff import Difference, OperatorChange, Side
from opscan.core.lock import LockCheck
from opscan.core.table import Column, Table, counted, first_lines, quantity

_SIGNATURES_SHOWN = 4


def lock_table(found: LockCheck) -> Table:
    """One row per operator and signature that differs."""
    columns = (
        Column("rule"),
        Column("model"),
        Column("dialect", priority=2),
        Column("change"),
        Column("operator"),
        Column("inputs", priority=1),
        Column("locked", numeric=True),
        Column("now", numeric=True),
    )
    rows = [
        (c.rule, c.model, c.dialect.value, c.kind.value, c.operator, c.signature, str(c.before), str(c.after))
        for c in found.changes
    ]
    return Table(columns, tuple(sorted(rows, key=lambda row: (not row[0], row[1:5]))))


def difference_head(found: Difference) -> tuple[tuple[str, str], ...]:
    """Both sides with their totals, and what they depend on and differ in."""
    facts = (
        ("before", _side(found, found.before)),
        ("after", _side(found, found.after)),
        ("changed with", ", ".join(found.versions)),
    )
    return tuple((name, text) for name, text in facts if text)


def _side(found: Difference, side: Side) -> str:
    kept = side.snapshot
    macs = found.macs(side)
    parts = [
        f"{kept.model} ({kept.dialect} {kept.opsets.get('', '')}".rstrip() + ")",
        counted(len(kept.operators), "operator"),
        counted(sum(kept.counts.values()), "site"),
        f"{quantity(macs)} MACs" if macs is not None else "MACs not known",
    ]
    if side.coverage:
        parts.append(f"{side.coverage.verdict.value} on {side.coverage.profile.id}")
    return ", ".join(parts)


def difference_table(found: Difference) -> Table:
    """One row per operator that differs."""
    columns = (
        Column("change"),
        Column("operator"),
        Column("sites"),
        Column("inputs", priority=2),
        Column("MACs", priority=3),
        Column("verdict", priority=1),
    )
    return Table(columns, tuple(map(_row, found.changes)))


def _row(change: OperatorChange) -> tuple[str, ...]:
    counted = None not in (change.macs_before, change.macs_after) and change.macs_before != change.macs_after
    return (
        change.kind,
        change.operator,
        _arrow(str(change.before), str(change.after)),
        _signatures(change),
        _arrow(quantity(change.macs_before), quantity(change.macs_after)) if counted else "",
        _verdict(change),
    )


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _signatures(change: OperatorChange) -> str:
    lines = [f"{signature or '(none)'}: {before} → {after}" for signature, before, after in change.signatures]
    return first_lines(lines, _SIGNATURES_SHOWN)


def _verdict(change: OperatorChange) -> str:
    before, after = change.support_before, change.support_after
    if before is after:
        return before.value if before else ""
    text = _arrow(before.value if before else "-", after.value if after else "-")
    return f"{text}: {change.reason}" if change.reason else text
