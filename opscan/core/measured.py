"""What single-operator models did on a runtime -> the rules that say so, and say no more.

A decision tree over what can be decided from a site: where all models with a dtype (rank, attribute
value, constant input ...) were accepted, they become one rule; where none was, no rule; where it
depends, the next question is asked. What no question separates becomes a restriction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import shorten

from opscan.core.covering import Conjunction, conjunctions, holds
from opscan.core.inventory import Attribute
from opscan.core.probe import Observation, Outcome
from opscan.core.profile import Clause, ClauseKind, Rule, Test
from opscan.core.record import Record, field, replace

# What is asked first where two questions separate equally well.
_KINDS = (
    ClauseKind.DTYPE,
    ClauseKind.ATTRIBUTE,
    ClauseKind.CONSTANT,
    ClauseKind.PRESENT,
    ClauseKind.RANK,
    ClauseKind.DIMENSION,
)
# Fewer models than these say nothing about others.
FEWEST = 2
# What is refused with so many dtypes, and accepted with none, is refused whatever the dtype.
# Chosen on models that were not fitted to: 3, and keeping to the dtypes tried, do worse with either runtime.
SEVERAL = 2
# Characters of a message that a rule cites.
_LONGEST_MESSAGE = 160
# Kinds whose allowed value is one truth.
_TRUTHS = (ClauseKind.CONSTANT, ClauseKind.PRESENT)


_NOT_TRIED = "no model like it was tried"


class Feature(Record, frozen=True, order=True):
    """Something that a clause can ask of a site."""

    kind: ClauseKind
    subject: str
    axis: int = 0
    """Of a dimension, negative from the end."""

    @property
    def order(self) -> tuple[int, str, int]:
        """Order of asking."""
        return _KINDS.index(self.kind), self.subject, self.axis


class Trial(Record, frozen=True):
    """One model as a clause sees it, and what became of it."""

    observation: Observation
    version: int | None
    """The operator's schema version."""
    features: Mapping[Feature, Attribute] = field(default_factory=dict)
    """A feature that the model does not have (the rank of an input left out) is missing."""

    @property
    def taken(self) -> bool:
        """Whether the runtime accepted it."""
        return self.observation.taken is True


Path = tuple[tuple[Feature, tuple[Attribute, ...]], ...]


def rules_of(
    operator: str, trials: Sequence[Trial], versions: Sequence[int], *, strict: bool, cite: str
) -> tuple[Rule, ...]:
    """The rules for one operator, by schema version.

    `versions` are all versions that its schema has; neighbours whose rules are the same become one
    range. `strict` says of every dtype, rank and enumerated attribute value that was not tried that it
    was not; otherwise only what failed is left out. `cite` says where the evidence is from.
    """
    asked = [trial for trial in trials if trial.observation.taken is not None]
    by_version: dict[int | None, list[Trial]] = {}
    for trial in asked:
        by_version.setdefault(trial.version, []).append(trial)
    found = {
        version: tuple(_version_rules(operator, group, strict=strict, cite=cite))
        for version, group in sorted(by_version.items(), key=lambda item: item[0] or 0)
    }
    return tuple(_ranged(found, versions))


def refusals_of(
    operator: str, trials: Sequence[Trial], promised: Sequence[bool], versions: Sequence[int], *, cite: str
) -> tuple[Rule, ...]:
    """Rules that say what the runtime refuses although a profile promises it.

    `promised` says of each trial whether the profile calls it supported. A rule speaks of cases of
    which every model tried was refused, at least FEWEST of them, whether promised or not.
    """
    by_version: dict[int | None, list[Trial]] = {}
    for trial, said in zip(trials, promised, strict=True):
        if trial.taken or (said and trial.observation.taken is not None):  # the rest is settled
            by_version.setdefault(trial.version, []).append(trial)
    found = {
        version: tuple(_refusals(operator, group, cite))
        for version, group in sorted(by_version.items(), key=lambda item: item[0] or 0)
    }
    return tuple(_ranged(found, versions, between=True))


