"""A model -> its inventory in a dialect."""

import sys
from typing import TYPE_CHECKING

from opscan.core import record
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import NoAnswer, UsageError
from opscan.core.inventory import Inventory
from opscan.core.source import InventorySource, ModelSource, OnnxSource, TorchSource
from opscan.pipeline.options import Options, ToolVersions

if TYPE_CHECKING:
    from opscan.core.profile import BackendProfile


def capture(source: ModelSource, dialect: Dialect | None, options: Options) -> Inventory:
    """The inventory of a model; its own dialect (torch for a torch model) where none is asked for.

    Raises NoAnswer or UsageError.
    """
    match source:
        case InventorySource(inventory=inventory):
            _require(source.name, dialect, inventory.dialect)
            return inventory
        case OnnxSource():
            _require(source.name, dialect, Dialect.ONNX)
            from opscan.pipeline import ahead
            from opscan.trace.onnx_package import defer
            from opscan.trace.uninterrupted import uninterrupted

            defer()
            # Who reads many files has imported it all, and loads onnx once.
            with ahead.reading(source.path, alone="opscan.trace.onnx_file" in sys.modules) as process:
                with uninterrupted():
                    from opscan.trace.onnx_file import capture_onnx_file
                return record.replace(capture_onnx_file(source, process), tools=ToolVersions())
        case TorchSource():
            from opscan.pipeline.torch_captures import capture_torch_model

            (found,) = capture_torch_model(source, (dialect or Dialect.TORCH,), options)
            if found.inventory is None:
                raise NoAnswer(found.reason)
            return found.inventory


def asked(source: ModelSource, profile: "BackendProfile", options: Options) -> tuple[Dialect | None, Options]:
    """What a capture for that backend is told."""
    wanted = profile.dialect if isinstance(source, TorchSource) else None
    # The edge dialect is ExecuTorch's own, which it makes of core ATen by turning views into copies.
    level = AtenLevel.EXPORT if profile.level is AtenLevel.EXPORT else AtenLevel.CORE
    return wanted, record.replace(options, level=level)


def _require(name: str, wanted: Dialect | None, has: Dialect) -> None:
    if wanted is not None and wanted is not has:
        raise UsageError(f"{name}: is in the {has} dialect; {wanted} needs the torch model (leave out --dialect)")
