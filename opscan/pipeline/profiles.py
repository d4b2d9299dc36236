"""Profiles of backends, parsed once."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from opscan import store

if TYPE_CHECKING:
    from opscan.core.profile import BackendProfile


@cache
def load_backend(reference: str, folders: tuple[Path, ...] = ()) -> "BackendProfile":
    """As `backends.load`, and what YAML took long to read is kept in the user's cache folder."""
    from opscan import backends

    return backends.load(reference, folders, store.Profiles)


def shipped_backends() -> "tuple[BackendProfile, ...]":
    """Every shipped profile in every version, by name; of each name the newest first."""
    from opscan import backends

    references = ((name, *reversed(backends.versions(name))) for name in backends.names())
    return tuple(load_backend(reference) for several in references for reference in several)
