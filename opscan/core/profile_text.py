"""Rules of a profile in words, and what two profiles differ in."""

from collections.abc import Iterator

from opscan.core.lookup import range_text
from opscan.core.profile import BackendProfile, Clause, ClauseKind, Rule
from opscan.core.record import Record
from opscan.core.verdict import allowed_text

_YES = {
    ClauseKind.CONSTANT: ("{} constant", "{} not constant"),
    ClauseKind.PRESENT: ("{} given", "{} left out"),
    ClauseKind.STATIC_SHAPE: ("{} of static shape", "{} of dynamic shape"),
    ClauseKind.QUANTIZED: ("quantized", "not quantized"),
    ClauseKind.SAME_SHAPE: ("inputs of one shape", "inputs of several shapes"),
}
_PROPERTIES = {
    ClauseKind.RANK: " rank",
    ClauseKind.DIMENSION: " dimension",
    ClauseKind.DTYPE: "",
    ClauseKind.ATTRIBUTE: "",
}


def clause_text(clause: Clause) -> str:
    """`T: float32, int8`; `input 0 rank: 3, 4`; `weight (input 1) constant`."""
    subject = f"{clause.label} ({clause.subject})" if clause.label else clause.subject
    if clause.kind in _YES:
        demanded, forbidden = _YES[clause.kind]
        return (forbidden if clause.allowed == (False,) else demanded).format(subject)
    axis = f" {clause.axis}" if clause.kind is ClauseKind.DIMENSION else ""
    return f"{subject}{_PROPERTIES[clause.kind]}{axis}: {allowed_text(clause)}"


def outcome_text(rule: Rule) -> str:
    """What the rule promises where its clauses hold."""
    if rule.broken:
        return "broken"
    if not rule.supported:
        return "unsupported"
    return "conditional" if rule.restriction else "supported"


def rule_text(rule: Rule, profile: BackendProfile) -> str:
    """A rule in one line: versions, outcome, clauses, restriction."""
    versions = range_text(rule, profile.version_match)
    parts = [f"version {versions}" if versions else "", "" if outcome_text(rule) == "supported" else outcome_text(rule)]
    parts += [*map(clause_text, rule.clauses), rule.restriction, rule.broken]
    return "; ".join(filter(None, parts)) or "supported"


class Change(Record, frozen=True):
    """What one operator's rules became."""

    operator: str
    before: tuple[str, ...]
    """Rules that only the old profile has, in words."""
    after: tuple[str, ...]
    listed: tuple[bool, bool]
    """Whether the old and the new profile have any rule for it."""

    @property
    def kind(self) -> str:
        """`gained`, `lost` or `changed`."""
        return {(False, True): "gained", (True, False): "lost"}.get(self.listed, "changed")


def changes(old: BackendProfile, new: BackendProfile) -> tuple[Change, ...]:
    """The operators whose rules differ, those that were lost first, then by name."""
    order = {"lost": 0, "changed": 1, "gained": 2}
    return tuple(sorted(_changes(old, new), key=lambda change: (order[change.kind], change.operator)))


def _changes(old: BackendProfile, new: BackendProfile) -> Iterator[Change]:
    for operator in old.rules.keys() | new.rules.keys():
        before = [rule_text(rule, old) for rule in old.rules.get(operator, ())]
        after = [rule_text(rule, new) for rule in new.rules.get(operator, ())]
        if before != after:
            yield Change(
                operator,
                tuple(text for text in before if text not in after),
                tuple(text for text in after if text not in before),
                (operator in old.rules, operator in new.rules),
            )
