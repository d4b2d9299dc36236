"""Operator lists in CSV -> profile files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from opscan.backends import files
from opscan.backends.csv_import import Imported, import_profile
from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError
from opscan.core.schema import Lookup
from opscan.document.yaml_text import read_yaml


def read_lists(paths: Sequence[Path]) -> Mapping[str, str]:
    """The text of each list by its file's name; of a folder, of each .csv in it.

    Raises UsageError, naming the file that cannot be read.
    """
    found: dict[str, str] = {}
    for path in paths:
        for file in sorted(path.glob("*.csv")) if path.is_dir() else (path,):
            try:
                found[file.name] = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{file}: cannot be read: {error}") from error
    return found


def new_profile(head: Mapping[str, Any], lists: Mapping[str, str]) -> Imported:
    """The profile of that head, from the lists that it names. Raises UsageError."""
    return import_profile(head, lists, *_schemas(str(head["dialect"])))


def updated_profile(file: Path, lists: Mapping[str, str]) -> Imported:
    """A profile read again from the lists that it names. Its head stays, and so do rules made beside the lists.

    Raises UsageError, naming the file.
    """
    content = _content(file)
    head = {key: value for key, value in content.items() if key != "rules"}
    base = _base(file, str(head.get("extends", "")))
    try:
        schemas = _schemas(str(head.get("dialect") or (base or {}).get("dialect", "")))
        return import_profile(head, lists, *schemas, content.get("rules"), base)
    except UsageError as error:
        raise UsageError(f"{file.name}: {error}") from error


def _content(file: Path) -> dict[str, Any]:
    try:
        content = read_yaml(file.read_bytes(), file.name).value
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{file.name}: is no profile")
    return content


def _base(file: Path, extends: str) -> dict[str, Any] | None:
    """The content of the profile that a file extends."""
    if not extends:
        return None
    base: dict[str, Any] = msgspec.to_builtins(files.read(files.locate(extends, [file.parent])))
    return base


def _schemas(dialect: str) -> tuple[Lookup, Callable[[str], str | None] | None]:
    """What the standard, and torch, know of operators; loaded here because they take their time."""
    match dialect:
        case Dialect.ONNX:
            from opscan.trace.onnx_schemas import onnx_schemas

            return onnx_schemas, None
        case Dialect.ATEN:
            from opscan.trace.aten_schemas import aten_schemas, functional

            return aten_schemas, functional
    raise UsageError(f"dialect: {dialect!r} is neither onnx nor aten")
