"""Profile files: what they extend, and their content as a ProfileYAML without faults."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec

from opscan import document
from opscan.backends import build
from opscan.backends.build import document_faults
from opscan.backends.folders import SHIPPED, content_key, is_file, names, stems
from opscan.core.errors import UsageError
from opscan.core.spelling import did_you_mean
from opscan.document import Document, Fault, faults
from opscan.serde.profile import ProfileYAML


class Kept(Protocol):
    """Where bytes can be kept from one run to the next. A YAML parser takes far longer than all that follows it."""

    def get(self, key: str) -> bytes | None:
        """What was kept under that key."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keeps it, if that is possible."""
        ...


# What is kept of a document without faults.
_FAULTLESS = b"faultless"
# Keys of a profile that an overlay adds to, entry by entry; it replaces the others.
_MERGED = ("rules", "limits", "casts", "aliases")


def locate(reference: str, folders: Sequence[Path] = ()) -> Path:
    """The file of `name`, `name@version` or `./file.yaml`. Raises UsageError, with the nearest name."""
    if is_file(reference):
        return Path(reference)
    there = stems(folders)
    if reference in there:
        return there[reference]
    name, _, version = reference.partition("@")
    if name in there and version and version == _version_of(there[name]):
        return there[name]
    known = names(folders)
    if name not in known:
        raise UsageError(
            f"unknown backend {reference!r}{did_you_mean(name, known) or '; `opscan backends` lists them'}"
        )
    if not version:
        return max(file for stem, file in there.items() if stem.startswith(f"{name}@"))
    known_versions = sorted({_version_of(file) for stem, file in there.items() if stem.partition("@")[0] == name})
    raise UsageError(f"unknown version {version!r} of {name}: there is {', '.join(known_versions)}")


def _version_of(file: Path) -> str:
    version = file.stem.partition("@")[2]
    return version or str(_read(file).get("version"))


def read(file: Path, folders: Sequence[Path] = (), kept: Kept | None = None) -> ProfileYAML:
    """The document of a profile, with everything that it extends. Raises UsageError, naming every fault."""
    merged = _merged(file, (file.parent, *folders), (), kept)
    try:
        profile = msgspec.convert(merged, ProfileYAML)
    except msgspec.ValidationError:
        found = list(faults(merged, ProfileYAML))
    else:
        found = [*_document_faults(profile, merged, kept), *_name_faults(profile, file)]
        if not found:
            return profile
    written = _parsed(file, _content(file))  # for the lines
    raise UsageError(*(_line(file, written, fault) for fault in found))


def _document_faults(profile: ProfileYAML, merged: dict[str, Any], kept: Kept | None) -> list[Fault]:
    """What is wrong with the document; one without faults is remembered, for to look takes longer than to read."""
    if kept is None:
        return list(document_faults(profile))
    try:
        key = content_key(_faults_looked_for() + msgspec.msgpack.encode(merged))
    except (OverflowError, UnicodeEncodeError):  # as in _read
        return list(document_faults(profile))
    if kept.get(key) == _FAULTLESS:
        return []
    found = list(document_faults(profile))
    if not found:
        kept.put(key, _FAULTLESS)
    return found


@cache
def _faults_looked_for() -> bytes:
    """What decides whether a document has faults, besides its types."""
    return Path(build.__file__).read_bytes()


def _name_faults(profile: ProfileYAML, file: Path) -> Iterator[Fault]:
    name, at, version = file.stem.partition("@")
    if file.parent == SHIPPED and profile.name != name:
        yield Fault("name", f"is {profile.name!r} in the file {file.name}; call one as the other")
    if at and profile.version != version:
        yield Fault("version", f"is {profile.version!r} in the file {file.name}; call one as the other")


def _line(file: Path, document: Document, fault: Fault) -> str:
    line = _nearest_line(document.lines, fault.path)
    return f"{file.name}{f':{line}' if line else ''}: {fault.path or 'the profile'}: {fault.text}"


def _nearest_line(lines: Mapping[str, int], path: str) -> int | None:
    """The line of the path or of the innermost value around it."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)


def _merged(file: Path, folders: Sequence[Path], extending: tuple[Path, ...], kept: Kept | None) -> dict[str, Any]:
    """The content of a file over that of what it extends."""
    if file in extending:
        chain = " extends ".join(path.name for path in (*extending, file))
        raise UsageError(f"{file.name}: extends itself: {chain}")
    own = _read(file, kept)
    if not isinstance(own.get("extends", ""), str) or not own.get("extends"):
        return own
    base = _merged(_base(own["extends"], file, folders), folders, (*extending, file), kept)
    return _over(base, own, file)


def _base(reference: str, file: Path, folders: Sequence[Path]) -> Path:
    try:
        return file.parent / reference if is_file(reference) else locate(reference, folders)
    except UsageError as error:
        raise UsageError(f"{file.name}: extends: {error}") from error


def _over(base: dict[str, Any], own: dict[str, Any], file: Path) -> dict[str, Any]:
    removed = own.get("remove") or []
    rules = base.get("rules")
    if isinstance(removed, list) and isinstance(rules, dict):
        for number, operator in enumerate(removed):
            if operator not in rules:
                fault = Fault(f"remove[{number}]", f"{operator} is not in {base.get('name')}@{base.get('version')}")
                raise UsageError(_line(file, _parsed(file, _content(file)), fault))
        base = {**base, "rules": {name: entry for name, entry in rules.items() if name not in removed}}
    merged = {**base, **own}
    for key in _MERGED:
        if isinstance(base.get(key), dict) and isinstance(own.get(key, {}), dict):
            merged[key] = {**base[key], **own.get(key, {})}
    return merged


def _read(file: Path, kept: Kept | None = None) -> dict[str, Any]:
    """The plain content of a file, parsed once for each content that it ever had."""
    content = _content(file)
    key = content_key(_parser() + content) if kept else ""
    stored = kept.get(key) if kept else None
    if stored is not None:
        with suppress(msgspec.DecodeError, msgspec.ValidationError):  # damaged, or somebody else's
            return msgspec.msgpack.decode(stored, type=dict[str, Any])
    value = _parsed(file, content).value
    if not isinstance(value, dict):
        raise UsageError(f"{file.name}: is no profile: it must be a mapping with schema, name, version, …")
    if kept:
        with suppress(OverflowError, UnicodeEncodeError):  # what MessagePack cannot hold and no profile needs
            kept.put(key, msgspec.msgpack.encode(value))
    return value


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error


def _parsed(file: Path, content: bytes) -> Document:
    from opscan.document.yaml_text import read_yaml  # a YAML parser takes longer to import than kept profiles to read

    return read_yaml(content, file.name)


@cache
def _parser() -> bytes:
    """What decides how a text is read."""
    return Path(document.__file__).with_name("yaml_text.py").read_bytes()
