"""What the values of core are: immutable records.

Python's own frozen dataclasses take 0.4 ms each to define, for it writes and compiles six methods of each, and a
command imports 55 of them before it begins. A Struct, which is written in C, takes 0.01 ms, and a tenth of the
time to make.

Two values stay dataclasses, Inventory and BackendProfile, whose `memo` is no part of `==`, `replace` and `repr`. What
`--help` and the list of backends are made of (core.table, core.listing) are named tuples, for msgspec takes 0.005 s to
import.
"""

import msgspec
from msgspec import field
from msgspec.structs import force_setattr, replace

__all__ = ["Record", "field", "force_setattr", "replace"]


class Record(msgspec.Struct, frozen=True):
    """The base of values: equal by type and fields, and where these are hashable, too, a key."""
