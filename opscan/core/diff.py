"""What differs between two models, two opsets, two versions, or one model on two backends."""

from collections.abc import Iterator

from opscan.core.coverage import Coverage
from opscan.core.record import Record
from opscan.core.snapshot import Snapshot, version_changes
from opscan.core.verdict import WORST_LAST, Support, Verdict


class Side(Record, frozen=True):
    """One of the two that are compared."""

    snapshot: Snapshot
    coverage: Coverage | None = None

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The worst verdict of each operator; empty where nothing was judged."""
        worst: dict[str, Verdict] = {}
        for verdict in self.coverage.verdicts if self.coverage else ():
            known = worst.get(str(verdict.site.op))
            if known is None or _badness(verdict) > _badness(known):
                worst[str(verdict.site.op)] = verdict
        return worst


def _badness(verdict: Verdict) -> tuple[int, str]:
    return WORST_LAST.index(verdict.support), verdict.reason


class OperatorChange(Record, frozen=True, kw_only=True):
    """One operator that differs. None: it is not there, or not known, or was not judged."""

    operator: str
    before: int
    after: int
    signatures: tuple[tuple[str, int, int], ...]
    """Signatures whose count differs, with both counts."""
    macs_before: int | None
    macs_after: int | None
    support_before: Support | None
    support_after: Support | None
    reason: str = ""
    """Of the later verdict, where the verdicts differ."""

    @property
    def kind(self) -> str:
        """`gained`, `lost` or `changed`."""
        return "gained" if not self.before else "lost" if not self.after else "changed"


class Difference(Record, frozen=True, kw_only=True):
    """Two sides and every operator in which they differ, by name."""

    before: Side
    after: Side
    changes: tuple[OperatorChange, ...]
    versions: tuple[str, ...]

    def macs(self, side: Side) -> int | None:
        """All multiply-accumulates of a side; None where they were not kept or one is unknown."""
        counts = side.snapshot.macs
        if counts is None or None in counts.values():
            return None
        return sum(count or 0 for count in counts.values())


def difference(before: Side, after: Side) -> Difference:
    """Everything in which the two differ."""
    return Difference(
        before=before,
        after=after,
        changes=tuple(_changes(before, after)),
        versions=version_changes(before.snapshot, after.snapshot),
    )


def _changes(before: Side, after: Side) -> Iterator[OperatorChange]:
    old, new = before.snapshot, after.snapshot
    verdicts_old, verdicts_new = before.verdicts, after.verdicts
    counts_old, counts_new = old.operators, new.operators
    signatures: dict[str, list[tuple[str, int, int]]] = {}
    for key in sorted({*old.counts, *new.counts}):
        pair = old.counts.get(key, 0), new.counts.get(key, 0)
        if pair[0] != pair[1]:
            signatures.setdefault(key[0], []).append((key[1], *pair))
    for operator in sorted({*counts_old, *counts_new}):
        macs = _macs(old, operator), _macs(new, operator)
        judged = verdicts_old.get(operator), verdicts_new.get(operator)
        support = tuple(verdict.support if verdict else None for verdict in judged)
        # Where one side kept no multiply-accumulates, they do not differ, they are not known.
        counted = old.macs is not None and new.macs is not None
        if operator in signatures or (counted and macs[0] != macs[1]) or support[0] is not support[1]:
            yield OperatorChange(
                operator=operator,
                before=counts_old.get(operator, 0),
                after=counts_new.get(operator, 0),
                signatures=tuple(signatures.get(operator, ())),
                macs_before=macs[0],
                macs_after=macs[1],
                support_before=support[0],
                support_after=support[1],
                reason=judged[1].reason if judged[1] and support[0] is not support[1] else "",
            )


def _macs(one: Snapshot, operator: str) -> int | None:
    return one.macs.get(operator, 0) if one.macs is not None else None
