"""Profiles of backends, parsed once."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from opscan.core.errors import UsageError

if TYPE_CHECKING:
    from opscan.core.listing import Listed
    from opscan.core.profile import BackendProfile

_Found = TypeVar("_Found")


@cache
def load_backend(reference: str, folders: tuple[Path, ...] = ()) -> "BackendProfile":
    """As `backends.load`, and what YAML took long to read is kept in the user's cache folder."""
    from opscan import backends, store

    return backends.load(reference, folders, store.Profiles)


def all_backends(folders: tuple[Path, ...] = ()) -> "tuple[BackendProfile, ...]":
    """Every profile, shipped or in `folders`, in every version, by name; of each name the newest first."""
    from opscan import backends

    references = ((name, *reversed(backends.versions(name, folders))) for name in backends.names(folders))
    return tuple(load_backend(reference, folders) for several in references for reference in several)


def shipped_backends() -> "tuple[BackendProfile, ...]":
    """As `all_backends`, without anybody's folders."""
    return all_backends()


def listed_backends(folders: tuple[Path, ...] = ()) -> "tuple[Listed, ...]":
    """`all_backends` as lists name them; the shipped ones are kept too, for reading all takes ten times as long."""
    if folders:
        return tuple(map(_listed, all_backends(folders)))
    import json

    from opscan import backends, store
    from opscan.core.listing import Listed

    key = backends.shipped_digest(Path(__file__).read_bytes())
    with suppress(ValueError, TypeError, KeyError):  # nothing is kept, it is damaged, or somebody else's
        kept = json.loads(store.Profiles.get(key) or "")
        return tuple(Listed(**{**one, "sources": tuple(one["sources"])}) for one in kept)
    found = tuple(map(_listed, shipped_backends()))
    store.Profiles.put(key, json.dumps([one._asdict() for one in found]).encode())
    return found


def _listed(profile: "BackendProfile") -> "Listed":
    from opscan.core.listing import Listed

    return Listed(
        name=profile.name,
        version=profile.version,
        title=profile.title,
        dialect=profile.dialect.value,
        operators=len(profile.rules),
        exhaustive=profile.exhaustive,
        confidence=profile.confidence.value,
        sources=profile.sources,
    )


def all_of(names: Sequence[str], load: Callable[[str], _Found], origin: str = "") -> list[_Found]:
    """What the names stand for. Raises UsageError with all that stand for nothing, one a line, and their origin."""
    found: list[_Found] = []
    faults: list[str] = []
    for name in names:
        try:
            found.append(load(name))
        except UsageError as error:
            faults += [f"{origin}: {line}" if origin else line for line in error.lines]
    if faults:
        raise UsageError(*faults)
    return found
