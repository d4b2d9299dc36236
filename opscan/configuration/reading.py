"""The user's configuration as it is written -> Configuration, with everything that is wrong with it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from opscan.configuration import Configuration, opscan_table, shortest_name
from opscan.configuration.meaning import all_faults, as_list, layer, waiver
from opscan.core.errors import UsageError
from opscan.core.waivers import Waiver
from opscan.document import Document, Fault
from opscan.serde.configuration import ConfigurationFile, WaiverFile

_TABLE = "tool.opscan"


def read(file: Path) -> Configuration:
    """What that file says. Raises UsageError with all its faults, one a line."""
    reader = _Origin(file, _document(file))
    value = reader.document.value if reader.document.value is not None else {}
    found = [*all_faults(value), *_path_faults(value, file.parent)]
    if found:
        in_order = sorted(found, key=lambda fault: reader.line(fault.path) or 0)
        raise UsageError(*map(reader.complaint, in_order))
    return _configuration(msgspec.convert(value, ConfigurationFile), file, reader)


def _document(file: Path) -> Document:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    if file.suffix == ".toml":
        return Document(opscan_table(text, file))
    from opscan.document.yaml_text import read_yaml

    return read_yaml(text, shortest_name(file))


class _Origin:
    """Where in a file a value stands, for messages."""

    def __init__(self, file: Path, document: Document) -> None:
        self.name, self.document = shortest_name(file), document
        self.prefix = f"{_TABLE}." if file.suffix == ".toml" else ""

    def line(self, path: str) -> int | None:
        """That of a path, or of what holds it: what is missing has no line of its own."""
        return next((n for part in _upward(path) if (n := self.document.lines.get(part))), None)

    def place(self, path: str) -> str:
        line = self.line(path)
        return f"{self.name}:{line}" if line else self.name

    def of(self, path: str) -> str:
        return f"{self.place(path)}: {self.prefix}{path}" if path else self.place(path)

    def complaint(self, fault: Fault) -> str:
        key = f"{self.prefix}{fault.path}".rstrip(".")
        return ": ".join(filter(None, (self.place(fault.path), key, fault.text)))


def _upward(path: str) -> Iterator[str]:
    """A path, and all that holds it."""
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]


def _path_faults(value: Any, folder: Path) -> Iterator[Fault]:
    named = value.get("backends") if isinstance(value, dict) else None
    if isinstance(named, str) and not (folder / named).is_dir():
        yield Fault("backends", f"there is no folder {named}; it holds profiles of your own")
    asked = value.get("references", []) if isinstance(value, dict) else []
    for text in as_list(asked) if isinstance(asked, str | list) else []:
        if isinstance(text, str) and ((os.path.isabs(text) and "*" in text) or not _models(text, folder)):
            yield Fault("references", f"{text!r} fits no file; globs are relative to this file")


def _configuration(document: ConfigurationFile, file: Path, reader: _Origin) -> Configuration:
    overrides = [layer(entry, f"overrides[{n}]", reader.of) for n, entry in enumerate(document.overrides)]
    return Configuration(
        file=reader.name,
        preset=document.preset,
        backend=tuple(_relative(name, file.parent) for name in as_list(document.backend)),
        backend_origin=reader.of("backend"),
        references=tuple(dict.fromkeys(r for text in as_list(document.references) for r in _models(text, file.parent))),
        backends=None if document.backends is None else file.parent / document.backends,
        layers=(layer(document, "", reader.of), *overrides),
        waivers=tuple(_waiver(entry, f"waivers[{number}]", reader) for number, entry in enumerate(document.waivers)),
    )


def _waiver(entry: WaiverFile, path: str, reader: _Origin) -> Waiver:
    return waiver(entry, f"{reader.prefix}{path}", reader.place(path))


def _relative(name: str, folder: Path) -> str:
    """A path of a profile is relative to the configuration; a name stays."""
    is_path = os.sep in name or name.endswith((".yaml", ".yml", ".txt"))
    return shortest_name(folder / name) if is_path else name


def _models(text: str, folder: Path) -> list[str]:
    """The references that a text stands for; files are relative to the configuration."""
    if any(character in text for character in "*?["):
        return sorted(shortest_name(file) for file in folder.glob(text))
    return [shortest_name(folder / text)] if (folder / text).is_file() else [text]