def promises_of(
    operator: str, trials: Sequence[Trial], denied: Sequence[bool], versions: Sequence[int], *, cite: str
) -> tuple[Rule, ...]:
    """Rules that say what the runtime accepts although a profile does not promise it.

    `denied` says of each trial whether the profile withholds a yes. A rule speaks of cases of which every
    model tried was accepted; only versions with an accepted model that was denied get rules.
    """
    versions_denied = {t.version for t, said in zip(trials, denied, strict=True) if said and t.taken}
    found: dict[int | None, tuple[Rule, ...]] = {}
    for version in sorted(versions_denied, key=lambda v: v or 0):
        group = [t for t in trials if t.version == version and t.observation.taken is not None]
        found[version] = tuple(_promises(operator, group, cite))
    return tuple(_ranged(found, versions, between=True))


def _promises(operator: str, trials: Sequence[Trial], cite: str) -> Iterator[Rule]:
    for clauses, group in _cases(trials, taken=True):
        yield Rule(operator=operator, clauses=clauses, note=_note(group), source=cite)


def _refusals(operator: str, trials: Sequence[Trial], cite: str) -> Iterator[Rule]:
    for clauses, group in _cases(trials, taken=False):
        text = f"none of {len(group)} models tried is accepted: {_message(group, Outcome.REJECTED)}"
        yield Rule(operator=operator, supported=False, clauses=clauses, restriction=text, source=cite)


def _cases(trials: Sequence[Trial], *, taken: bool) -> Iterator[tuple[tuple[Clause, ...], Sequence[Trial]]]:
    """Cases all of whose models were accepted, or were refused, with these models.

    What is accepted is said of the dtypes tried only.
    """
    keyed = {id(trial): {f: _key(v) for f, v in trial.features.items()} for trial in trials}
    wanted = [keyed[id(trial)] for trial in trials if trial.taken is taken]
    others = [keyed[id(trial)] for trial in trials if trial.taken is not taken]
    features = sorted({f for t in trials for f in t.features}, key=lambda f: f.order)
    for found in conjunctions(wanted, others, features, FEWEST):
        group = [trial for trial in trials if holds(found, keyed[id(trial)])]
        asked = {feature: _values(keys) for feature, keys in found}
        asked |= {given: (True,) for given in map(_given, asked) if all(t.features.get(given) is True for t in group)}
        dtypes = {f: v for f, v in _region(group).items() if f.kind is ClauseKind.DTYPE and (taken or len(v) < SEVERAL)}
        clauses = (_clause(f, v) for f, v in sorted((dtypes | asked).items(), key=lambda i: i[0].order))
        yield (*clauses, *_no_single(found, group)), group


def _no_single(found: Conjunction[Feature], group: Sequence[Trial]) -> Iterator[Clause]:
    """That an operand whose rank matters has several elements, where only such were tried.

    A vector of one element is often taken for a scalar.
    """
    for feature, _ in found:
        size = Feature(ClauseKind.DIMENSION, feature.subject, -1)
        sizes = [_number(trial.features.get(size)) for trial in group]
        if feature.kind is ClauseKind.RANK and min(sizes, default=0) > 1:
            yield Clause(size.kind, size.subject, (2,), Test.AT_LEAST, size.axis)


def _number(size: Attribute) -> int:
    return size if isinstance(size, int) else 0


def _given(feature: Feature) -> Feature:
    """Whether its operand is there: a clause on what is left out is met, and of that nothing was seen."""
    return Feature(ClauseKind.PRESENT, feature.subject)


def _version_rules(operator: str, trials: Sequence[Trial], *, strict: bool, cite: str) -> Iterator[Rule]:
    if not any(trial.taken for trial in trials):
        yield Rule(operator=operator, supported=False, note=_none_note(trials), source=cite)
        return
    for path, group in _leaves(trials, ()):
        yield _rule(operator, path, group, strict=strict, cite=cite)
    if strict:
        yield from _refusals(operator, trials, cite)
        yield Rule(operator=operator, restriction=_NOT_TRIED, source=cite)
    yield from _broken_rules(operator, [trial for trial in trials if trial.taken], cite)


