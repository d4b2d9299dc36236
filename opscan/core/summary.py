"""What a survey needs of an inventory: its facts and numbers, without the sites."""

from opscan.core.canonical import special_operators
from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory, Rung, Uncaptured
from opscan.core.record import Record


class Summary(Record, frozen=True, kw_only=True):
    """One model in one dialect; a few hundred bytes where the inventory is megabytes."""

    model: str
    dialect: Dialect
    sites: int
    params: int | None
    """As in Inventory."""
    macs: int | None
    """As in Inventory: None when that of any site is unknown."""
    special: tuple[str, ...]
    """Names of the special operators, in the order of reports."""
    uncaptured: tuple[Uncaptured, ...]
    rungs: tuple[Rung, ...]


def summary(inventory: Inventory) -> Summary:
    """The inventory without its sites."""
    return Summary(
        model=inventory.model,
        dialect=inventory.dialect,
        sites=len(inventory.sites),
        params=inventory.params,
        macs=inventory.macs,
        special=special_operators(inventory),
        uncaptured=inventory.uncaptured,
        rungs=inventory.rungs,
    )
