"""What the values of core are: immutable records.

Python's own frozen dataclasses take 0.4 ms each to define, for it writes and compiles six methods of each, and a
command imports 55 of them before it begins. A Struct, which is written in C, takes 0.01 ms, and a tenth of the
time to make.

Some values stay dataclasses: those with a field that `==`, `replace` or `repr` leaves out, which a Struct cannot have
(Inventory, BackendProfile, Partition), and what `--help` and the list of backends are made of (core.table,
core.listing), for msgspec takes 0.005 s to import.
"""

import msgspec
from msgspec import field
from msgspec.structs import force_setattr, replace

__all__ = ["Record", "field", "force_setattr", "replace"]


class Record(msgspec.Struct, frozen=True):
    """The base of values: equal by type and fields, and where these are hashable, too, a key."""
