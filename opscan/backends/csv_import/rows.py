"""The lines of an operator list in CSV, checked."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opscan.core.errors import UsageError

_COLUMNS = ("backend", "version", "domain", "op_type", "since_opset", "until_opset", "status", "dtypes", "constraint")
STATUSES = ("native", "decomposed", "partial", "unsupported", "fused-only", "cpu-fallback", "generic-constraint")
_COUNTS = ("cases", "passed", "ran")
_FAULTS_SHOWN = 10
ANY_OPERATOR = "*"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what a backend says of a range of versions of one operator."""

    backend: str
    version: str
    domain: str
    operator: str
    since: int | None = None
    until: int | None = None
    status: str = "native"
    dtypes: str = ""
    """`T=float32|float64;T1=int64`, or `float32|float64` of a variable that the list does not name."""
    remark: str = ""
    quantized: bool = False
    """Measured between DequantizeLinear and QuantizeLinear."""
    cases: int = 0
    passed: int = 0
    """Compiled by the backend and ran."""
    ran: int = 0
    """Ran at all, elsewhere included."""


def read_rows(text: str) -> tuple[Row, ...]:
    """All lines of a list; those that begin with `#` name the source.

    Raises UsageError, naming every column and line at fault.
    """
    lines = text.splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    reader = csv.DictReader(lines[number - 1] for number in numbers)
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(f"the list lacks the columns {', '.join(missing)}")
    rows: list[Row] = []
    faults: list[str] = []
    for cells in reader:
        found = list(_faults(cells))
        faults += [f"line {numbers[reader.line_num - 1]}: {fault}" for fault in found]
        rows += [] if found else [_row(cells)]
    if faults:
        more = [f"and {len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
        raise UsageError("; ".join(faults[:_FAULTS_SHOWN] + more))
    if not rows:
        raise UsageError("the list has no rows")
    return tuple(rows)


def _faults(cells: dict[str, str]) -> Iterator[str]:
    if None in cells or None in cells.values():
        yield "the number of cells is not that of the header"
        return
    if not cells["op_type"] and not cells["domain"]:
        yield "op_type is empty"
    if cells["status"] not in STATUSES:
        yield f"status {cells['status']!r} is not one of {', '.join(STATUSES)}"
    for column in ("since_opset", "until_opset", *_COUNTS):
        if cells.get(column) and not cells[column].isdecimal():
            yield f"{column} {cells[column]!r} is not a number"
    for pair in filter(None, cells["dtypes"].split(";")):
        variable, separator, dtypes = pair.rpartition("=")
        if (separator and not variable) or not all(dtypes.split("|")):
            yield f"dtypes {pair!r} is not of the form T=float32|float64"


def _row(cells: dict[str, str]) -> Row:
    return Row(
        backend=cells["backend"],
        version=cells["version"],
        domain=cells["domain"],
        operator=cells["op_type"],
        since=_number(cells["since_opset"]),
        until=_number(cells["until_opset"]),
        status=cells["status"],
        dtypes=cells["dtypes"],
        remark=cells["constraint"],
        quantized=cells.get("qdq", "") == "yes",
        **{name: _number(cells.get(name, "")) or 0 for name in _COUNTS},
    )


def _number(text: str) -> int | None:
    return int(text) if text else None


def select(rows: Sequence[Row], backend: str = "", version: str = "") -> tuple[Row, ...]:
    """The lines of one backend at one version.

    Raises UsageError where the list has several and no choice is made, or not the chosen one.
    """
    chosen = [row for row in rows if backend in ("", row.backend) and version in ("", row.version)]
    found = sorted({f"{row.backend}@{row.version}" for row in chosen})
    if len(found) == 1:
        return tuple(chosen)
    every = ", ".join(sorted({f"{row.backend}@{row.version}" for row in rows}))
    wanted = "@".join(filter(None, (backend, version))) or "a backend"
    raise UsageError(
        f"choose one with --select: the list has {every}" if found else f"no {wanted}; the list has {every}"
    )
