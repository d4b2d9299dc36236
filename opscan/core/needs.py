"""What stands between a model and a backend, as things that somebody could implement."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from opscan.core.coverage import Coverage
from opscan.core.profile import ClauseKind, Test
from opscan.core.record import Record
from opscan.core.verdict import Outcome, Support, Verdict, allowed_text


class Doubt(StrEnum):
    """What is made of an outcome that is neither yes nor no."""

    APART = "apart"
    """A model with nothing but doubts in the way is counted apart: neither running nor blocked."""
    MISSING = "missing"
    """It counts as something to implement."""
    SUPPORTED = "supported"
    """It counts as supported."""


class Obstacle(Record, frozen=True, order=True):
    """An operator that a backend lacks, or one clause of it."""

    operator: str
    clause: str = ""
    """What it would have to take as well; empty: the operator as a whole."""

    def __str__(self) -> str:
        return f"{self.operator}: {self.clause}" if self.clause else self.operator


MODEL = "(model)"
NOT_CAPTURED = "(not captured)"


class Needs(Record, frozen=True, kw_only=True):
    """One model: what it needs and the backend lacks, and what could not be told."""

    model: str
    family: str
    obstacles: frozenset[Obstacle]
    doubts: frozenset[Obstacle] = frozenset()
    macs: tuple[tuple[Obstacle, int], ...] = ()
    """Known multiply-accumulates of the sites of each obstacle."""

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators in the way."""
        return tuple(sorted({obstacle.operator for obstacle in self.obstacles}))


def needs(
    coverage: Coverage,
    *,
    model: str = "",
    family: str = "",
    unknown: Doubt = Doubt.APART,
    conditional: Doubt = Doubt.APART,
) -> Needs:
    """The obstacles of one coverage. A part that was not captured is always a doubt: nobody can implement it."""
    treatment = {
        Support.UNSUPPORTED: Doubt.MISSING,
        Support.BROKEN: Doubt.MISSING,
        Support.UNKNOWN: unknown,
        Support.CONDITIONAL: conditional,
    }
    sorted_out: dict[Doubt, set[Obstacle]] = {kind: set() for kind in Doubt}
    macs: dict[Obstacle, int] = {}
    for verdict in coverage.exceptions:
        found = set(_obstacles(verdict))
        sorted_out[treatment[verdict.support]] |= found
        for obstacle in found:
            macs[obstacle] = macs.get(obstacle, 0) + (verdict.site.macs or 0)
    for finding in coverage.model_findings:
        sorted_out[treatment[finding.support]].add(Obstacle(MODEL, finding.reason))
    gaps = {Obstacle(NOT_CAPTURED, f"{gap.module or '(root)'}: {gap.reason}") for gap in coverage.inventory.uncaptured}
    missing = frozenset(sorted_out[Doubt.MISSING])
    return Needs(
        model=model or coverage.inventory.model,
        family=family or model or coverage.inventory.model,
        obstacles=missing,
        doubts=frozenset(sorted_out[Doubt.APART] | gaps) - missing,
        macs=tuple(sorted((obstacle, count) for obstacle, count in macs.items() if obstacle in missing)),
    )


def _obstacles(verdict: Verdict) -> Iterator[Obstacle]:
    """Every clause that failed is one; what is not listed at all is the operator itself."""
    operator = str(verdict.site.op)
    if verdict.outcomes:
        for outcome in verdict.outcomes:
            yield Obstacle(operator, _clause(outcome))
    else:
        yield Obstacle(operator, "" if verdict.rule in ("OPS101", "OPS103") else verdict.reason)


def _clause(outcome: Outcome) -> str:
    """One text for all sites that need the same: the value where values are listed, else the bound."""
    clause = outcome.clause
    if clause.test in (Test.IN, Test.NOT_IN):
        return str(outcome)
    what = clause.label or clause.subject
    if clause.kind is ClauseKind.DIMENSION:
        what = f"dimension {clause.axis} of {what}"
    elif clause.kind is ClauseKind.RANK:
        what = f"the rank of {what}"
    if clause.test is Test.IS:
        negated = "not " if clause.allowed == (False,) else ""
        return f"{what} must {negated}be {clause.kind.value}".strip().replace("_", " ")
    return f"{what} must be {allowed_text(clause)}"


def by_family(models: Iterable[Needs]) -> dict[str, list[Needs]]:
    """The models of each family, families in the order of their first."""
    families: dict[str, list[Needs]] = {}
    for one in models:
        families.setdefault(one.family, []).append(one)
    return families
