"""What people write by hand, as plain values with their lines, and all that is wrong with it at once.

`yaml_text` and `toml_text` make them.
"""

import re
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Union, get_args, get_origin

import msgspec

from opscan.core.record import Record, field
from opscan.core.spelling import did_you_mean


class Document(Record, frozen=True):
    """A file's content."""

    value: Any
    """Plain values: mappings, lists, text, numbers."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Path of a value (`waivers[0].rule`) -> its line, from 1; empty for TOML."""


class Fault(Record, frozen=True):
    """What is wrong, and at which path."""

    path: str
    text: str


def joined(path: str, key: object) -> str:
    """`rules` and `OPS101` -> `rules.OPS101`."""
    return f"{path}.{key}" if path else str(key)


def faults(value: Any, wanted: Any, path: str = "") -> Iterator[Fault]:
    """Everything in which a value is not of a type made of Structs, lists and mappings; nothing where it is."""
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        yield from _union_faults(value, wanted, path)
    elif isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) and isinstance(value, dict):
        yield from _struct_faults(value, wanted, path)
    elif origin is list and isinstance(value, list):
        for number, item in enumerate(value):
            yield from faults(item, parts[0], f"{path}[{number}]")
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _leaf_faults(key, parts[0], joined(path, key))
            yield from faults(item, parts[1], joined(path, key))
    else:
        yield from _leaf_faults(value, wanted, path)


def sound(value: Any, wanted: type[msgspec.Struct]) -> dict[str, Any]:
    """The entries of a mapping that are of the Struct's types, so that their meaning can be looked at too."""
    types_ = {field.encode_name: field.type for field in msgspec.structs.fields(wanted)}
    if not isinstance(value, dict):
        return {}
    parts = {key: _sound_part(part, types_[key]) for key, part in value.items() if key in types_}
    return {key: part for key, part in parts.items() if not any(faults(part, types_[key]))}


def _sound_part(value: Any, wanted: Any) -> Any:
    if get_origin(wanted) in (Union, types.UnionType):
        wanted = next((part for part in get_args(wanted) if get_origin(part) is type(value)), wanted)
    if get_origin(wanted) is dict and isinstance(value, dict):
        of_key, of_value = get_args(wanted)
        return {k: v for k, v in value.items() if not any((*faults(k, of_key), *faults(v, of_value)))}
    return value


def _union_faults(value: Any, wanted: Any, path: str) -> Iterator[Fault]:
    """A container is held against the one that the union has, a scalar against all of it: the message names them."""
    fitting = [part for part in get_args(wanted) if get_origin(part) is type(value)]
    others = [part for part in get_args(wanted) if part is not type(None)]
    if len(fitting) == 1:
        yield from faults(value, fitting[0], path)
    elif len(others) == 1 and value is not None:
        yield from faults(value, others[0], path)
    else:
        yield from _leaf_faults(value, wanted, path)


def _struct_faults(value: dict[Any, Any], wanted: type[msgspec.Struct], path: str) -> Iterator[Fault]:
    known = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    for key in value:
        if key not in known:
            yield Fault(joined(path, key), f"unknown key{did_you_mean(str(key), known)}")
    for name, spec in known.items():
        if name in value:
            yield from faults(value[name], spec.type, joined(path, name))
        elif spec.required:
            yield Fault(joined(path, name), "is missing")


def _leaf_faults(value: Any, wanted: Any, path: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        yield Fault(path, _sentence(value, wanted, error))


# msgspec speaks of types as JSON does; who writes YAML need not know them.
_CALLED = {
    "Expected": "must be",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
    "|": "or",
    "got": "not",
}


def _sentence(value: Any, wanted: Any, error: Exception) -> str:
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return f"must be a mapping with {', '.join(f.encode_name for f in msgspec.structs.fields(wanted))}"
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        known = [str(member.value) for member in wanted]
        return f"{value!r} is not one of {', '.join(known)}{did_you_mean(str(value), known)}"
    text = str(error).replace("`", "")
    if not text.startswith("Expected"):
        return text
    quotes = "; put it in quotes" if isinstance(value, int | float) and "Expected str" in text else ""
    words = rf"(?<!\w)(?:{'|'.join(map(re.escape, _CALLED))})(?!\w)"
    return re.sub(words, lambda found: _CALLED[found[0]], text) + quotes
