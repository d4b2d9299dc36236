"""Values as bytes, for another process of this program.

Python's `marshal` writes builtin types only, and does in a quarter of the time what pickle does; it needs no import.
A named tuple is written as a tuple, which who reads it makes one again.
"""

import marshal
from typing import Any


def packed(value: Any) -> bytes:
    """Named tuples in one another, in fields or in tuples, with whatever else marshal writes."""
    return marshal.dumps(_plain(value))


def unpacked(data: bytes) -> Any:
    """What was packed, without names. Raises ValueError where it was not."""
    try:
        return marshal.loads(data)
    except (EOFError, TypeError) as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value
