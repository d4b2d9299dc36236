"""YAML -> plain values with their lines.

It is read as YAML 1.2 does: `off`, `no` and `2026-01-31` are text. Tags are refused, and so is a
document that expands to more than it shows.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from opscan.core.errors import UsageError
from opscan.document import Document, joined

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
