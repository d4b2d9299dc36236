"""An operator list in CSV -> a profile file.

Columns: backend, version, level, domain, op_type, since_opset, until_opset, status, dtypes,
constraint; lines that start with `#` name the source. `dtypes` is `T=float32|float64;T1=int64`.
One list holds one backend at one version.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from opscan.core.errors import UsageError

# Operators that a runtime's own optimizer makes; no user's model contains them.
INTERNAL_DOMAINS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")
_COLUMNS = ("backend", "version", "domain", "op_type", "since_opset", "until_opset", "status", "dtypes", "constraint")
# The restriction that a status means where the list states no constraint.
_STATUSES = {
    "native": "",
    "decomposed": "",
    "unsupported": "",
    "partial": "supported in part; the list does not say which",
    "fused-only": "only as part of a fused operator",
    "cpu-fallback": "runs on the host's CPU instead",
}
_FAULTS_SHOWN = 10

CSVRow = Mapping[str, str]


def profile_of_csv(text: str, settings: Mapping[str, Any]) -> str:
    """The YAML of a profile: `settings` (name, title, exhaustive, …) and the rules of the list.

    Raises UsageError, naming every column and line at fault.
    """
    lines = text.splitlines()
    header = [line.lstrip("# ").strip() for line in lines if line.startswith("#")]
    rows = [row for row in _rows(lines) if row["domain"] not in INTERNAL_DOMAINS]
    if not rows:
        raise UsageError("the list has no rows")
    settings = dict(settings)
    source = {"licence": settings.pop("licence"), "retrieved": settings.pop("retrieved")}
    document = {
        "schema": 1,
        **settings,
        "version": rows[0]["version"],
        "sources": [{"what": line, **source} for line in header],
        "rules": _rules(rows),
    }
    body: str = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    return "# Written by `opscan backends import`; do not edit by hand.\n" + body


def _rows(lines: list[str]) -> list[CSVRow]:
    numbers = [number for number, line in enumerate(lines, 1) if not line.startswith("#")]
    reader = csv.DictReader(lines[number - 1] for number in numbers)
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(f"the list lacks the columns {', '.join(missing)}")
    rows: list[CSVRow] = []
    faults: list[str] = []
    for row in reader:
        faults += [f"line {numbers[reader.line_num - 1]}: {fault}" for fault in _faults(row)]
        rows.append(row)
    for column in ("backend", "version"):
        values = sorted({row[column] or "" for row in rows})
        if len(values) > 1:
            faults.append(f"more than one {column} ({', '.join(values)}): keep the lines of one")
    if faults:
        more = [f"and {len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
        raise UsageError("; ".join(faults[:_FAULTS_SHOWN] + more))
    return rows


def _faults(row: CSVRow) -> Iterator[str]:
    if None in row or None in row.values():
        yield "the number of cells is not that of the header"
        return
    if not row["op_type"]:
        yield "op_type is empty"
    if row["status"] not in _STATUSES:
        yield f"status {row['status']!r} is not one of {', '.join(_STATUSES)}"
    for column in ("since_opset", "until_opset"):
        if row[column] and not row[column].isdecimal():
            yield f"{column} {row[column]!r} is not a version number"
    for pair in filter(None, row["dtypes"].split(";")):
        variable, _, dtypes = pair.partition("=")
        if not variable or not all(dtypes.split("|")):
            yield f"dtypes {pair!r} is not of the form T=float32|float64"


def _rules(rows: Iterable[CSVRow]) -> dict[str, list[dict[str, Any]]]:
    rules: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        domain = row["domain"]
        name = row["op_type"] if domain in ("", "ai.onnx") else f"{domain}::{row['op_type']}"
        rules.setdefault(name, []).append(_rule(row))
    return {name: sorted(rules[name], key=lambda rule: rule.get("since", 0)) for name in sorted(rules)}


def _rule(row: CSVRow) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if row["since_opset"]:
        rule["since"] = int(row["since_opset"])
    if row["until_opset"]:
        rule["until"] = int(row["until_opset"])
    if row["status"] == "unsupported":
        rule["supported"] = False
    if row["dtypes"]:
        pairs = (part.split("=", 1) for part in row["dtypes"].split(";") if part)
        rule["dtypes"] = {variable: dtypes.split("|") for variable, dtypes in pairs}
    restriction = row["constraint"] or _STATUSES[row["status"]]
    if restriction:
        rule["restriction"] = restriction
    return rule
