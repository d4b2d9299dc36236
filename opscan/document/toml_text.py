"""TOML -> plain values."""

import tomllib
from datetime import date
from typing import Any

from opscan.core.errors import UsageError
from opscan.document import Document


def read_toml(text: bytes, name: str) -> Document:
    """The values of a TOML text, dates as text. Raises UsageError, naming file and fault."""
    try:
        return Document(_without_dates(tomllib.loads(text.decode())))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: not valid TOML: {error}") from error


def _without_dates(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_dates(part) for key, part in value.items()}
        case list():
            return [_without_dates(part) for part in value]
        case date():
            return value.isoformat()
    return value
