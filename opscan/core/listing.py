"""What a list of backends says of each."""

from typing import NamedTuple


class Listed(NamedTuple):
    """A profile without its rules; plain values, as JSON holds them."""

    name: str
    version: str
    title: str
    dialect: str
    operators: int
    """How many it has rules for."""
    exhaustive: bool
    confidence: str
    sources: tuple[str, ...]
