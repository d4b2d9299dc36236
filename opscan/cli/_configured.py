"""Backends as the user's configuration knows them."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from opscan.pipeline import profiles

if TYPE_CHECKING:
    from opscan.core.profile import BackendProfile


def folders() -> tuple[Path, ...]:
    """Where profiles lie besides the shipped ones: `backends` of the configuration that applies here.

    Raises UsageError with all faults of the configuration.
    """
    return _folders(Path.cwd())


@cache
def _folders(here: Path) -> tuple[Path, ...]:
    from opscan import configuration

    found = configuration.load(configuration.find(here)).backends
    return (found,) if found else ()


def backend_names() -> tuple[str, ...]:
    """Names of the shipped profiles and of the configuration's."""
    from opscan import backends

    return backends.names(folders())


def load_backend(name: str) -> "BackendProfile":
    """As profiles.load_backend, with the configuration's folder."""
    return profiles.load_backend(name, folders())
