"""What people write by hand, YAML or TOML -> plain values with their lines, and all its faults at once.

YAML is read as YAML 1.2 does: `off`, `no` and `2026-01-31` are text. Tags are refused, and so is a
document that expands to more than it shows.
"""

import re
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any, Union, get_args, get_origin

import msgspec
import yaml

from opscan.core.errors import UsageError
from opscan.core.spelling import did_you_mean

# More bytes than anybody writes by hand, more values than the largest profile has by far, deeper than any.
_MAX_BYTES = 16 * 2**20
_MAX_VALUES = 1_000_000
_MAX_DEPTH = 50
_TAG = "tag:yaml.org,2002:"
# YAML 1.2, 10.3.2 (core schema): what a plain scalar is besides text, and the characters it can start with.
_PLAIN = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
)
_VALUES: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, 16 if text.startswith("0x") else 10),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "null": lambda text: None,
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C parser where it was built
    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012  # as the parent declares it


for _kind, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"^(?:{_pattern})$"), list(_first))


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content."""

    value: Any
    """Plain values: mappings, lists, text, numbers."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Path of a value (`waivers[0].rule`) -> its line, from 1; empty for TOML."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and at which path."""

    path: str
    text: str


def read_yaml(text: bytes, name: str) -> Document:
    """The only document of a YAML text; None for an empty one. Raises UsageError, naming file, line and fault."""
    if len(text) > _MAX_BYTES:
        raise UsageError(f"{name}: has {len(text):,} bytes; no more than {_MAX_BYTES:,} are read")
    loader = None
    try:
        loader = _Loader(text)
        reader = _Reader(loader, name)
        return Document(reader.document(), reader.lines)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{name}{line}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    finally:
        if loader is not None:
            loader.dispose()


_Event = Any  # what of an event is typed differs between yaml and its stubs


class _Reader:
    """Events -> values.

    Not nodes: composing those recurses in C without a limit. An alias counts as all it stands for.
    """

    def __init__(self, loader: Any, name: str) -> None:  # yaml's loaders are untyped
        self.loader, self.name = loader, name
        self.lines: dict[str, int] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def document(self) -> Any:
        self.loader.get_event()  # the start of the stream
        if isinstance(self.loader.get_event(), yaml.StreamEndEvent):
            return None
        found = self.value(self.loader.get_event(), "", 0)
        self.loader.get_event()  # the end of the document
        event = self.loader.get_event()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self.refusal(event, "a second document begins here; one is read")
        return found

    def refusal(self, event: _Event, text: str) -> UsageError:
        return UsageError(f"{self.name}:{self._line(event)}: {text}")

    @staticmethod
    def _line(event: _Event) -> int:
        return int(event.start_mark.line) + 1

    def value(self, event: _Event, path: str, depth: int) -> Any:
        before = self.count
        self.count += 1
        self.lines.setdefault(path, self._line(event))
        if isinstance(event, yaml.AliasEvent):
            found = self._alias(event)
        else:
            found = self._content(event, path, depth)
            if event.anchor:
                self.anchors[event.anchor] = found, self.count - before
        if self.count > _MAX_VALUES:
            raise UsageError(f"{self.name}: expands to more than {_MAX_VALUES:,} values")
        return found

    def _alias(self, event: _Event) -> Any:
        if event.anchor not in self.anchors:
            raise self.refusal(event, f"*{event.anchor}: there is no complete value of that name above")
        found, count = self.anchors[event.anchor]
        self.count += count
        return found

    def _content(self, event: _Event, path: str, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise self.refusal(event, f"is more than {_MAX_DEPTH} levels deep")
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.MappingStartEvent(tag=None):
                return self._mapping(path, depth)
            case yaml.SequenceStartEvent(tag=None):
                return self._sequence(path, depth)
        raise self.refusal(event, f"the tag {event.tag} is not read here")

    def _scalar(self, event: _Event) -> Any:
        if event.tag is not None:
            raise self.refusal(event, f"the tag {event.tag} is not read here")
        kind = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit).removeprefix(_TAG)
        try:
            return _VALUES[kind](event.value)
        except ValueError as error:  # an integer of more digits than Python reads
            raise self.refusal(event, str(error)) from error

    def _key(self, event: _Event) -> Any:
        if not isinstance(event, yaml.ScalarEvent):
            raise self.refusal(event, "a key must be a word")
        return self._scalar(event)

    def _sequence(self, path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self.loader.get_event(), yaml.SequenceEndEvent):
            found.append(self.value(event, f"{path}[{len(found)}]", depth + 1))
        return found

    def _mapping(self, path: str, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while not isinstance(event := self.loader.get_event(), yaml.MappingEndEvent):
            key = self._key(event)
            inner = joined(path, key)
            if key in found:
                raise self.refusal(event, f"{inner} stands here twice")
            self.lines[inner] = self._line(event)
            found[key] = self.value(self.loader.get_event(), inner, depth + 1)
        return found


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


def _sentence(value: Any, wanted: Any, error: Exception) -> str:
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return f"must be a mapping with {', '.join(f.encode_name for f in msgspec.structs.fields(wanted))}"
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        known = [str(member.value) for member in wanted]
        return f"{value!r} is not one of {', '.join(known)}{did_you_mean(str(value), known)}"
    return str(error).replace("`", "")
