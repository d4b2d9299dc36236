"""A configuration's values -> settings and waivers, with everything that is wrong with them."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from opscan.core.policy import BORDER_BYTES, COVERAGE, PARTITIONS, RULE, Denominator, Layer, Value, contradictions
from opscan.core.rules import BY_ID, Severity
from opscan.core.spelling import did_you_mean
from opscan.core.waivers import Waiver
from opscan.document import Fault, faults, joined, sound
from opscan.serde.configuration import ConfigurationFile, OverrideFile, SettingsFile, WaiverFile

_UNKNOWN = "OPS103"
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")
# Findings about waivers, which no waiver can cover.
_ABOUT_WAIVERS = ("OPS401", "OPS402")
# Findings at sites; the others are about the model as a whole.
_AT_SITES = ("OPS101", "OPS102", "OPS103", "OPS104", "OPS105", "OPS110")


def size_in_bytes(text: str | int) -> int | None:
    """`4 MiB` -> 4194304; None for what is no size."""
    match = _SIZE.fullmatch(str(text))
    if not match or match[2].lower() not in _UNITS:
        return int(text) if isinstance(text, int) else None
    return round(float(match[1]) * _UNITS[match[2].lower()])


def setting_values(table: SettingsFile) -> dict[str, Value]:
    """The settings of one table by their dotted keys."""
    values: dict[str, Value] = {f"{RULE}{rule}": severity for rule, severity in table.rules.items()}
    if table.unknown is not None:
        values[f"{RULE}{_UNKNOWN}"] = table.unknown
    if isinstance(table.min_coverage, dict):
        values |= {f"{COVERAGE}{denominator}": percent for denominator, percent in table.min_coverage.items()}
    elif table.min_coverage is not None:
        values[f"{COVERAGE}{Denominator.SITES}"] = table.min_coverage
    if table.max_partitions is not None:
        values[PARTITIONS] = table.max_partitions
    size = None if table.max_border_bytes is None else size_in_bytes(table.max_border_bytes)
    if size is not None:
        values[BORDER_BYTES] = size
    return values


def settings_faults(table: SettingsFile, path: str) -> Iterator[Fault]:
    """What is wrong with the settings of one table."""
    for rule in table.rules:
        if rule not in BY_ID:
            yield Fault(joined(path, f"rules.{rule}"), f"unknown rule{did_you_mean(rule, BY_ID)}")
    if table.unknown is Severity.OFF:
        yield Fault(joined(path, "unknown"), f"is warn or error; to hide it, set rules.{_UNKNOWN} to off")
    if table.unknown and table.rules.get(_UNKNOWN, table.unknown) is not table.unknown:
        yield Fault(joined(path, "unknown"), f"is {table.unknown}, but rules.{_UNKNOWN} is {table.rules[_UNKNOWN]}")
    size = table.max_border_bytes
    if size is not None and size_in_bytes(size) is None:
        yield Fault(joined(path, BORDER_BYTES), f"{size!r} is no size; write it as 4194304, 4 MiB or 4 MB")
    for key, text in contradictions(setting_values(table)):
        yield Fault(joined(path, key), text)


def layer(table: SettingsFile, path: str, origin: Callable[[str], str]) -> Layer:
    """The settings of one table; `origin` tells file and line of a path."""
    values = setting_values(table)
    written = {key: joined(path, _as_written(table, key)) for key in values}
    models = tuple(as_list(table.models)) if isinstance(table, OverrideFile) else ()
    return Layer(origin(path), values, models, {key: origin(text) for key, text in written.items()})


def _as_written(table: SettingsFile, key: str) -> str:
    if key == f"{RULE}{_UNKNOWN}" and table.unknown:
        return "unknown"
    if key.startswith(COVERAGE) and not isinstance(table.min_coverage, dict):
        return "min_coverage"
    return key


def waiver_faults(entry: Mapping[str, Any], path: str) -> Iterator[Fault]:
    """What is wrong with the meaning of a waiver's entries; those of a wrong type are passed over."""
    known = sound(entry, WaiverFile)
    if "rule" in known:
        narrow = entry.get("operator") is not None or entry.get("module") is not None
        yield from _waived_rule_faults(known["rule"], path, narrow)
    if not known.get("statement", "-").strip():
        yield Fault(joined(path, "statement"), "is empty; say why the finding is all right")
    expires = known.get("expires")
    if expires is not None and _day(expires) is None:
        yield Fault(joined(path, "expires"), f"{expires!r} is no day; write it as 2027-01-31")


def _waived_rule_faults(rule: str, path: str, narrow: bool) -> Iterator[Fault]:
    if rule not in BY_ID:
        yield Fault(joined(path, "rule"), f"unknown rule {rule!r}{did_you_mean(rule, BY_ID)}")
    elif rule in _ABOUT_WAIVERS:
        yield Fault(joined(path, "rule"), f"{rule} is about waivers and cannot be waived; mend the waiver")
    elif rule in _AT_SITES and not narrow:
        yield Fault(path, "names neither operator nor module; to switch the rule off, use rules")
    elif rule not in _AT_SITES and narrow:
        yield Fault(path, f"{rule} is about a model as a whole; leave out operator and module")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def waiver(file: WaiverFile, key: str, source: str) -> Waiver:
    """The waiver that a file tells of."""
    return Waiver(
        rule=file.rule,
        statement=file.statement.strip(),
        model=file.model,
        backend=file.backend,
        operator=file.operator,
        module=file.module,
        expires=_day(file.expires) if file.expires else None,
        key=key,
        source=source,
    )


def all_faults(value: Any) -> Iterator[Fault]:
    """What is wrong with a configuration's values: their types, and the meaning of those of the right type."""
    yield from faults(value, ConfigurationFile)
    yield from settings_faults(msgspec.convert(sound(value, SettingsFile), SettingsFile), "")
    for path, entry in _entries(value, "overrides"):
        if entry.get("models") == []:
            yield Fault(joined(path, "models"), "is empty; give the globs of the models")
        if not entry.keys() - {"models"}:
            yield Fault(path, "sets nothing")
        yield from settings_faults(msgspec.convert(sound(entry, SettingsFile), SettingsFile), path)
    for path, entry in _entries(value, "waivers"):
        yield from waiver_faults(entry, path)


def _entries(value: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    found = value.get(key) if isinstance(value, dict) else None
    for number, entry in enumerate(found if isinstance(found, list) else []):
        if isinstance(entry, dict):
            yield f"{key}[{number}]", entry


def as_list(value: str | list[str]) -> list[str]:
    """One or several."""
    return [value] if isinstance(value, str) else value
