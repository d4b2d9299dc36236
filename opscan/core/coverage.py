"""Verdicts of one inventory against one profile, and what they add up to."""

from dataclasses import dataclass

from opscan.core.inventory import Inventory, Site, Uncaptured
from opscan.core.profile import BackendProfile
from opscan.core.verdict import NOT_CAPTURED, WORST_LAST, Outcome, Support, Verdict
from opscan.core.views import Place, places


@dataclass(frozen=True, slots=True)
class Finding:
    """All sites of one operator with the same outcome and reason."""

    rule: str
    support: Support
    operator: str
    reason: str
    count: int
    places: tuple[Place, ...]
    failing: tuple[Outcome, ...] = ()
    """The clauses that decided."""
    next: tuple[str, ...] = ()
    """What else stands in the way once this is dealt with."""


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """What a backend demands of a model as a whole and this one does not meet, or of which that is not known."""

    rule: str
    support: Support
    reason: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share that names both its numbers."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        """None where there is nothing to take a share of."""
        return 100 * self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Verdicts of one inventory against one profile; every number is a view of them."""

    inventory: Inventory
    profile: BackendProfile
    verdicts: tuple[Verdict, ...]
    model_findings: tuple[ModelFinding, ...] = ()

    @property
    def verdict(self) -> Support:
        """The worst support among the sites and of the model; unknown where parts were not captured."""
        seen = {v.support for v in self.verdicts} | {finding.support for finding in self.model_findings}
        if self.inventory.uncaptured:
            seen.add(Support.UNKNOWN)
        return max(seen, key=WORST_LAST.index, default=Support.SUPPORTED)

    @property
    def sites(self) -> Ratio:
        """Supported sites of all sites."""
        return Ratio(sum(v.support is Support.SUPPORTED for v in self.verdicts), len(self.verdicts))

    @property
    def operators(self) -> Ratio:
        """Operators all of whose sites are supported, of all distinct operators."""
        failing = {v.site.op for v in self.verdicts if v.support is not Support.SUPPORTED}
        distinct = {v.site.op for v in self.verdicts}
        return Ratio(len(distinct - failing), len(distinct))

    @property
    def macs(self) -> Ratio:
        """Multiply-accumulates in supported sites, of all known ones."""
        supported = sum(v.site.macs or 0 for v in self.verdicts if v.support is Support.SUPPORTED)
        return Ratio(supported, self.inventory.known_macs)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not supported, worst first, then by operator; gaps of the capture last."""
        groups: dict[tuple[Support, str, str, str], list[Verdict]] = {}
        for v in self.verdicts:
            if v.support is not Support.SUPPORTED:
                groups.setdefault((v.support, str(v.site.op), v.reason, v.rule), []).append(v)
        ordered = sorted(groups.items(), key=lambda item: (-WORST_LAST.index(item[0][0]), *item[0][1:]))
        return (*(_finding(verdicts) for _, verdicts in ordered), *map(_gap, self.inventory.uncaptured))


def _finding(verdicts: list[Verdict]) -> Finding:
    first = verdicts[0]
    sites: list[Site] = [v.site for v in verdicts]
    return Finding(
        first.rule,
        first.support,
        str(first.site.op),
        first.reason,
        len(sites),
        places(sites),
        first.outcomes,
        first.next,
    )


def _gap(gap: Uncaptured) -> Finding:
    return Finding(NOT_CAPTURED, Support.UNKNOWN, "(not captured)", gap.reason, 1, (Place(gap.module, None, 1),))
