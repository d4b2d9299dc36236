"""Holding an inventory against a profile: a verdict with its reason for every site."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from opscan.core.errors import DialectMismatch
from opscan.core.inventory import Inventory, Site, Uncaptured
from opscan.core.profile import BackendProfile, Clause, ClauseKind, OpenRange, Rule
from opscan.core.views import Place, places


class Support(StrEnum):
    """The outcome for one site, best first."""

    SUPPORTED = "supported"
    CONDITIONAL = "conditional"
    """A restriction that nobody can decide from the site."""
    UNKNOWN = "unknown"
    """The profile is silent and does not claim to be exhaustive, or the site's types are not known."""
    UNSUPPORTED = "unsupported"
    BROKEN = "broken"
    """Accepted, then wrong or crashing."""


WORST_LAST = tuple(Support)

# The rule id of each outcome; a failed clause has its own.
RULE_IDS = {
    Support.UNSUPPORTED: "OPS101",
    Support.UNKNOWN: "OPS103",
    Support.CONDITIONAL: "OPS104",
    Support.BROKEN: "OPS105",
}
CLAUSE_FAILED = "OPS102"
NOT_CAPTURED = "OPS110"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A site, whether it is supported, by which rule of opscan's, and why not."""

    site: Site
    support: Support
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """All sites of one operator with the same outcome and reason."""

    rule: str
    support: Support
    operator: str
    reason: str
    count: int
    places: tuple[Place, ...]


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

    @property
    def verdict(self) -> Support:
        """The worst support among the sites; unknown where parts were not captured."""
        seen = {v.support for v in self.verdicts}
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
        groups: dict[tuple[Support, str, str, str], list[Site]] = {}
        for v in self.verdicts:
            if v.support is not Support.SUPPORTED:
                groups.setdefault((v.support, v.rule, str(v.site.op), v.reason), []).append(v.site)
        ordered = sorted(groups.items(), key=lambda item: (-WORST_LAST.index(item[0][0]), item[0][2], item[0][3]))
        found = [
            Finding(rule, support, operator, reason, len(sites), places(sites))
            for (support, rule, operator, reason), sites in ordered
        ]
        return (*found, *map(_gap, self.inventory.uncaptured))


def _gap(gap: Uncaptured) -> Finding:
    return Finding(NOT_CAPTURED, Support.UNKNOWN, "(not captured)", gap.reason, 1, (Place(gap.module, None, 1),))


def compare(inventory: Inventory, profile: BackendProfile) -> Coverage:
    """The verdict of every site. Raises DialectMismatch, naming the remedy, across dialects."""
    if inventory.dialect is not profile.dialect:
        raise DialectMismatch(
            f"{profile.id} lists {profile.dialect} operators and the inventory of {inventory.model} is in the "
            f"{inventory.dialect} dialect; capture the model with --dialect {profile.dialect}"
        )
    return Coverage(inventory, profile, tuple(judge(site, profile) for site in inventory.sites))


def judge(site: Site, profile: BackendProfile) -> Verdict:
    """One site against the rules for its operator.

    The best outcome that any rule gives, except that what a rule calls broken is broken, whatever
    the others promise.
    """
    rules = profile.rules.get(str(site.op), ())
    in_range = [rule for rule in rules if _covers(rule, site.since_version, profile.open_range)]
    if rules and not in_range:
        return _out_of_range(site, rules, profile)
    outcomes = [(rule, _apply(rule, site, profile)) for rule in in_range]
    promised = [verdict for rule, verdict in outcomes if verdict and not rule.broken]
    broken = [verdict for rule, verdict in outcomes if verdict and rule.broken]
    best = min(promised, key=_rank) if promised else None
    if broken:
        return max((*broken, *([best] if best else [])), key=_rank)
    return best or _silent(site, profile, in_range)


def _rank(verdict: Verdict) -> tuple[int, str]:
    return WORST_LAST.index(verdict.support), verdict.reason


def _silent(site: Site, profile: BackendProfile, rules: Sequence[Rule]) -> Verdict:
    """No rule speaks of the site; those given speak of other cases of its operator."""
    if not profile.exhaustive:
        return _verdict(site, Support.UNKNOWN, f"{profile.id} says nothing about it and is not complete")
    reason = "has no rule for this case of it" if rules else "does not list it"
    return _not_by_itself(site, profile, RULE_IDS[Support.UNSUPPORTED], f"{profile.id} {reason} and is complete")


