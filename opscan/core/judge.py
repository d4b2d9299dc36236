"""Holding an inventory against a profile: a verdict with its reason for every site."""

from collections.abc import Sequence
from dataclasses import dataclass

from opscan.core.clauses import failing
from opscan.core.coverage import Coverage
from opscan.core.errors import DialectMismatch
from opscan.core.inventory import Inventory, Site
from opscan.core.profile import BackendProfile, Rule, VersionMatch
from opscan.core.verdict import CLAUSE_FAILED, RULE_IDS, WORST_LAST, Outcome, Support, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict before it is tied to a site."""

    support: Support
    rule: str = ""
    reason: str = ""
    outcomes: tuple[Outcome, ...] = ()
    next: tuple[str, ...] = ()


SUPPORTED = Judgement(Support.SUPPORTED)


def compare(inventory: Inventory, profile: BackendProfile) -> Coverage:
    """The verdict of every site. Raises DialectMismatch, naming the remedy, across dialects."""
    if inventory.dialect is not profile.dialect:
        raise DialectMismatch(
            f"{profile.id} lists {profile.dialect} operators and the inventory of {inventory.model} is in the "
            f"{inventory.dialect} dialect; capture the model with --dialect {profile.dialect}"
        )
    return Coverage(inventory, profile, tuple(judge(site, profile) for site in inventory.sites))


def judge(site: Site, profile: BackendProfile, quantized: bool | None = None) -> Verdict:
    """One site against the rules for its operator.

    The best outcome that any rule promises, except that what a rule calls broken or unsupported is
    so, whatever the others promise. `quantized`: whether the site stands between DequantizeLinear and
    QuantizeLinear; None where that is not known.
    """
    found = _judgement(site, profile, quantized)
    return Verdict(site, found.support, found.rule, found.reason, found.outcomes, found.next)


def _judgement(site: Site, profile: BackendProfile, quantized: bool | None) -> Judgement:
    rules = profile.rules.get(str(site.op), ())
    in_range = [rule for rule in rules if _covers(rule, site.since_version, profile.version_match)]
    if rules and not in_range:
        return _out_of_range(site, rules, profile)
    refusals = [_refusal(rule, site, profile, quantized) for rule in in_range if rule.broken or not rule.supported]
    promises = [_promise(rule, site, profile, quantized) for rule in in_range if rule.supported and not rule.broken]
    against = [refusal for refusal in refusals if refusal]
    best = min(promises, key=_nearest) if promises else None
    if against:
        return max((*against, *([best] if best else [])), key=_rank)
    return best or _silent(site, profile, in_range, quantized)


def _rank(found: Judgement) -> tuple[int, str]:
    return WORST_LAST.index(found.support), found.reason


def _nearest(found: Judgement) -> tuple[int, int, str]:
    """The best outcome; of several the one with the fewest clauses in the way."""
    return WORST_LAST.index(found.support), len(found.outcomes), found.reason


def _silent(site: Site, profile: BackendProfile, rules: Sequence[Rule], quantized: bool | None) -> Judgement:
    """No rule promises anything; those given speak of other cases of the operator."""
    outcomes = failing(profile.every_operator, site, profile.casts, quantized)
    failed = [outcome for outcome in outcomes if outcome.passed is False]
    if failed:
        return _not_by_itself(site, profile, CLAUSE_FAILED, "; ".join(map(str, failed)), tuple(failed))
    if not profile.exhaustive:
        return _of(Support.UNKNOWN, f"{profile.id} says nothing about it and is not complete")
    reason = "has no rule for this case of it" if rules else "does not list it"
    return _not_by_itself(site, profile, RULE_IDS[Support.UNSUPPORTED], f"{profile.id} {reason} and is complete")


def _not_by_itself(
    site: Site,
    profile: BackendProfile,
    rule: str,
    reason: str,
    outcomes: tuple[Outcome, ...] = (),
    more: tuple[str, ...] = (),
) -> Judgement:
    """Unsupported; unknown where the backend runs the operator's ONNX function body instead."""
    if _has_body(site, profile):
        return _of(Support.UNKNOWN, f"{reason}; its ONNX function body is run instead, which is not judged", outcomes)
    return Judgement(Support.UNSUPPORTED, rule, reason, outcomes, more)


def _has_body(site: Site, profile: BackendProfile) -> bool:
    return profile.function_bodies and site.is_function


def _covers(rule: Rule, version: int | None, match: VersionMatch) -> bool:
    if version is None or match is VersionMatch.ANY:
        return True
    since = rule.since or 0
    if rule.until is None and match is VersionMatch.EQUAL and rule.since is not None:
        return version == since
    return since <= version and (rule.until is None or version <= rule.until)


def _out_of_range(site: Site, rules: Sequence[Rule], profile: BackendProfile) -> Judgement:
    ranges = ", ".join(dict.fromkeys(_range_text(rule, profile.version_match) for rule in rules))
    reason = f"version {site.since_version} of the operator; {profile.id} has {ranges}"
    return _not_by_itself(site, profile, CLAUSE_FAILED, reason)


def _range_text(rule: Rule, match: VersionMatch) -> str:
    if rule.since is None:
        return f"up to {rule.until}"
    if rule.until is None:
        return f"{rule.since}" if match is VersionMatch.EQUAL else f"{rule.since} and newer"
    return f"{rule.since}" if rule.until == rule.since else f"{rule.since} to {rule.until}"


def _of(support: Support, reason: str, outcomes: tuple[Outcome, ...] = (), more: tuple[str, ...] = ()) -> Judgement:
    return Judgement(support, RULE_IDS[support], reason, outcomes, more)


def _promise(rule: Rule, site: Site, profile: BackendProfile, quantized: bool | None) -> Judgement:
    """The outcome by one rule that says what works."""
    # Seen with onnxruntime: a function body is preferred to a cast.
    casts = {} if _has_body(site, profile) else profile.casts
    outcomes = failing((*profile.every_operator, *rule.clauses), site, casts, quantized)
    failed = tuple(outcome for outcome in outcomes if outcome.passed is False)
    undecided = tuple(outcome for outcome in outcomes if outcome.passed is None)
    restriction = (rule.restriction,) if rule.restriction else ()
    if failed:
        more = (*map(str, undecided), *restriction)
        return _not_by_itself(site, profile, CLAUSE_FAILED, "; ".join(map(str, failed)), failed, more)
    if undecided:
        return _of(Support.UNKNOWN, "; ".join(map(str, undecided)), undecided, restriction)
    return _of(Support.CONDITIONAL, rule.restriction) if restriction else SUPPORTED


def _refusal(rule: Rule, site: Site, profile: BackendProfile, quantized: bool | None) -> Judgement | None:
    """The outcome by one rule that says what does not work; None where it speaks of other cases."""
    outcomes = failing(rule.clauses, site, {}, quantized)
    if any(outcome.passed is False for outcome in outcomes):
        return None
    reason = rule.broken or rule.restriction or "listed as unsupported"
    if outcomes:
        return _of(Support.UNKNOWN, "; ".join((*map(str, outcomes), reason)), tuple(outcomes))
    return _of(Support.BROKEN if rule.broken else Support.UNSUPPORTED, reason)
