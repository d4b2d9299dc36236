"""An inventory captured earlier: the output of `opscan inspect REF --sites --format json`."""

from pathlib import Path

from opscan.core.errors import NoAnswer
from opscan.core.source import InventorySource

PRIORITY = 10
FORM = "an inventory .json"


def resolve(reference: str, models: Path | None = None) -> InventorySource | None:
    """The inventory in that file. Raises NoAnswer where it cannot be read or is none."""
    path = Path(reference)
    if path.suffix != ".json":
        return None
    try:
        text = path.read_bytes()
    except OSError as error:
        raise NoAnswer(f"{reference}: cannot be read: {error.strerror}") from error
    from opscan.serde.reading import inventory_from_json

    inventory = inventory_from_json(text, reference)
    return InventorySource(inventory.model, inventory)