def _not_by_itself(site: Site, profile: BackendProfile, rule: str, reason: str) -> Verdict:
    """Unsupported; unknown where the backend runs the operator's ONNX function body instead."""
    if _has_body(site, profile):
        return _verdict(site, Support.UNKNOWN, f"{reason}; its ONNX function body is run instead, which is not judged")
    return Verdict(site, Support.UNSUPPORTED, rule, reason)


def _has_body(site: Site, profile: BackendProfile) -> bool:
    return profile.function_bodies and site.is_function


def _covers(rule: Rule, version: int | None, open_range: OpenRange) -> bool:
    if rule.since is None or version is None:
        return True
    if rule.until is None and open_range is OpenRange.EQUAL:
        return version == rule.since
    return rule.since <= version and (rule.until is None or version <= rule.until)


def _out_of_range(site: Site, rules: Sequence[Rule], profile: BackendProfile) -> Verdict:
    ranges = ", ".join(_range_text(rule, profile.open_range) for rule in rules)
    reason = f"version {site.since_version} of the operator; {profile.id} has {ranges}"
    return _not_by_itself(site, profile, CLAUSE_FAILED, reason)


def _range_text(rule: Rule, open_range: OpenRange) -> str:
    if rule.until is None:
        return f"{rule.since}" if open_range is OpenRange.EQUAL else f"{rule.since} and newer"
    return f"{rule.since}" if rule.until == rule.since else f"{rule.since} to {rule.until}"


def _verdict(site: Site, support: Support, reason: str = "") -> Verdict:
    return Verdict(site, support, RULE_IDS.get(support, ""), reason)


def _apply(rule: Rule, site: Site, profile: BackendProfile) -> Verdict | None:
    """The outcome by one rule; None where the rule says what does not work, and of other cases."""
    outcomes = [_decide(clause, site, profile) for clause in rule.clauses]
    failed = [text for passed, text in outcomes if passed is False]
    if failed:
        promises = rule.supported and not rule.broken
        return _not_by_itself(site, profile, CLAUSE_FAILED, "; ".join(failed)) if promises else None
    undecided = [text for passed, text in outcomes if passed is None]
    if undecided:
        return _verdict(site, Support.UNKNOWN, "; ".join(filter(None, (*undecided, rule.broken))))
    if rule.broken:
        return _verdict(site, Support.BROKEN, rule.broken)
    if not rule.supported:
        return _verdict(site, Support.UNSUPPORTED, rule.restriction or "listed as unsupported")
    if rule.restriction:
        return _verdict(site, Support.CONDITIONAL, rule.restriction)
    return _verdict(site, Support.SUPPORTED)


def _decide(clause: Clause, site: Site, profile: BackendProfile) -> tuple[bool | None, str]:
    """Whether the site meets the clause (None: cannot be told), and the sentence for when it does not."""
    allowed = ", ".join(map(str, clause.allowed))
    match clause.kind:
        case ClauseKind.DTYPE:
            has = site.types.get(clause.subject)
            if has is None:
                # Without a schema nothing says which inputs the variable stands for.
                unknown = site.since_version is None or clause.subject in site.unbound or "*" in site.unbound
                return None if unknown else True, f"dtype of {clause.subject} is not known; allowed: {allowed}"
            # Seen with onnxruntime: a function body is preferred to a cast.
            cast = None if _has_body(site, profile) else profile.casts.get(has)
            # A site says what a sequence holds, a profile may say `seq(float32)`.
            dtypes = {*clause.allowed, *(str(a).rpartition("(")[2].rstrip(")") for a in clause.allowed)}
            return has in dtypes or cast in dtypes, f"{clause.subject} is {has}; allowed: {allowed}"
        case ClauseKind.ATTRIBUTE:
            if clause.subject not in site.attributes:
                return True, ""
            value = site.attributes[clause.subject]
            return value in clause.allowed, f"{clause.subject} is {value}; allowed: {allowed}"
        case ClauseKind.RANK | ClauseKind.STATIC_SHAPE:
            position = int(clause.subject)
            spec = site.inputs[position] if position < len(site.inputs) else None
            if spec is None:
                return True, ""
            if clause.kind is ClauseKind.STATIC_SHAPE:
                return spec.static_shape is not None, f"the shape of input {position} is {spec}; it must be static"
            if spec.shape is None:
                return None, f"rank of input {position} is not known; allowed: {allowed}"
            return len(spec.shape) in clause.allowed, f"input {position} has rank {len(spec.shape)}; allowed: {allowed}"
