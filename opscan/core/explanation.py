"""Everything known about a rule or a canonical operator, as heads and tables."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from opscan.core.canonical import CanonicalOperator, canonical, canonical_operators
from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile
from opscan.core.profile_reports import rules_of
from opscan.core.profile_text import rule_text
from opscan.core.record import Record
from opscan.core.reports import shortened
from opscan.core.rules import GateRule
from opscan.core.schema import Schema
from opscan.core.table import Column, Report, Table
from opscan.core.views import places


class Use(Record, frozen=True, kw_only=True):
    """The sites of an operator in one bundled model; `places` is empty and `told` false where it was not captured."""

    model: str
    dialect: Dialect
    told: bool
    count: int = 0
    places: tuple[str, ...] = ()


def rule_report(rule: GateRule) -> Report:
    """What a rule means, an example, what to do."""
    facts = (
        ("rule", f"{rule.id}, {rule.name}"),
        ("severity", f"{rule.default} unless the policy says otherwise"),
        ("meaning", rule.meaning),
        ("example", rule.example),
        ("what to do", rule.remedy),
    )
    data = {
        "schema_version": 1,
        "rule": rule.id,
        "name": rule.name,
        "severity": rule.default,
        "meaning": rule.meaning,
        "example": rule.example,
        "remedy": rule.remedy,
    }
    return Report(data=data, head=facts)


def operator_called(word: str) -> CanonicalOperator | None:
    """The canonical operator of that name, or with that spelling in any dialect."""
    for operator in canonical_operators():
        if word in (operator.name, *operator.torch, *operator.aten, *operator.onnx):
            return operator
    return canonical(OpName.parse(word))


def operator_words() -> list[str]:
    """Every name and spelling, for hints."""
    return [word for o in canonical_operators() for word in (o.name, *o.torch, *o.aten, *o.onnx)]


def use_of(operator: CanonicalOperator, model: str, dialect: Dialect, inventory: Inventory | None) -> Use:
    """Where a model calls an operator; not told where it was not captured."""
    if inventory is None:
        return Use(model=model, dialect=dialect, told=False)
    sites = [site for site in inventory.sites if canonical(site.op) == operator]
    return Use(
        model=model, dialect=dialect, told=True, count=len(sites), places=tuple(str(place) for place in places(sites))
    )


def operator_report(
    operator: CanonicalOperator,
    history: Mapping[str, Mapping[int, Schema]],
    uses: Sequence[Use],
    profiles: Sequence[BackendProfile],
) -> Report:
    """Spellings, ONNX schema history, the bundled models that use it, the backends that have it."""
    spellings = {d.value: list(operator.spellings(d)) for d in Dialect}
    schema_rows = tuple(row for name, versions in history.items() for row in _history(name, versions))
    used = sorted((use for use in uses if use.count), key=lambda use: (-use.count, use.model))
    silent = [use.model for use in uses if not use.told]
    backends = tuple(row for profile in profiles for row in _support(operator, profile))
    return Report(
        data={
            "schema_version": 1,
            "operator": operator.name,
            "category": operator.category,
            "special": operator.special,
            "spellings": spellings,
            "schemas": [dict(zip(("operator", "opset", "change"), row, strict=True)) for row in schema_rows],
            "models": [{"model": u.model, "count": u.count, "places": list(u.places)} for u in used],
            "not_told": silent,
            "backends": [dict(zip(("backend", "spelling", "outcome", "rules"), row, strict=True)) for row in backends],
        },
        head=(
            ("operator", operator.name),
            ("category", operator.category + (", special" if operator.special else "")),
            *((name, ", ".join(words) or "(none)") for name, words in spellings.items()),
        ),
        tables=(
            Table(
                (Column("operator"), Column("opset", numeric=True), Column("what changed")), schema_rows, "ONNX schemas"
            ),
            Table(
                (Column("model"), Column("sites", numeric=True), Column("where")),
                tuple((use.model, str(use.count), shortened(use.places)) for use in used),
                "Bundled models that use it",
            ),
            Table(
                (Column("backend"), Column("spelling", priority=1), Column("outcome"), Column("rules")),
                backends,
                "Backends",
            ),
        ),
        notes=tuple(_notes(uses, used, silent)),
    )


def _notes(uses: Sequence[Use], used: Sequence[Use], silent: Sequence[str]) -> list[str]:
    told = len(uses) - len(silent)
    found = [f"{len(used)} of {told} captured models use it"] if told else []
    if silent:
        shown = ", ".join(silent[:5]) + (", …" if len(silent) > 5 else "")
        found.append(f"not told of {len(silent)} models, which are not captured yet (--capture does it): {shown}")
    return found


def _history(name: str, versions: Mapping[int, Schema]) -> list[tuple[str, str, str]]:
    schemas = list(versions.values())
    rows = [(name, str(schemas[0].since), "first version")] if schemas else []
    return rows + [(name, str(new.since), _change(old, new)) for old, new in pairwise(schemas)]


def _change(old: Schema, new: Schema) -> str:
    parts = [
        *(f"attribute {a} added" for a in sorted(new.attributes.keys() - old.attributes.keys())),
        *(f"attribute {a} gone" for a in sorted(old.attributes.keys() - new.attributes.keys())),
        *(
            f"default of {a} changed"
            for a in sorted(new.attributes)
            if a in old.attributes and new.attributes[a] != old.attributes[a]
        ),
        *(f"input {i} added" for i in new.inputs if i not in old.inputs),
        *(f"input {i} gone" for i in old.inputs if i not in new.inputs),
        *_type_changes(old.types, new.types),
    ]
    return "; ".join(parts) or "its text only"


def _type_changes(old: Mapping[str, frozenset[str]], new: Mapping[str, frozenset[str]]) -> list[str]:
    found = []
    for variable in sorted(new):
        gained = sorted(new[variable] - old.get(variable, frozenset()))
        lost = sorted(old.get(variable, frozenset()) - new[variable])
        found += [f"{variable} takes {', '.join(gained)}"] if gained else []
        found += [f"{variable} takes no {', '.join(lost)}"] if lost else []
    return found


def _support(operator: CanonicalOperator, profile: BackendProfile) -> list[tuple[str, str, str, str]]:
    """A row per spelling that the profile lists; one row of silence where it lists none."""
    prefix = "aten::" if profile.dialect is Dialect.ATEN else ""
    spellings = [f"{prefix}{name}" for name in operator.spellings(profile.dialect)]
    rows = []
    for name in spellings:
        if rules := rules_of(profile, name):
            texts = list(dict.fromkeys(rule_text(rule, profile) for rule in rules))
            rows.append((profile.id, name, "listed", shortened(texts)))
    if rows or not spellings:
        return rows
    return [(profile.id, ", ".join(spellings), _silence(profile), "")]


def _silence(profile: BackendProfile) -> str:
    if not profile.exhaustive:
        return "unknown"
    return "not listed; a function body may do" if profile.function_bodies else "unsupported"
