"""What a list of backends says of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
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
