"""Lines with counts: how many cases of an operator were tried on a device, and how many it ran."""

import re
from collections.abc import Iterator
from typing import Any

from opscan.backends.csv_import.dtypes import dtypes_of
from opscan.backends.csv_import.remarks import TESTED_RANKS, parts, position_of, ranks_without, read
from opscan.backends.csv_import.rows import Row
from opscan.core.schema import Schema

# From this share of passes on the failures are taken for those of the test, and below the other the passes.
_ALL = 0.98
_NONE = 0.02
_NEVER_DTYPE = re.compile(r"no pass for ([\w|]+)")
_NEVER_RANK = re.compile(r"rank of (\w+) never passing: ([\d,]+)")
_ARTEFACT = re.compile(r"axes never passing: .*", re.DOTALL)


def rule(row: Row, schema: Schema | None) -> dict[str, Any]:
    """What a measured line says: supported under its clauses, in part, or not at all."""
    counts = f"{row.passed} of {row.cases} measured cases pass"
    if row.passed == 0 or row.status in ("cpu-fallback", "unsupported"):
        elsewhere = f"; {row.ran} run on the CPU" if row.ran else ""
        return {
            "supported": False,
            "require": _quantized(row),
            "note": f"no measured case of {row.cases} passes{elsewhere}",
        }
    clauses, prose = _clauses(row, schema)
    constness = any("constant" in clause for clause in clauses)
    if row.passed < _NONE * row.cases and not constness:
        return {"supported": False, "require": _quantized(row), "note": counts}
    dtypes = dict(dtypes_of(row, schema))
    rest = "" if _explained(row, clauses) else f"{counts}; the list does not say what else decides"
    return {
        "dtypes": dtypes,
        "require": [*_quantized(row), *clauses],
        "restriction": "; ".join(filter(None, (rest, prose))),
        "note": "" if rest else counts,
    }


def _quantized(row: Row) -> list[dict[str, Any]]:
    return [{"quantized": True}] if row.quantized else []


def _explained(row: Row, clauses: list[dict[str, Any]]) -> bool:
    """Whether the dtypes and ranks that never pass account for all failures.

    Cases are spread evenly over dtypes, and over ranks of an operator with one shape to vary.
    """
    never = _NEVER_DTYPE.search(row.remark)
    excluded = len(never[1].split("|")) if never else 0
    passing = len(row.dtypes.split("|"))
    possible = row.cases * passing / (passing + excluded)
    if row.passed >= _ALL * possible:
        return True
    ranks = sum(len(match[2].split(",")) for match in _NEVER_RANK.finditer(row.remark))
    per_dtype = row.cases / (passing + excluded)
    return bool(clauses) and row.passed >= _ALL * passing * (per_dtype - ranks) and per_dtype <= 2 * len(TESTED_RANKS)


def _clauses(row: Row, schema: Schema | None) -> tuple[list[dict[str, Any]], str]:
    """The clauses of the remark, and what of it stays prose."""
    clauses: list[dict[str, Any]] = []
    prose: list[str] = []
    for part in parts(row.remark):
        if _NEVER_DTYPE.fullmatch(part) or _ARTEFACT.fullmatch(part):
            continue
        if match := _NEVER_RANK.fullmatch(part):
            clauses += _rank(match[1], match[2], schema)
            continue
        said = read(part, schema)
        clauses += said.clauses
        prose += [said.restriction] if said.restriction else []
    return clauses, "; ".join(prose)


def _rank(name: str, never: str, schema: Schema | None) -> Iterator[dict[str, Any]]:
    position = position_of(name, schema) if schema else None
    if position is None and name == "inputs":
        position = 0
    if position is not None and schema:
        ranks = ranks_without(map(int, never.split(",")))
        yield {"input": position, "as": schema.inputs[position], "rank": ranks}
