"""A profile as YAML: one line per rule where it fits, the same bytes for the same content."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

_HEADER = (
    "# Written by `opscan backends import`, which keeps the keys above `rules`, and those rules that have a `source`.\n"
)
_WIDTH = 116
_KEYS = (
    "schema", "name", "version", "title", "dialect", "level", "extends", "remove", "exhaustive", "version_match",
    "domain_ignored", "function_bodies", "fallback", "casts", "limits", "every_operator", "aliases", "sources",
    "confidence", "import",
)  # fmt: skip
_RULE_KEYS = (
    "since", "until", "supported", "dtypes", "require", "restriction", "note", "broken", "source", "confidence",
)  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Without anchors: a list that two rules share is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def profile_text(head: Mapping[str, Any], rules: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The text of a profile file, keys in the order of the schema, operators in their own."""
    return _HEADER + "".join(_head(head)) + "rules:" + ("\n" if rules else " {}\n") + "".join(_rules(rules))


def _head(head: Mapping[str, Any]) -> Iterator[str]:
    for key in _KEYS:
        if key in head and head[key] not in ("", [], {}, None):
            value = head[key]
            if isinstance(value, list) and value and isinstance(value[0], dict):
                yield f"{key}:\n" + "".join(f"- {_flow(_plain(item), 2)}\n" for item in value)
            else:
                yield f"{key}: {_flow(_plain(value), 2)}\n"


def _rules(rules: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    for operator, entries in rules.items():
        yield f"  {_flow(operator, 2)}:\n"
        for entry in entries:
            ordered = {key: entry[key] for key in _RULE_KEYS if key in entry}
            yield f"  - {_flow(_plain(ordered), 4)}\n"


def _plain(value: Any) -> Any:
    """As YAML has it: lists for tuples."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _flow(value: Any, indent: int) -> str:
    """A value on one line, or on several that are indented."""
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=_WIDTH - indent, allow_unicode=True
    )
    lines = [line for line in text.splitlines() if line not in ("...", "")]
    return ("\n" + " " * indent).join(line.strip() for line in lines)
