"""Rules -> plain values, as a profile's YAML has them."""

from typing import Any

import yaml

from opscan.core.clauses import is_operand
from opscan.core.profile import Clause, ClauseKind, Rule, Test

_WIDTH = 116


def rule_values(rule: Rule) -> dict[str, Any]:
    """The keys of RuleYAML that the rule needs."""
    dtypes = {c.subject: list(c.allowed) for c in rule.clauses if _is_dtypes(c)}
    require = [clause_values(clause) for clause in rule.clauses if not _is_dtypes(clause)]
    values: dict[str, Any] = {
        "since": rule.since,
        "until": rule.until,
        "supported": None if rule.supported else False,
        "dtypes": dtypes,
        "require": require,
        "restriction": rule.restriction,
        "note": rule.note,
        "broken": rule.broken,
        "source": rule.source,
        "confidence": rule.confidence.value if rule.confidence else None,
    }
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _is_dtypes(clause: Clause) -> bool:
    return clause.kind is ClauseKind.DTYPE and clause.test is Test.IN


def clause_values(clause: Clause) -> dict[str, Any]:
    """The keys of RequireYAML that the clause needs."""
    subject = _subject(clause)
    demanded = [_plain(value) for value in clause.allowed]
    match clause.kind:
        case ClauseKind.CONSTANT | ClauseKind.PRESENT | ClauseKind.STATIC_SHAPE | ClauseKind.QUANTIZED:
            return {**subject, clause.kind.value: clause.allowed != (False,)}
        case ClauseKind.SAME_SHAPE:
            return {**subject, clause.kind.value: clause.allowed != (False,)}
        case ClauseKind.RANK if clause.test is Test.IN:
            return {**subject, "rank": demanded}
        case ClauseKind.RANK | ClauseKind.DTYPE:
            return {**subject, clause.kind.value: _comparison(clause.test, demanded)}
        case ClauseKind.DIMENSION:
            return {**subject, "dim": clause.axis, **_comparison(clause.test, demanded)}
        case ClauseKind.ATTRIBUTE:
            return {**subject, **_comparison(clause.test, demanded)}


def _subject(clause: Clause) -> dict[str, Any]:
    label = {"as": clause.label} if clause.label else {}
    if not clause.subject:
        return {}
    if not is_operand(clause.subject):
        return {"attribute": clause.subject}
    kind, _, position = clause.subject.partition(" ")
    return {kind: int(position) if position.isdigit() else position, **label}


def _comparison(test: Test, demanded: list[Any]) -> dict[str, Any]:
    return {test.value: demanded if test in (Test.IN, Test.NOT_IN) else demanded[0]}


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def profile_text(head: dict[str, Any], rules: dict[str, list[dict[str, Any]]], comment: str) -> str:
    """A profile's YAML, one line per rule where it fits; the same bytes for the same content."""
    text = yaml.dump(head, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True, default_flow_style=None)
    lines = [f"# {comment}\n", text, "rules:\n" if rules else "rules: {}\n"]
    for operator, entries in rules.items():
        lines.append(f"  {flow(operator)}:\n")
        lines += [f"  - {flow(entry)}\n" for entry in entries]
    return "".join(lines)


def flow(value: Any) -> str:
    """A value in YAML's flow style, on one line or on several that are indented by four."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=_WIDTH, allow_unicode=True)
    return "\n    ".join(line.strip() for line in text.splitlines() if line not in ("...", ""))


class _Dumper(yaml.SafeDumper):
    """Without anchors: a list that two rules share is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
