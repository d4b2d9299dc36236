"""Holding an inventory against a profile: a verdict with its reason for every site."""

from collections.abc import Hashable, Mapping, Sequence

from opscan.core.clauses import failing
from opscan.core.coverage import Coverage
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import DialectMismatch
from opscan.core.inventory import FunctionBody, Inventory, Site
from opscan.core.kinds import Kind, kinds
from opscan.core.limits import model_findings
from opscan.core.lookup import Lookup, covers, ranges_text, version_of
from opscan.core.profile import BackendProfile, ModelLimits, Rule
from opscan.core.verdict import CLAUSE_FAILED, RULE_IDS, WORST_LAST, Judgement, Outcome, Support, Verdict

_SUPPORTED = Judgement(Support.SUPPORTED)
_OPEN = Judgement(Support.UNKNOWN, RULE_IDS[Support.UNKNOWN], "its ONNX function body contains itself")


def compare(inventory: Inventory, profile: BackendProfile) -> Coverage:
    """The verdict of every site. Raises DialectMismatch, naming the remedy, across dialects and levels of aten."""
    require_same_dialect(inventory, profile)
    found = kinds(inventory)
    judge = _Judge(profile, inventory.functions, inventory.opset_imports)
    judgements = tuple(judge.remembered(kind) for kind in found.kinds)
    by_operator = [(kind.site.op, judgement.support) for kind, judgement in zip(found.kinds, judgements, strict=True)]
    return Coverage(inventory, profile, judgements, model_findings(inventory, profile, by_operator))


def judge(
    site: Site,
    profile: BackendProfile,
    *,
    functions: Mapping[str, FunctionBody] | None = None,
    quantized: bool | None = None,
) -> Verdict:
    """One site against the rules for its operator.

    The best outcome that any rule promises, except that what a rule calls broken or unsupported is
    so, whatever the others promise. `functions` are the bodies that the site's `function` speaks of;
    `quantized`: whether it stands between DequantizeLinear and QuantizeLinear, None where that is not known.
    """
    return _Judge(profile, functions or {}, {}).judgement(Kind(site, quantized)).of(site)


def require_same_dialect(inventory: Inventory, profile: BackendProfile) -> None:
    """Raises DialectMismatch, naming the remedy, where the profile does not speak of such an inventory."""
    if inventory.dialect is not profile.dialect:
        raise DialectMismatch(
            f"{profile.id} lists {profile.dialect} operators and the inventory of {inventory.model} is in the "
            f"{inventory.dialect} dialect; give the torch model itself, with --dialect {profile.dialect} or without any"
        )
    # An edge profile is held against core ATen; see Lookup.
    level = AtenLevel.CORE if profile.level is AtenLevel.EDGE else profile.level
    if profile.dialect is Dialect.ATEN and inventory.level not in (None, profile.level, level):
        raise DialectMismatch(
            f"{profile.id} lists aten operators of the {profile.level} level and the inventory of {inventory.model} "
            f"is of the {inventory.level} level; give `opscan check` the model itself, which it captures as needed"
        )


