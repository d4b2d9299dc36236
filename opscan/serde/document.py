"""What all documents share: the schema version, plain values, text."""

import math
from typing import Any, Union

import msgspec

from opscan.core.inventory import Attribute

SCHEMA_VERSION = 1

Value = Union[None, bool, int, float, str, list[Any], dict[str, str]]  # {"float": "-inf"}, which JSON lacks


class PlaceJSON(msgspec.Struct, frozen=True):
    """Sites that share a rolled-up module path and a source line."""

    modules: str
    source: str | None
    count: int


def encode(document: msgspec.Struct | dict[str, Any] | list[Any]) -> str:
    """Indented JSON, keys in the order of the schema, ending with a newline."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def plain(value: Attribute) -> Value:
    """A value as JSON writes it."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return [plain(part) for part in value] if isinstance(value, tuple) else value


def attribute(value: Any) -> Attribute:
    """The inverse of `plain`. Raises ValueError."""
    if isinstance(value, dict):
        return float(value.get("float", ""))
    return tuple(map(attribute, value)) if isinstance(value, list) else value
