"""Lines of an operator list -> the rules of a profile, as they stand in its YAML."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opscan.backends.csv_import import measured
from opscan.backends.csv_import.dtypes import dtypes_of
from opscan.backends.csv_import.names import Naming, is_internal, operator_of
from opscan.backends.csv_import.remarks import read
from opscan.backends.csv_import.rows import ANY_OPERATOR, Row
from opscan.core.schema import Schema

Rule = dict[str, Any]

# The restriction that a status means where the list states no limit.
_PARTIAL = "supported in part; the list does not say which"
_RESTRICTIONS = {"partial": _PARTIAL, "fused-only": "only as part of a fused operator"}
_FALLBACK = "not on the accelerator: it runs on the CPU"
_DECOMPOSED = "decomposed into several operators of the backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How an import reads its list."""

    naming: Naming
    equal: bool = False
    """A range without end covers its first version only."""
    dtypes: bool = True
    """Whether the column `dtypes` says what the backend takes. Not where it was copied from the standard."""
    restriction: str = ""
    """A limit that holds for every line and that the list does not detail."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rules of a list, and what it says that no rule holds."""

    rules: Mapping[str, list[Rule]]
    left_out: tuple[str, ...]
    """Lines whose operator nobody defines, or that speak of versions before its first."""
    every_operator: tuple[Mapping[str, Any], ...] = ()


def rules_of(rows: Iterable[Row], reading: Reading) -> Found:
    """The rules of every operator, operators and versions in order."""
    rules: dict[str, list[Rule]] = {}
    left_out: list[str] = []
    general: list[Mapping[str, Any]] = []
    for row in rows:
        if row.operator == ANY_OPERATOR:
            general += _general(row)
            continue
        if is_internal(row, reading.naming):
            continue
        operator = operator_of(row, reading.naming)
        versions = reading.naming.lookup(operator) if operator else {}
        rule = _rule(row, versions, reading) if operator else None
        if operator is None or rule is None:
            left_out.append(row.operator or row.domain)
        elif rule not in rules.setdefault(operator, []):
            rules[operator].append(rule)
    ordered = {name: _closed(sorted(rules[name], key=_order), reading) for name in sorted(rules) if rules[name]}
    return Found(ordered, tuple(dict.fromkeys(left_out)), tuple(general))


def _closed(rules: list[Rule], reading: Reading) -> list[Rule]:
    """Where a list has an entry per version and no ends, each ends where the next begins."""
    if reading.equal:
        return rules
    starts = sorted({rule["since"] for rule in rules if "since" in rule})
    after = {since: starts[n + 1] - 1 for n, since in enumerate(starts[:-1])}
    return [rule if "until" in rule else _until(rule, after.get(rule.get("since"))) for rule in rules]


def _until(rule: Rule, until: int | None) -> Rule:
    return rule if until is None else {"since": rule["since"], "until": until, **rule}


def _order(rule: Rule) -> tuple[int, int]:
    return rule.get("since", 0), rule.get("until", 0)


def _general(row: Row) -> Iterator[Mapping[str, Any]]:
    """Of a line for every operator: the clauses that its remark makes."""
    schema = Schema(inputs=("input",), outputs=("output",))
    yield from read(row.remark, schema).clauses


def _rule(row: Row, versions: Mapping[int, Schema], reading: Reading) -> Rule | None:
    """The rule of one line; None where no model can meet it: versions before the first, dtypes that it never has."""
    rule = _range(row, versions, reading)
    if rule is None:
        return None
    schema = _newest(versions, rule, reading.equal)
    if row.cases:
        return _complete(rule | measured.rule(row, schema))
    if row.status == "unsupported":
        return rule | {"supported": False} | ({"note": row.remark} if row.remark else {})
    if row.status == "cpu-fallback":
        return rule | {"supported": False, "restriction": "; ".join(filter(None, (_FALLBACK, row.remark)))}
    limits = _limits(row, schema, versions, reading)
    return None if () in limits["dtypes"].values() else _complete(rule | limits)


def _range(row: Row, versions: Mapping[int, Schema], reading: Reading) -> Rule | None:
    """`since` at a version of the operator, `until` before one; None where all is before its first."""
    since, until = row.since, row.until
    if versions and until is not None:
        if until < min(versions):
            return None
        until = min((version - 1 for version in versions if version > until), default=until)
    if versions and since is not None and since not in versions:
        before_all = since < min(versions)
        if before_all and until is None and reading.equal:
            return None
        since = max((version for version in versions if version <= since), default=min(versions))
    if reading.equal and versions and since is not None and until is not None:
        until = None if sum(since <= version <= until for version in versions) == 1 else until
    return ({"since": since} if since is not None else {}) | ({"until": until} if until is not None else {})


def _newest(versions: Mapping[int, Schema], rule: Rule, equal: bool) -> Schema | None:
    """The schema of the newest version that the rule covers."""
    last = rule.get("until", rule.get("since") if equal else None)
    covered = [version for version in versions if last is None or version <= last]
    return versions[max(covered)] if covered else None


def _limits(row: Row, schema: Schema | None, versions: Mapping[int, Schema], reading: Reading) -> Rule:
    said = read(row.remark, schema, _names(versions))
    dtypes = dict(dtypes_of(row, schema)) if reading.dtypes else {}
    prose = [said.restriction, reading.restriction]
    if row.dtypes and reading.dtypes and not dtypes:
        prose.append(f"dtypes {row.dtypes.replace('|', ', ')}, the list does not say of what")
    for subject, allowed in said.dtypes:
        dtypes[subject] = tuple(d for d in dtypes.get(subject, allowed) if d in allowed)
    if not any(prose) and not row.remark:
        prose.append(_RESTRICTIONS.get(row.status, ""))
    note = "; ".join(filter(None, (said.note, _DECOMPOSED if row.status == "decomposed" and not said.note else "")))
    return {
        "dtypes": dtypes,
        "require": list(said.clauses),
        "restriction": "; ".join(filter(None, prose)),
        "note": note,
    }


def _names(versions: Mapping[int, Schema]) -> frozenset[str]:
    """Operands and attributes of any version of an operator."""
    return frozenset(name for schema in versions.values() for name in (*schema.inputs, *schema.attributes))


def _complete(rule: Rule) -> Rule:
    """Without empty parts, values as YAML has them."""
    kept = {key: value for key, value in rule.items() if value not in ("", [], {}, ())}
    if "dtypes" in kept:
        kept["dtypes"] = {subject: sorted(allowed) for subject, allowed in kept["dtypes"].items()}
    return kept