class _Judge:
    """One profile against the sites of one model."""

    def __init__(
        self, profile: BackendProfile, functions: Mapping[str, FunctionBody], opsets: Mapping[str, int]
    ) -> None:
        self._profile = profile
        self._functions = functions
        self._opsets = opsets
        self._lookup = Lookup(profile)
        self._bodies: dict[str, Judgement] = {}
        self._bodies_asked = 0

    def remembered(self, kind: Kind) -> Judgement:
        """As `judgement`; what depends on nothing but the profile and the kind is found once."""
        known: dict[Hashable, Judgement] = self._profile.memo
        key = kind.signature, version_of(kind.site.op, kind.site.since_version, self._opsets)
        found = known.get(key)
        if found is None:
            before = self._bodies_asked
            found = self.judgement(kind)
            if self._bodies_asked == before:  # bodies are the inventory's
                known[key] = found
        return found

    def judgement(self, kind: Kind) -> Judgement:
        """What holds for every site of that kind."""
        site = kind.site
        if never_run(site, self._profile.limits):
            return _SUPPORTED
        rules = self._lookup.rules(site.op)
        version = version_of(site.op, site.since_version, self._opsets)
        in_range = [rule for rule in rules if covers(rule, version, self._profile.version_match)]
        if rules and not in_range:
            ranges = ranges_text(rules, self._profile.version_match)
            reason = f"version {version} of the operator; {self._profile.id} has {ranges}"
            return self._not_by_itself(site, CLAUSE_FAILED, reason)
        return self._by_rules(kind, in_range)

    def _by_rules(self, kind: Kind, rules: Sequence[Rule]) -> Judgement:
        refusals = [_refusal(rule, kind) for rule in rules if rule.broken or not rule.supported]
        promises = [self._promise(rule, kind) for rule in rules if rule.supported and not rule.broken]
        against = [refusal for refusal in refusals if refusal]
        best = min(promises, key=_distance) if promises else None
        if against:
            return max((*against, *([best] if best else [])), key=_badness)
        return best or self._silent(kind, rules)

    def _promise(self, rule: Rule, kind: Kind) -> Judgement:
        """The outcome by one rule that says what works."""
        # Seen with onnxruntime: a function body is preferred to a cast.
        casts = {} if self._has_body(kind.site) else self._casts(kind.site)
        outcomes = failing((*self._profile.every_operator, *rule.clauses), kind.site, casts, kind.quantized)
        failed = tuple(outcome for outcome in outcomes if outcome.passed is False)
        undecided = tuple(outcome for outcome in outcomes if outcome.passed is None)
        restriction = (rule.restriction,) if rule.restriction else ()
        if failed:
            more = (*map(str, undecided), *restriction)
            return self._not_by_itself(kind.site, CLAUSE_FAILED, _sentences(failed), failed, more)
        if undecided:
            return _of(Support.UNKNOWN, _sentences(undecided), undecided, restriction)
        return _of(Support.CONDITIONAL, rule.restriction) if restriction else _SUPPORTED

    def _casts(self, site: Site) -> Mapping[str, str]:
        """What the backend casts at a site: it is the inputs that are cast, and outputs back only with them.

        onnxruntime/core/optimizer/insert_cast_transformer.cc: a node without a float16 input is left alone.
        """
        given = {spec.dtype for spec in site.inputs if spec}
        return {dtype: other for dtype, other in self._profile.casts.items() if dtype in given}

    def _silent(self, kind: Kind, rules: Sequence[Rule]) -> Judgement:
        """No rule promises anything; those given speak of other cases of the operator."""
        outcomes = failing(self._profile.every_operator, kind.site, self._casts(kind.site), kind.quantized)
        failed = tuple(outcome for outcome in outcomes if outcome.passed is False)
        if failed:
            return self._not_by_itself(kind.site, CLAUSE_FAILED, _sentences(failed), failed)
        if not rules and (whole := self._lookup.whole(kind.site.op)):
            what = f"{self._profile.id} lists {whole}, which core ATen splits into this"
            return _of(Support.UNKNOWN, f"{what}; whether it is kept whole cannot be told from the graph")
        if self._profile.exhaustive:
            reason = "has no rule for this case of it" if rules else "does not list it"
            return self._not_by_itself(
                kind.site, RULE_IDS[Support.UNSUPPORTED], f"{self._profile.id} {reason} and is complete"
            )
        if self._has_body(kind.site) and self._body(kind.site).support is Support.SUPPORTED:
            return _SUPPORTED
        return _of(Support.UNKNOWN, f"{self._profile.id} says nothing about it and is not complete")

    def _not_by_itself(
        self,
        site: Site,
        rule: str,
        reason: str,
        outcomes: tuple[Outcome, ...] = (),
        more: tuple[str, ...] = (),
    ) -> Judgement:
        """Unsupported, unless the backend runs the operator's ONNX function body instead."""
        if not self._has_body(site):
            return Judgement(Support.UNSUPPORTED, rule, reason, outcomes, more)
        body = self._body(site)
        if body.support is Support.SUPPORTED:
            return body
        own_rule = rule if body.support is Support.UNSUPPORTED else body.rule
        return Judgement(body.support, own_rule, f"{reason}; {body.reason}", outcomes, more)

    def _has_body(self, site: Site) -> bool:
        return self._profile.function_bodies and site.is_function

    def _body(self, site: Site) -> Judgement:
        """The worst of the sites of the function body."""
        self._bodies_asked += 1
        found = self._bodies.get(site.function)
        if found is None:
            self._bodies[site.function] = _OPEN
            found = self._bodies[site.function] = self._judged_body(site)
        return found

    def _judged_body(self, site: Site) -> Judgement:
        body = self._functions.get(site.function)
        if body is None:
            why = "could not be made" if site.function else "is not known without its types"
            return _of(Support.UNKNOWN, f"its ONNX function body is run instead, which {why}")
        if body.fault:
            return Judgement(Support.UNSUPPORTED, CLAUSE_FAILED, body.fault)
        judgements = [(inner, self.judgement(Kind(inner, None))) for inner in body.sites]
        worst, found = max(judgements, key=lambda pair: _badness(pair[1]), default=(site, _SUPPORTED))
        if found.support is Support.SUPPORTED:
            return _SUPPORTED
        return Judgement(found.support, found.rule, f"in its function body, {worst.op}: {found.reason}")


def never_run(site: Site, limits: ModelLimits) -> bool:
    """Whether the backend never gets to see it: nothing needs it, or it is computed beforehand.

    A compiler can compute what depends on constants only and is an operator that everybody knows.
    """
    foldable = site.constant and (site.since_version is not None or site.op.domain == "aten")
    return (site.dead and not limits.dead_nodes_judged) or (limits.constants_folded and foldable)


def _badness(found: Judgement) -> tuple[int, str]:
    return WORST_LAST.index(found.support), found.reason


def _distance(found: Judgement) -> tuple[int, int, str]:
    """The best outcome; of several the one with the fewest clauses in the way."""
    return WORST_LAST.index(found.support), len(found.outcomes), found.reason


def _sentences(outcomes: Sequence[Outcome]) -> str:
    return "; ".join(map(str, outcomes))


def _of(support: Support, reason: str, outcomes: tuple[Outcome, ...] = (), more: tuple[str, ...] = ()) -> Judgement:
    return Judgement(support, RULE_IDS[support], reason, outcomes, more)


def _refusal(rule: Rule, kind: Kind) -> Judgement | None:
    """The outcome by one rule that says what does not work; None where it speaks of other cases."""
    outcomes = failing(rule.clauses, kind.site, {}, kind.quantized)
    if any(outcome.passed is False for outcome in outcomes):
        return None
    reason = rule.broken or rule.restriction or "listed as unsupported"
    if outcomes:
        return _of(Support.UNKNOWN, "; ".join((*map(str, outcomes), reason)), tuple(outcomes))
    return _of(Support.BROKEN if rule.broken else Support.UNSUPPORTED, reason)
