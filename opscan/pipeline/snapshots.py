"""What is kept of models for a lockfile or a comparison."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer, UsageError
from opscan.core.lock import Lock
from opscan.core.snapshot import Snapshot, snapshot
from opscan.core.source import InventorySource, ModelSource, OnnxSource, TorchSource
from opscan.document import faults as faults_of
from opscan.document.yaml_text import read_yaml
from opscan.pipeline.inventories import with_sites
from opscan.pipeline.options import Options
from opscan.serde.lock import LOCK_SCHEMA, LockYAML, conflict_line, lock_of
from opscan.sources import resolve


def snapshots(
    references: Sequence[str], dialects: Sequence[Dialect], options: Options
) -> Iterator[tuple[int, tuple[Snapshot, ...], str]]:
    """Position in `references`, what was captured, and why not all of it was; as they are done.

    A file has its own dialect only. Raises UsageError for an unknown reference.
    """
    for number, entry in with_sites(references, dialects, options):
        inventories = [c.inventory for c in entry.captures if c.inventory]
        digest = _digest(resolve(references[number], options.models)) if inventories else ""
        kept = tuple(snapshot(one, model=references[number], digest=digest) for one in inventories)
        reasons = [f"{c.dialect}: {c.reason}" for c in entry.captures if c.inventory is None]
        yield number, kept, "; ".join(reasons)


def _digest(source: ModelSource) -> str:
    """Of what the model is made of; empty where that cannot be known."""
    match source:
        case TorchSource():
            return source.fingerprint or ""
        case OnnxSource():
            try:
                with open(source.path, "rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise NoAnswer(f"{source.name}: cannot be read: {error.strerror}") from error
        case InventorySource():
            return ""


class NewerLock(UsageError):
    """A lockfile of a schema that only a newer opscan reads."""


def read_lock(path: Path) -> Lock:
    """The lockfile. Raises UsageError in one line: conflict markers, a newer schema, damage."""
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such lockfile; `opscan lock` writes one") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if line := conflict_line(text):
        raise UsageError(f"{path}:{line}: has merge-conflict markers; resolve the conflict, or run `opscan lock REF…`")
    found = read_yaml(text, str(path)).value
    version = found.get("schema") if isinstance(found, dict) else None
    if isinstance(version, int) and version > LOCK_SCHEMA:
        raise NewerLock(f"{path}: schema {version}; this opscan reads schema {LOCK_SCHEMA}: update opscan")
    faults = list(faults_of(found, LockYAML))
    if faults:
        rest = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        first = faults[0]
        raise UsageError(f"{path}: damaged: {first.path or 'the file'}: {first.text}{rest}; run `opscan lock` again")
    return lock_of(msgspec.convert(found, LockYAML), str(path))
