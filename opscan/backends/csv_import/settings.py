"""The head of a profile file, which an import keeps, and how it reads its lists."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from opscan.backends.csv_import.names import Naming
from opscan.backends.csv_import.rules import Reading
from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError
from opscan.core.profile import VersionMatch
from opscan.core.schema import Lookup
from opscan.serde.profile import ImportYAML


def import_of(head: Mapping[str, Any]) -> ImportYAML:
    """The import of a profile's head. Raises UsageError where it has none, or one with faults."""
    if "import" not in head:
        raise UsageError("the profile does not say which lists it comes from: it has no key `import`")
    try:
        return msgspec.convert(head["import"], ImportYAML)
    except msgspec.ValidationError as error:
        raise UsageError(f"import: {error}") from error


def reading(
    head: Mapping[str, Any], settings: ImportYAML, lookup: Lookup, functional: Callable[[str], str | None] | None
) -> Reading:
    """How the lists of a profile are read."""
    return Reading(
        naming=Naming(
            dialect=Dialect(head["dialect"]),
            lookup=lookup,
            domains=settings.domains,
            aliases={**head.get("aliases", {}), **settings.spellings},
            functional=functional if settings.out_variants else None,
        ),
        equal=head.get("version_match") == VersionMatch.EQUAL,
        dtypes=settings.dtypes,
        restriction=settings.restriction,
    )
