"""Limits that a list gives by the backend's own operators: `onnx=ArgMax; max_input_rank_input_0=4`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from opscan.backends.csv_import.rows import Row

_OPERATORS = re.compile(r"onnx=([^;]+)")
_RANK = re.compile(
    r"(max|exact)_(?:input|output)_rank_(input|output)_(\d)=(\d)|(rank)_range_(input|output)_(\d)=\[\d, (\d)\]"
)
_NAME = re.compile(r"\s*([A-Za-z]\w*)")
# The spelling of the vendor's document.
_SPELLING = {"UnSqueeze": "Unsqueeze"}


def limits(rows: Iterable[Row]) -> Mapping[str, list[dict[str, Any]]]:
    """ONNX operator -> clauses. An operator that several of the backend's serve has none of theirs."""
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for row in rows:
        if match := _OPERATORS.search(row.remark):
            for text in match[1].split(","):
                if name := _NAME.match(text):
                    found.setdefault(_SPELLING.get(name[1], name[1]), []).append(_clauses(row.remark))
    return {name: clauses[0] for name, clauses in found.items() if len(clauses) == 1 and clauses[0]}


def _clauses(remark: str) -> list[dict[str, Any]]:
    """Where two ranks are given, for different dtypes, the greater: the list does not say which is whose."""
    greatest: dict[tuple[str, int], tuple[int, str]] = {}
    for kind, side, position, rank, _, ranged_side, ranged_position, ranged in _RANK.findall(remark):
        key = (side or ranged_side, int(position or ranged_position))
        top = int(rank or ranged)
        if top > greatest.get(key, (0, ""))[0]:
            greatest[key] = (top, kind)
    return [
        {side: position, "rank": [top] if kind == "exact" else {"at_most": top}}
        for (side, position), (top, kind) in sorted(greatest.items())
    ]
