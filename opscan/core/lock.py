"""The lockfile: the operators that models have, and what is new or gone since."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from opscan.core.dialect import Dialect
from opscan.core.record import Record, field
from opscan.core.snapshot import Snapshot, version_changes

RULE = "OPS301"


class Lock(Record, frozen=True, kw_only=True):
    """What a lockfile holds."""

    snapshots: tuple[Snapshot, ...]
    opset: int | None = None
    """The ONNX opset that was asked for; None: the exporter's default."""
    tools: Mapping[str, str] = field(default_factory=dict)

    @property
    def dialects(self) -> dict[str, tuple[Dialect, ...]]:
        """Model -> the dialects it is locked in."""
        found: dict[str, tuple[Dialect, ...]] = {}
        for one in self.snapshots:
            found[one.model] = (*found.get(one.model, ()), one.dialect)
        return found


class Kind(StrEnum):
    """How an operator's signature differs from the lockfile."""

    NEW = "new"
    GONE = "gone"
    COUNT = "count"
    """It is there as often or as rarely as it may be: shown, and no finding."""


class LockChange(Record, frozen=True, kw_only=True):
    """One operator with one signature, in one model and dialect."""

    model: str
    dialect: Dialect
    kind: Kind
    operator: str
    signature: str
    before: int
    after: int

    @property
    def rule(self) -> str:
        """The rule that it breaks, if any."""
        return "" if self.kind is Kind.COUNT else RULE


class LockCheck(Record, frozen=True):
    """What differs from the lockfile, and what may have made it differ."""

    changes: tuple[LockChange, ...]
    unlocked: tuple[str, ...]
    """Models in a dialect in which the lockfile does not have them, `vit_b16 (onnx)`."""
    versions: tuple[str, ...]
    """Versions that changed since."""

    @property
    def clean(self) -> bool:
        """Whether nothing is new or gone."""
        return not self.unlocked and not any(change.rule for change in self.changes)


def check(lock: Lock, now: Sequence[Snapshot]) -> LockCheck:
    """Holds models against the lockfile; models in it that `now` does not have are not asked about."""
    locked = {(one.model, one.dialect): one for one in lock.snapshots}
    changes: list[LockChange] = []
    unlocked: list[str] = []
    versions: dict[str, list[str]] = {}
    for after in now:
        before = locked.get((after.model, after.dialect))
        if before is None:
            unlocked.append(f"{after.model} ({after.dialect})")
            continue
        changes += _changes(before, after)
        for text in version_changes(before, after):
            versions.setdefault(text, []).append(after.model)
    said = tuple(text if len(models) == len(now) else f"{models[0]}: {text}" for text, models in versions.items())
    return LockCheck(tuple(changes), tuple(unlocked), said)


def _changes(before: Snapshot, after: Snapshot) -> Iterator[LockChange]:
    for key in sorted({*before.counts, *after.counts}):
        old, new = before.counts.get(key, 0), after.counts.get(key, 0)
        if old != new:
            kind = Kind.NEW if not old else Kind.GONE if not new else Kind.COUNT
            yield LockChange(
                model=after.model,
                dialect=after.dialect,
                kind=kind,
                operator=key[0],
                signature=key[1],
                before=old,
                after=new,
            )
