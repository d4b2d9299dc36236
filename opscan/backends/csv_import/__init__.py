"""Operator lists in CSV -> a profile file; the same lists and head give the same bytes.

Columns: backend, version, level, domain, op_type, since_opset, until_opset, status, dtypes,
constraint; measured lists also have qdq, cases, passed, ran. Lines that start with `#` are ignored.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from opscan.backends.csv_import import qnn
from opscan.backends.csv_import.rows import Row, read_rows, select
from opscan.backends.csv_import.rules import Found, Reading, Rule, rules_of
from opscan.backends.csv_import.settings import import_of, reading
from opscan.backends.csv_import.text import profile_text
from opscan.core.errors import UsageError
from opscan.core.schema import Lookup
from opscan.serde.profile import ListYAML

Rules = Mapping[str, Sequence[Mapping[str, Any]]]
_LISTED_AS = re.compile(r"listed as ([\w.]+)")


@dataclass(frozen=True, slots=True)
class Imported:
    """The profile's text, and the lines of its lists that it leaves out."""

    text: str
    left_out: tuple[str, ...]


def import_profile(
    head: Mapping[str, Any],
    texts: Mapping[str, str],
    lookup: Lookup,
    functional: Callable[[str], str | None] | None = None,
    kept: Rules | None = None,
    base: Mapping[str, Any] | None = None,
) -> Imported:
    """The profile of the lists that its head names under `import`.

    `texts` are the lists by file name; `kept` the rules of the file as it was, of which those with
    their own source, or measured, stay; `base` the profile that it extends, with all of its rules.
    Raises UsageError, naming the list and every line at fault.
    """
    settings = import_of(head)
    how = reading({**(base or {}), **head}, settings, lookup, functional)
    rows = [(entry, _rows(entry, texts)) for entry in settings.lists]
    found = _merged(rows, how)
    rules: dict[str, list[Rule]] = {operator: list(listed) for operator, listed in found.rules.items()}
    full_head = {**head, "aliases": _aliases(head, rows)}
    general = [clause for clause in found.every_operator if clause not in head.get("every_operator", [])]
    full_head["every_operator"] = [*head.get("every_operator", []), *general]
    if base is not None:
        before = base["rules"]
        full_head["remove"] = sorted(set(before) - set(rules))
        rules = {name: rule for name, rule in rules.items() if _listed(before.get(name, ())) != rule}
    return Imported(profile_text(full_head, _with_kept(rules, kept or {})), found.left_out)


def _rows(entry: ListYAML, texts: Mapping[str, str]) -> tuple[Row, ...]:
    if entry.file not in texts:
        raise UsageError(f"the profile needs {entry.file}: name it, or its folder")
    try:
        rows = select(read_rows(texts[entry.file]), entry.backend, entry.version)
    except UsageError as error:
        raise UsageError(f"{entry.file}: {error}") from error
    return tuple(row for row in rows if entry.only in ("", row.status))


def _merged(lists: Sequence[tuple[ListYAML, tuple[Row, ...]]], how: Reading) -> Found:
    """Of each operator the rules of the first list that has it, and the limits that others add."""
    rules: dict[str, list[Rule]] = {}
    left_out: list[str] = []
    general: list[Mapping[str, Any]] = []
    for entry, rows in lists:
        if entry.limits:
            for operator, clauses in qnn.limits(rows).items():
                rules[operator] = [_limited(rule, clauses) for rule in rules.get(operator, [])]
            continue
        found = rules_of(rows, how)
        for operator, listed in found.rules.items():
            rules.setdefault(operator, [_marked(rule, entry) for rule in listed])
        left_out += found.left_out
        general += found.every_operator
    return Found({name: rules[name] for name in sorted(rules) if rules[name]}, tuple(left_out), tuple(general))


def _marked(rule: Rule, entry: ListYAML) -> Rule:
    """A rule with what holds for all of its list."""
    clauses = [*rule.get("require", []), *msgspec.to_builtins(entry.require)]
    confidence = {"confidence": entry.confidence.value} if entry.confidence else {}
    return {**rule, **({"require": clauses} if clauses else {}), **confidence}


def _limited(rule: Rule, clauses: list[dict[str, Any]]) -> Rule:
    """A rule with the limits of another list; one that was measured knows better."""
    measured = "measured case" in f"{rule.get('note')}{rule.get('restriction')}"
    return rule if measured else {**rule, "require": [*rule.get("require", []), *clauses]}


def _aliases(head: Mapping[str, Any], lists: Sequence[tuple[ListYAML, tuple[Row, ...]]]) -> dict[str, str]:
    """Those of the head, and the spellings that a list's own remarks give away."""
    found = {
        match[1]: row.operator
        for _, rows in lists
        for row in rows
        if (match := _LISTED_AS.search(row.remark)) and match[1] != row.operator
    }
    return {**dict(sorted(found.items())), **head.get("aliases", {})}


def _listed(rules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that came from a list."""
    return [rule for rule in rules if not _own(rule)]


def _own(rule: Mapping[str, Any]) -> bool:
    """Whether somebody wrote or measured the rule beside the lists."""
    return bool(rule.get("source")) or rule.get("confidence") == "measured"


def _with_kept(rules: Mapping[str, list[Rule]], before: Rules) -> dict[str, list[Mapping[str, Any]]]:
    """The rules of the lists and those that were made beside them.

    Of the same first version, what was made beside a list stands instead of it, unless it only
    says what does not work.
    """
    merged: dict[str, list[Mapping[str, Any]]] = {name: list(listed) for name, listed in rules.items()}
    for operator, entries in before.items():
        own = [entry for entry in entries if _own(entry)]
        if not own:
            continue
        replaced = {entry.get("since") for entry in own if entry.get("supported", True) and not entry.get("broken")}
        stay = [entry for entry in merged.get(operator, []) if entry.get("since") not in replaced]
        merged[operator] = [*stay, *own]
    return {name: sorted(merged[name], key=lambda rule: rule.get("since") or 0) for name in sorted(merged)}
