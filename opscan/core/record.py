"""What the values of core are: immutable records.

Python's own frozen dataclasses take 0.4 ms each to define, for it writes and compiles six methods of each, and a
command imports 55 of them before it begins. A Struct, which is written in C, takes 0.01 ms, and a tenth of the
time to make.

What `--help` and the list of backends are made of (core.table, core.listing) are named tuples, for msgspec takes
0.005 s to import.
"""

from typing import Any

import msgspec
from msgspec import field
from msgspec.structs import force_setattr, replace

__all__ = ["Memo", "Record", "Remembering", "field", "force_setattr", "replace"]


class Record(msgspec.Struct, frozen=True):
    """The base of values: equal by type and fields, and where these are hashable, too, a key."""


class Memo(dict[Any, Any]):
    """What was found out about a value, and is no part of it: all are equal, and another process begins anew."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memo)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as of every dict

    def __repr__(self) -> str:
        return "Memo()"

    def __reduce__(self) -> tuple[type["Memo"], tuple[()]]:
        return Memo, ()


class Remembering(Record, frozen=True, kw_only=True):
    """A value that keeps what was found out about it; one that `replace` makes of it is another."""

    memo: Memo = field(default_factory=Memo)

    def __post_init__(self) -> None:
        force_setattr(self, "memo", Memo())