def _leaves(trials: Sequence[Trial], path: Path) -> Iterator[tuple[Path, Sequence[Trial]]]:
    """Groups that hold accepted models, each with the answers that lead to it."""
    if not any(trial.taken for trial in trials):
        return
    split = None if all(trial.taken for trial in trials) else _best_split(trials, path)
    if split is None:
        yield path, trials
        return
    feature, accepted, mixed = split
    if accepted:
        yield from _leaves(_with(trials, feature, accepted), (*path, (feature, accepted)))
    for value in mixed:
        yield from _leaves(_with(trials, feature, (value,)), (*path, (feature, (value,))))


def _with(trials: Iterable[Trial], feature: Feature, values: Sequence[Attribute]) -> list[Trial]:
    """Those that have one of the values, or that the feature says nothing about."""
    return [t for t in trials if feature not in t.features or _key(t.features[feature]) in set(map(_key, values))]


def _key(value: Attribute) -> tuple[str, Attribute]:
    """Tells 1 from True and from 1.0, which Python calls equal."""
    return type(value).__name__, value


Split = tuple[Feature, tuple[Attribute, ...], tuple[Attribute, ...]]


def _best_split(trials: Sequence[Trial], path: Path) -> Split | None:
    """The question that settles most models: its values that are all accepted, and those that depend."""
    asked = {feature for feature, values in path if len(values) == 1}
    # A tree that asks for single sizes says little about others.
    possible = {f for t in trials for f in t.features if f.kind is not ClauseKind.DIMENSION}
    features = sorted(possible - asked, key=lambda f: f.order)
    scored = [(score, split) for f in features for score, split in [_split(trials, f)] if score]
    return max(scored, key=lambda item: item[0])[1] if scored else None


def _split(trials: Sequence[Trial], feature: Feature) -> tuple[int, Split]:
    """How many models the question settles. One that models without the feature would blur settles none."""
    without = [t for t in trials if feature not in t.features]
    nothing: Split = (feature, (), ())
    if any(not t.taken for t in without):
        return 0, nothing
    groups: dict[tuple[str, Attribute], list[Trial]] = {}
    for trial in trials:
        if feature in trial.features:
            groups.setdefault(_key(trial.features[feature]), []).append(trial)
    accepted = [key for key, group in groups.items() if all(t.taken for t in group)]
    refused = [key for key, group in groups.items() if not any(t.taken for t in group)]
    if len(groups) < 2 or not (refused or accepted):
        return 0, nothing
    settled = sum(len(groups[key]) for key in (*accepted, *refused))
    mixed = sorted(set(groups) - set(accepted) - set(refused), key=repr)
    return settled, (feature, _values(accepted), _values(mixed))


def _values(keys: Iterable[tuple[str, Attribute]]) -> tuple[Attribute, ...]:
    return tuple(value for _, value in sorted(keys, key=repr))


def _rule(operator: str, path: Path, group: Sequence[Trial], *, strict: bool, cite: str) -> Rule:
    accepted = [trial for trial in group if trial.taken]
    conditions = dict(path)
    if strict:
        conditions = {f: v for f, v in _region(accepted).items() if f not in conditions} | conditions
    clauses = tuple(
        _clause(feature, values) for feature, values in sorted(conditions.items(), key=lambda i: i[0].order)
    )
    refused = len(group) - len(accepted)
    restriction = f"{refused} of {len(group)} measured models are refused: {_message(group)}" if refused else ""
    return Rule(operator=operator, clauses=clauses, restriction=restriction, note=_note(accepted), source=cite)


def _region(accepted: Sequence[Trial]) -> dict[Feature, tuple[Attribute, ...]]:
    """What was tried and passed: dtypes, ranks and enumerated attributes. Numbers are taken for parameters."""
    found: dict[Feature, dict[tuple[str, Attribute], None]] = {}
    for trial in accepted:
        for feature, value in trial.features.items():
            found.setdefault(feature, {})[_key(value)] = None
    return {f: _values(keys) for f, keys in found.items() if _is_enumerated(f, [value for _, value in keys])}


