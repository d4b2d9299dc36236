"""What a reference on the command line stands for, before anything is captured."""

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from opscan.core.record import Record, field

if TYPE_CHECKING:
    from opscan.core.inventory import Inventory


class InputSpec(Record, frozen=True):
    """One argument of a model's forward, e.g. `float32 [1, 3, 224, 224]`."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int | None = None
    """Integers: values are drawn from 0 up to, not including, this."""


class TorchSource(Record, frozen=True, kw_only=True):
    """A model that can be built: captured in any dialect."""

    name: str
    build: Callable[[], Any]
    """Returns a new torch.nn.Module; imports torch when called. `Any` keeps torch out of core."""
    inputs: Mapping[str, InputSpec]
    """Arguments of forward, by position."""
    fingerprint: str | None = None
    """A digest of everything the model is built from; None where that cannot be known."""
    code_roots: Mapping[PurePath, str] = field(default_factory=dict)
    """Folder -> the name by which reports call it, e.g. {/…/site-packages/opscan/models: "models"}."""


class OnnxSource(Record, frozen=True):
    """An ONNX file: the onnx dialect only."""

    name: str
    path: PurePath


class InventorySource(Record, frozen=True):
    """An inventory that was captured earlier: its own dialect only."""

    name: str
    inventory: "Inventory"


ModelSource = TorchSource | OnnxSource | InventorySource
