"""An operator list in CSV -> a profile file.

Columns: backend, version, level, domain, op_type, since_opset, until_opset, status, dtypes,
constraint; lines that start with `#` name the source. `dtypes` is `T=float32|float64;T1=int64`.
"""

import csv
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from opscan.core.errors import UsageError

# Operators that a runtime's own optimizer makes; no user's model contains them.
INTERNAL_DOMAINS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")
_COLUMNS = {"version", "domain", "op_type", "since_opset", "until_opset", "status", "dtypes", "constraint"}


def profile_of_csv(text: str, settings: Mapping[str, Any]) -> str:
    """The YAML of a profile: `settings` (name, title, exhaustive, …) and the rules of the list.

    Raises UsageError, naming the column or line at fault.
    """
    lines = text.splitlines()
    header = [line.lstrip("# ").strip() for line in lines if line.startswith("#")]
    reader = csv.DictReader(line for line in lines if not line.startswith("#"))
    missing = _COLUMNS - set(reader.fieldnames or ())
    if missing:
        raise UsageError(f"the list lacks the columns {', '.join(sorted(missing))}")
    rows = [row for row in reader if row["domain"] not in INTERNAL_DOMAINS]
    if not rows:
        raise UsageError("the list has no rows")
    document = {
        **settings,
        "version": rows[0]["version"],
        "sources": header,
        "rules": _rules(rows),
    }
    body: str = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    return "# Written by `opscan backends import`; do not edit by hand.\n" + body


def _rules(rows: Iterable[Mapping[str, str]]) -> dict[str, list[dict[str, Any]]]:
    rules: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        domain = row["domain"]
        name = row["op_type"] if domain in ("", "ai.onnx") else f"{domain}::{row['op_type']}"
        rules.setdefault(name, []).append(_rule(row))
    return {name: sorted(rules[name], key=lambda rule: rule.get("since", 0)) for name in sorted(rules)}


def _rule(row: Mapping[str, str]) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if row["since_opset"]:
        rule["since"] = int(row["since_opset"])
    if row["until_opset"]:
        rule["until"] = int(row["until_opset"])
    if row["status"] == "unsupported":
        rule["supported"] = False
    if row["dtypes"]:
        pairs = (part.split("=", 1) for part in row["dtypes"].split(";"))
        rule["dtypes"] = {variable: dtypes.split("|") for variable, dtypes in pairs}
    if row["constraint"]:
        rule["restriction"] = row["constraint"]
    return rule