def _is_enumerated(feature: Feature, values: Sequence[Attribute]) -> bool:
    if feature.kind in (ClauseKind.DTYPE, ClauseKind.RANK):
        return True
    if feature.kind is ClauseKind.ATTRIBUTE:
        return all(isinstance(v, str) for v in values)
    return values == [False] and feature.kind in _TRUTHS and feature.subject != "input 0"


def _clause(feature: Feature, values: tuple[Attribute, ...]) -> Clause:
    if feature.kind in _TRUTHS:
        return Clause(feature.kind, feature.subject, values, Test.IS if len(values) == 1 else Test.IN)
    axis = feature.axis if feature.kind is ClauseKind.DIMENSION else None
    return Clause(feature.kind, feature.subject, values, Test.IN, axis)


def _broken_rules(operator: str, accepted: Sequence[Trial], cite: str) -> Iterator[Rule]:
    """Of models that are accepted and then fail: the cases in which all of them do."""
    turned = [_as_taken(trial, trial.observation.outcome is Outcome.FAILS) for trial in accepted]
    if not any(trial.taken for trial in turned):
        return
    for path, group in _leaves(turned, ()):
        if all(trial.taken for trial in group) and len(group) > 1:
            clauses = tuple(_clause(feature, values) for feature, values in path)
            count, said = len(group), _message(group, Outcome.FAILS)
            text = f"{count} of {count} measured models are accepted and fail when run: {said}"
            yield Rule(operator=operator, clauses=clauses, broken=text, source=cite)


def _as_taken(trial: Trial, taken: bool) -> Trial:
    """The same model, accepted or not: lets the tree ask another question."""
    outcome = Outcome.ACCEPTED if taken else Outcome.REJECTED
    return replace(trial, observation=replace(trial.observation, outcome=outcome))


def _message(group: Sequence[Trial], outcome: Outcome | None = None) -> str:
    """What the runtime said most often of the models that it refused."""
    said = [t.observation.message for t in group if outcome is not None or not t.taken]
    return (
        shorten(max(sorted(set(said)), key=said.count, default=""), _LONGEST_MESSAGE, placeholder=" …") or "no message"
    )


def _note(accepted: Sequence[Trial]) -> str:
    count = {outcome: sum(t.observation.outcome is outcome for t in accepted) for outcome in Outcome}
    wrong, failing = count[Outcome.WRONG], count[Outcome.FAILS]
    parts = (f"measured: {len(accepted)} models accepted", f"{count[Outcome.RUNS]} with the reference's numbers")
    more = (f"{wrong} with other numbers" if wrong else "", f"{failing} failing when run" if failing else "")
    return ", ".join(filter(None, (*parts, *more)))


def _none_note(trials: Sequence[Trial]) -> str:
    return f"measured: none of {len(trials)} models accepted: {_message(trials)}"


def _ranged(
    found: Mapping[int | None, tuple[Rule, ...]], versions: Sequence[int], *, between: bool = False
) -> Iterator[Rule]:
    """Rules with their range of versions. Neighbours that say the same are one.

    `between`: so are versions that say the same and between which none was tried.
    """
    order = [version for version in sorted(versions) if not between or version in found]
    runs: list[list[int | None]] = []
    for version in found:
        if runs and _continues(found, order, runs[-1][-1], version):
            runs[-1].append(version)
        else:
            runs.append([version])
    for run in runs:
        yield from (replace(rule, since=run[0], until=run[-1]) for rule in found[run[-1]])


def _continues(
    found: Mapping[int | None, tuple[Rule, ...]], order: Sequence[int], before: int | None, version: int | None
) -> bool:
    if before not in order or version not in order:
        return False
    return order.index(version) == order.index(before) + 1 and _says(found[before]) == _says(found[version])


def _says(rules: Sequence[Rule]) -> list[Rule]:
    """The rules without what only counts evidence."""
    return [
        replace(rule, note="", restriction="?" * bool(rule.restriction), broken="?" * bool(rule.broken))
        for rule in rules
    ]
