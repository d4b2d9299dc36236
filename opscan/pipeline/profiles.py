"""Profiles of backends, parsed once."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from opscan.core.errors import UsageError

if TYPE_CHECKING:
    from opscan.core.profile import BackendProfile

_Found = TypeVar("_Found")


@cache
def load_backend(reference: str, folders: tuple[Path, ...] = ()) -> "BackendProfile":
    """As `backends.load`, and what YAML took long to read is kept in the user's cache folder."""
    from opscan import backends, store

    return backends.load(reference, folders, store.Profiles)


def shipped_backends() -> "tuple[BackendProfile, ...]":
    """Every shipped profile in every version, by name; of each name the newest first."""
    from opscan import backends

    references = ((name, *reversed(backends.versions(name))) for name in backends.names())
    return tuple(load_backend(reference) for several in references for reference in several)


def all_of(names: Sequence[str], load: Callable[[str], _Found]) -> list[_Found]:
    """What the names stand for. Raises UsageError with all that stand for nothing, one a line."""
    found: list[_Found] = []
    faults: list[str] = []
    for name in names:
        try:
            found.append(load(name))
        except UsageError as error:
            faults += error.lines
    if faults:
        raise UsageError(*faults)
    return found
