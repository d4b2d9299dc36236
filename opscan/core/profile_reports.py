"""Profiles as heads and tables for people."""

from collections.abc import Iterator, Mapping, Sequence

from opscan.core.lint import Fault
from opscan.core.lookup import Lookup, range_text
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile, ModelLimits, Rule, Treatment, VersionMatch
from opscan.core.profile_text import Change, clause_text, outcome_text
from opscan.core.table import Column, Table, counted

_MATCHES = {
    VersionMatch.EQUAL: "a rule without end covers its first version only",
    VersionMatch.AT_LEAST: "a rule without end covers all later versions",
    VersionMatch.ANY: "the backend does not look at versions",
}
_COLUMNS = (
    Column("operator"),
    Column("versions"),
    Column("outcome"),
    Column("where"),
    Column("remark", priority=1),
    Column("source", priority=2),
)


def profile_head(profile: BackendProfile) -> tuple[tuple[str, str], ...]:
    """What holds for the profile as a whole."""
    facts = (
        ("backend", f"{profile.id}, {profile.title}"),
        ("dialect", f"{profile.dialect}{f', {profile.level} level' if profile.level else ''}"),
        ("operators", f"{len(profile.rules)}, {'and no others' if profile.exhaustive else 'and perhaps others'}"),
        ("versions", _MATCHES[profile.version_match]),
        ("expands", "operators that ONNX defines by a function" if profile.function_bodies else ""),
        ("domains", "ignored: my.domain::Relu is taken for Relu" if profile.domain_ignored else ""),
        ("otherwise", _FALLBACKS[profile.fallback.value]),
        ("casts", ", ".join(f"{before} to {after}" for before, after in profile.casts.items())),
        ("always", "; ".join(map(clause_text, profile.every_operator))),
        ("model", "; ".join(filter(None, _limits(profile.limits)))),
        ("confidence", profile.confidence.value),
        *(("source", source) for source in profile.sources),
    )
    return tuple((name, value) for name, value in facts if value)


_FALLBACKS: Mapping[str, str] = {
    "reject": "the model is rejected",
    "cpu": "an operator that is not supported runs elsewhere",
    "placeholder": "the model compiles, and fails where such an operator is reached",
}


def _limits(limits: ModelLimits) -> Iterator[str]:
    if limits.opset_min is not None or limits.opset_max is not None:
        low, high = limits.opset_min or 1, limits.opset_max
        yield f"opset {low} {f'to {high}' if high else 'and newer'}"
    if limits.ir_version_max is not None:
        yield f"IR version up to {limits.ir_version_max}"
    for name in ("dynamic_shapes", "local_functions", "control_flow"):
        treatment: Treatment = getattr(limits, name)
        if treatment is not Treatment.UNKNOWN:
            yield f"{name.replace('_', ' ')} {treatment}"
    yield "" if limits.dead_nodes_judged else "dead nodes ignored"
    yield "" if limits.constants_folded else "constants not folded"


def rules_of(profile: BackendProfile, operator: str) -> tuple[Rule, ...]:
    """The rules for an operator as its sites are judged, its aliases included; none where the profile is silent."""
    return Lookup(profile).rules(OpName.parse(profile.aliases.get(operator, operator)))


def rule_table(profile: BackendProfile, rules: Sequence[Rule]) -> Table:
    """One row per rule."""
    return Table(_COLUMNS, tuple(_rule_row(rule, profile) for rule in rules))


def _rule_row(rule: Rule, profile: BackendProfile) -> tuple[str, ...]:
    return (
        rule.operator,
        range_text(rule, profile.version_match) or "all",
        outcome_text(rule),
        "\n".join(map(clause_text, rule.clauses)),
        "\n".join(filter(None, (rule.broken, rule.restriction, rule.note))),
        "\n".join(filter(None, (rule.source, rule.confidence.value if rule.confidence else ""))),
    )


def change_head(old: BackendProfile, new: BackendProfile, found: Sequence[Change]) -> tuple[tuple[str, str], ...]:
    """How many operators were gained, lost and changed."""
    counts = {kind: sum(change.kind == kind for change in found) for kind in ("gained", "lost", "changed")}
    return (
        ("from", f"{old.id}, {counted(len(old.rules), 'operator')}"),
        ("to", f"{new.id}, {counted(len(new.rules), 'operator')}"),
        ("operators", ", ".join(f"{count} {kind}" for kind, count in counts.items())),
    )


def change_table(found: Sequence[Change]) -> Table:
    """One row per operator whose rules differ."""
    columns = (Column("change"), Column("operator"), Column("before"), Column("after"))
    rows = ((c.kind, c.operator, "\n".join(c.before), "\n".join(c.after)) for c in found)
    return Table(columns, tuple(rows))


def lint_table(faults: Mapping[str, Sequence[Fault]]) -> Table:
    """One row per fault, profile by profile."""
    columns = (Column("backend"), Column("key"), Column("fault"))
    return Table(columns, tuple((name, fault.path, fault.text) for name, found in faults.items() for fault in found))
