"""`opscan.lock` <-> a Lock: YAML that is read in reviews, so one line per operator and signature."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError
from opscan.core.lock import Lock, LockCheck
from opscan.core.snapshot import Signed, Snapshot
from opscan.serde.document import SCHEMA_VERSION

LOCK_SCHEMA = 1
_HEAD = "# Written by `opscan lock`, held against the models by `opscan lock --check`. Do not edit.\n"
_PLAIN = re.compile(r"[A-Za-z_/][\w./:+-]*(\([\w ,?.-]*\))?", re.ASCII)
_WORDS = ("true", "false", "null")
_CONFLICT = re.compile(rb"^(?:<{7}|={7}|>{7}|\|{7})(?: |\r?$)", re.MULTILINE)


class LockedDialectYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model in one dialect: `operator(signature)` -> how many sites."""

    operators: dict[str, int]
    opsets: dict[str, int] = {}
    tools: dict[str, str] = {}
    """Where they are not the file's."""


class LockedModelYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model; `hash` is of what it is made of."""

    dialects: dict[Dialect, LockedDialectYAML]
    hash: str = ""


class LockYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`opscan.lock`. `opset` is the ONNX opset that was asked for."""

    schema: int
    models: dict[str, LockedModelYAML]
    tools: dict[str, str] = {}
    opset: int | None = None


class LockChangeJSON(msgspec.Struct, frozen=True):
    """One operator with one signature; `rule` is empty where only its count changed."""

    rule: str
    model: str
    dialect: str
    change: str
    operator: str
    signature: str
    before: int
    after: int


class LockCheckJSON(msgspec.Struct, frozen=True):
    """`opscan lock --check --format json`."""

    schema_version: int
    clean: bool
    changes: list[LockChangeJSON]
    unlocked: list[str]
    versions: list[str]
    unanswered: dict[str, str] = {}
    tools: dict[str, str] = {}


def lock_text(lock: Lock) -> str:
    """The file: sorted, minimal, the same bytes for the same lock."""
    return _HEAD + "".join(f"{line}\n" for line in _lines(lock))


def _lines(lock: Lock) -> Iterator[str]:
    yield f"schema: {LOCK_SCHEMA}"
    if lock.opset is not None:
        yield f"opset: {lock.opset}"
    yield from _mapping("tools", lock.tools, "")
    yield "models:" if lock.snapshots else "models: {}"
    models: dict[str, list[Snapshot]] = {}
    for one in lock.snapshots:
        models.setdefault(one.model, []).append(one)
    for model, snapshots in sorted(models.items()):
        yield f"  {_text(model)}:"
        if snapshots[0].digest:
            yield f"    hash: {_text(snapshots[0].digest)}"
        yield "    dialects:"
        for one in sorted(snapshots, key=lambda s: s.dialect):
            yield f"      {one.dialect}:"
            yield from _mapping("opsets", {domain or "ai.onnx": n for domain, n in one.opsets.items()}, " " * 8)
            if one.tools != lock.tools:
                yield from _mapping("tools", one.tools, " " * 8)
            counts = {f"{operator}({signature})": count for (operator, signature), count in one.counts.items()}
            yield from _mapping("operators", counts, " " * 8) if counts else [" " * 8 + "operators: {}"]


def _mapping(title: str, values: Mapping[str, object], indent: str) -> Iterator[str]:
    if values:
        yield f"{indent}{title}:"
    for key, value in sorted(values.items()):
        yield f"{indent}  {_text(key)}: {value if isinstance(value, int) else _text(str(value))}"


def _text(value: str) -> str:
    """A YAML scalar that reads back as this text, in one line, plain where nobody could take it for anything else."""
    if _PLAIN.fullmatch(value) and not value.endswith(":") and value.lower() not in _WORDS:
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def conflict_line(text: bytes) -> int | None:
    """The line of a merge conflict's first marker, from 1; None where there is none."""
    found = _CONFLICT.search(text)
    return text.count(b"\n", 0, found.start()) + 1 if found else None


def lock_of(document: LockYAML, name: str) -> Lock:
    """The lock that a file holds. Raises UsageError for counts that are none."""
    return Lock(
        snapshots=tuple(
            Snapshot(
                model=model,
                dialect=dialect,
                counts={_signed(text): _count(count, text, name) for text, count in found.operators.items()},
                opsets={"" if domain == "ai.onnx" else domain: number for domain, number in found.opsets.items()},
                tools=found.tools or document.tools,
                digest=locked.hash,
            )
            for model, locked in document.models.items()
            for dialect, found in locked.dialects.items()
        ),
        opset=document.opset,
        tools=document.tools,
    )


def _signed(text: str) -> Signed:
    operator, _, signature = text.removesuffix(")").rpartition("(")
    return operator, signature


def _count(count: int, text: str, name: str) -> int:
    if count < 1:
        raise UsageError(f"{name}: {text}: {count} is no count; run `opscan lock` again")
    return count


def lock_check_json(found: LockCheck, unanswered: Mapping[str, str], tools: Mapping[str, str]) -> LockCheckJSON:
    """What differs from the lockfile."""
    changes = [
        LockChangeJSON(c.rule, c.model, c.dialect.value, c.kind.value, c.operator, c.signature, c.before, c.after)
        for c in found.changes
    ]
    return LockCheckJSON(
        SCHEMA_VERSION,
        found.clean and not unanswered,
        changes,
        list(found.unlocked),
        list(found.versions),
        dict(unanswered),
        dict(tools),
    )
