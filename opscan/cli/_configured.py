"""Backends as the user's configuration knows them."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from opscan.pipeline import profiles

if TYPE_CHECKING:
    from opscan.configuration import Configuration
    from opscan.core.profile import BackendProfile


def folders() -> tuple[Path, ...]:
    """Where profiles lie besides the shipped ones: `backends` of the configuration that applies here.

    Raises UsageError with all faults of the configuration.
    """
    found = _found(Path.cwd()).backends
    return (found,) if found else ()


def references() -> tuple[str, ...]:
    """The models that commands are about where none is named: `references` of the configuration that applies here."""
    from opscan import configuration

    return configuration.load(configuration.find(Path.cwd())).references


@cache
def _found(here: Path) -> "Configuration":
    from opscan import configuration

    return configuration.load(configuration.find(here))


def backend_names() -> tuple[str, ...]:
    """Names of the shipped profiles and of the configuration's."""
    from opscan import backends

    return backends.names(folders())


def load_backend(name: str) -> "BackendProfile":
    """As profiles.load_backend, with the configuration's folder."""
    return profiles.load_backend(name, folders())
