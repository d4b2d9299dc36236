"""Inventories kept from earlier runs, by the content of everything they depend on.

Two JSON files each in the user's cache folder (`OPSCAN_CACHE_DIR` puts it elsewhere): all of it,
and its summary, which is what a survey reads. Writing is a rename, so that parallel runs never see
half a file; a folder that cannot be written costs nothing but the time it would have saved.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from opscan.core.errors import NoAnswer

if TYPE_CHECKING:
    from opscan.core.inventory import Inventory
    from opscan.core.summary import Summary

_SUMMARY, _PROFILE = ".summary.json", ".profile"
_OWN_NAME = rf"([0-9a-f]{{16}}|[0-9a-f]{{64}})(\.json|{re.escape(_SUMMARY)}|{re.escape(_PROFILE)})"


def folder() -> Path:
    """Where inventories are kept."""
    if chosen := os.environ.get("OPSCAN_CACHE_DIR"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("opscan"))


@cache
def _own_code() -> str:
    """A digest of the code that makes an inventory and writes it: a change of it may change every answer."""
    import hashlib

    digest = hashlib.sha256()
    package = Path(__file__).parent
    for part in ("core", "sources", "trace", "serde"):
        for file in sorted((package / part).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def key(parts: Iterable[str]) -> str:
    """The name under which an inventory is kept, from everything it depends on."""
    import hashlib

    return hashlib.sha256("\0".join([_own_code(), *parts]).encode()).hexdigest()


def get(name: str) -> "Inventory | None":
    """The inventory kept under that key; None where there is none or it cannot be read."""
    from opscan.serde.reading import inventory_from_json

    try:
        return inventory_from_json((folder() / f"{name}.json").read_bytes(), name)
    except (OSError, NoAnswer):
        return None


def summary_of(name: str) -> "Summary | None":
    """The summary of the inventory kept under that key, read without its sites."""
    import msgspec

    from opscan.core.summary import Summary, summary

    try:
        return msgspec.json.decode((folder() / f"{name}{_SUMMARY}").read_bytes(), type=Summary)
    except (OSError, msgspec.DecodeError):
        pass
    inventory = get(name)
    if inventory is None:
        return None
    _put_summary(name, inventory)
    return summary(inventory)


def put(name: str, inventory: "Inventory") -> None:
    """Keeps an inventory; does nothing where the folder cannot be written."""
    import msgspec

    from opscan.serde.inventory import inventory_json

    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        write_file(folder() / f"{name}.json", msgspec.json.encode(inventory_json(inventory, sites=True)))
    _put_summary(name, inventory)


def _put_summary(name: str, inventory: "Inventory") -> None:
    import msgspec

    from opscan.core.summary import summary

    with contextlib.suppress(OSError):
        write_file(folder() / f"{name}{_SUMMARY}", msgspec.json.encode(summary(inventory)))


class Profiles:
    """What was read of backend profiles, by the content of their files."""

    @staticmethod
    def get(key: str) -> bytes | None:
        """What was kept under that key; None where there is nothing."""
        try:
            return (folder() / f"{key}{_PROFILE}").read_bytes()
        except OSError:
            return None

    @staticmethod
    def put(key: str, content: bytes) -> None:
        """Keeps it; does nothing where the folder cannot be written."""
        with contextlib.suppress(OSError):
            folder().mkdir(parents=True, exist_ok=True)
            write_file(folder() / f"{key}{_PROFILE}", content)


class Kept(NamedTuple):
    """What the folder holds."""

    inventories: int
    bytes: int


def kept() -> Kept:
    """How much is kept, of this and of other versions; nothing where the folder is not there."""
    sizes = {}
    for file in _own_files():
        with contextlib.suppress(OSError):  # another process may be clearing
            sizes[file.name] = file.stat().st_size
    inventories = [name for name in sizes if not name.endswith((_SUMMARY, _PROFILE))]
    return Kept(len(inventories), sum(sizes.values()))


def clear() -> Kept:
    """Removes everything that was kept, and nothing else; what was there. Raises OSError where it cannot."""
    before = kept()
    for file in (*_own_files(), *_folder_files(".opscan-*")):
        file.unlink(missing_ok=True)
    return before


def _own_files() -> list[Path]:
    return [file for file in _folder_files("*") if re.fullmatch(_OWN_NAME, file.name)]


def _folder_files(pattern: str) -> list[Path]:
    return sorted(folder().glob(pattern))


def write_file(path: Path, text: str | bytes) -> None:
    """Writes beside the file and renames: readers see the old content or the new, never half.

    What is no regular file (`/dev/null`, a pipe) is written to, a link's target is replaced. Raises
    OSError; whatever stood there before is then untouched.
    """
    import tempfile

    data = text.encode() if isinstance(text, str) else text
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = Path(os.path.realpath(path))
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".opscan-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def obstacle(path: Path) -> str | None:
    """Why `write_file` cannot write there, as far as that shows beforehand; None where nothing is in the way."""
    if os.path.isdir(path):
        return "is a folder; give the file to write"
    if os.path.exists(path) and not os.path.isfile(path):
        return None  # a device or a pipe
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        return f"there is no folder {folder}; make it first"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} cannot be written"
