"""Of what would be allowed, what is nearest to what a site has."""

import re
from collections.abc import Sequence

from opscan.core.inventory import Attribute
from opscan.core.profile import Test
from opscan.core.verdict import Outcome

_DTYPE = re.compile(r"(float|bfloat|int|uint|bool)(\d*)")
# What is nearest to a dtype whose own kind is not allowed.
_KINDS = {"float": 0, "bfloat": 0, "int": 2, "uint": 2, "bool": 3}


# Words of which one is a simpler form of the next: https://onnx.ai/onnx/operators/onnx__Resize.html and GridSample.
_LADDERS = (("nearest", "linear", "cubic"), ("nearest", "bilinear", "bicubic"), ("constant", "edge", "reflect", "wrap"))


def nearest_values(outcomes: Sequence[Outcome]) -> str:
    """`mode: linear`, of all clauses where it can be told."""
    found = ((outcome.clause.subject, nearest_allowed(outcome)) for outcome in outcomes)
    return ", ".join(f"{subject}: {near}" for subject, near in found if near)


def nearest_allowed(outcome: Outcome) -> str:
    """The value that changes least; empty where that cannot be told or is all there is to choose from."""
    clause = outcome.clause
    match clause.test:
        case Test.IN if len(clause.allowed) > 1 and outcome.passed is False:
            return _nearest(outcome.has, clause.allowed)
        case Test.MULTIPLE_OF if outcome.has.isdigit() and isinstance(clause.allowed[0], int):
            step = clause.allowed[0]
            return str(-(-int(outcome.has) // step) * step)
    return ""


def _nearest(has: str, allowed: Sequence[Attribute]) -> str:
    if _is_number(has) and all(isinstance(value, int | float) for value in allowed):
        return str(min(allowed, key=lambda value: abs(float(str(value)) - float(has))))
    words = [str(value) for value in allowed]
    if all(_DTYPE.fullmatch(word) for word in (has, *words)):
        return min(words, key=lambda word: _distance(has, word))
    for ladder in _LADDERS:
        if has in ladder and (steps := [word for word in ladder if word in words]):
            return min(steps, key=lambda word: abs(ladder.index(word) - ladder.index(has)))
    import difflib  # noqa: PLC0415  # for the few that come so far

    near = difflib.get_close_matches(has, words, n=1)
    return near[0] if near else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _distance(has: str, other: str) -> tuple[bool, int, bool, int]:
    """Another kind is farther than another width, and a narrower one farther than a wider one."""
    (kind, width), (other_kind, other_width) = (_parts(dtype) for dtype in (has, other))
    step = abs(_KINDS[kind] - _KINDS[other_kind])
    return kind != other_kind, step, other_width < width, abs(other_width - width)


def _parts(dtype: str) -> tuple[str, int]:
    kind, width = _DTYPE.findall(dtype)[0]
    return kind, int(width or 0)
