"""One model, held against backends where any are asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.pipeline.captures import asked, capture
from opscan.pipeline.options import Options
from opscan.sources import resolve

if TYPE_CHECKING:
    from opscan.core.coverage import Coverage


def inspected(
    reference: str,
    names: Sequence[str],
    dialect: Dialect | None,
    options: Options,
    folders: tuple[Path, ...] = (),
) -> "tuple[Inventory, tuple[Coverage, ...]]":
    """One capture held against several backends; without a dialect it is the first backend's.

    Raises NoAnswer, UsageError, or DialectMismatch where a backend speaks another dialect.
    """
    if not names:
        return capture(resolve(reference, options.models), dialect, options), ()
    from opscan.core.judge import compare
    from opscan.pipeline.profiles import all_of, load_backend

    profiles = all_of(names, lambda name: load_backend(name, folders))
    source = resolve(reference, options.models)
    if dialect is None:
        dialect, options = asked(source, profiles[0], options)
    inventory = capture(source, dialect, options)
    return inventory, tuple(compare(inventory, profile) for profile in profiles)
