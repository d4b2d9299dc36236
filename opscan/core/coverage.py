"""Verdicts of one inventory against one profile, and what they add up to."""

from collections import Counter

from opscan.core.inventory import Inventory, Site, Uncaptured
from opscan.core.kinds import kinds
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile
from opscan.core.record import Record
from opscan.core.verdict import NOT_CAPTURED, WORST_LAST, Judgement, Outcome, Support, Verdict
from opscan.core.views import Place, places


class Finding(Record, frozen=True):
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


class ModelFinding(Record, frozen=True):
    """What a backend demands of a model as a whole and this one does not meet, or of which that is not known."""

    rule: str
    support: Support
    reason: str


class Ratio(Record, frozen=True):
    """A share that names both its numbers."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        """None where there is nothing to take a share of."""
        return 100 * self.part / self.whole if self.whole else None


class Coverage(Record, frozen=True):
    """What one profile says of one inventory; every number is a view of it."""

    inventory: Inventory
    profile: BackendProfile
    judgements: tuple[Judgement, ...]
    """One for each kind of sites, as core.kinds numbers them: equal sites are judged once."""
    model_findings: tuple[ModelFinding, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """That of every site."""
        numbers = kinds(self.inventory).numbers
        return tuple(self.judgements[n].of(site) for site, n in zip(self.inventory.sites, numbers, strict=True))

    @property
    def exceptions(self) -> tuple[Verdict, ...]:
        """Those of the sites that are not supported, in their order."""
        wanted = [j if j.support is not Support.SUPPORTED else None for j in self.judgements]
        if not any(wanted):
            return ()
        numbers, sites = kinds(self.inventory).numbers, self.inventory.sites
        return tuple(j.of(sites[position]) for position, n in enumerate(numbers) if (j := wanted[n]))

    @property
    def outcomes(self) -> Counter[tuple[OpName, Support, str]]:
        """Sites of each operator with the same support and reason, in the order in which these first occur."""
        found: Counter[tuple[OpName, Support, str]] = Counter()
        known = kinds(self.inventory)
        for kind, judgement, count in zip(known.kinds, self.judgements, known.counts, strict=True):
            found[kind.site.op, judgement.support, judgement.reason] += count
        return found

    @property
    def supports(self) -> Counter[Support]:
        """Sites of each outcome."""
        found: Counter[Support] = Counter()
        for judgement, count in zip(self.judgements, kinds(self.inventory).counts, strict=True):
            found[judgement.support] += count
        return found

    @property
    def verdict(self) -> Support:
        """The worst support among the sites and of the model; unknown where parts were not captured."""
        seen = {j.support for j in self.judgements} | {finding.support for finding in self.model_findings}
        if self.inventory.uncaptured:
            seen.add(Support.UNKNOWN)
        return max(seen, key=WORST_LAST.index, default=Support.SUPPORTED)

    @property
    def sites(self) -> Ratio:
        """Supported sites of all sites."""
        return Ratio(self.supports[Support.SUPPORTED], len(self.inventory.sites))

    @property
    def operators(self) -> Ratio:
        """Operators all of whose sites are supported, of all distinct operators."""
        pairs = list(zip(kinds(self.inventory).kinds, self.judgements, strict=True))
        failing = {kind.site.op for kind, j in pairs if j.support is not Support.SUPPORTED}
        distinct = {kind.site.op for kind, _ in pairs}
        return Ratio(len(distinct - failing), len(distinct))

    @property
    def macs(self) -> Ratio:
        """Multiply-accumulates in supported sites, of all known ones."""
        known = kinds(self.inventory).macs
        pairs = zip(known, self.judgements, strict=True)
        return Ratio(sum(macs for macs, j in pairs if j.support is Support.SUPPORTED), sum(known))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not supported, worst first, then by operator; gaps of the capture last."""
        groups: dict[tuple[Support, str, str, str], list[Verdict]] = {}
        for v in self.exceptions:
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
