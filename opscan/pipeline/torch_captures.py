"""A torch model -> its inventories, from the cache where it was captured before."""

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opscan import store
from opscan.core.dialect import Dialect
from opscan.core.errors import OpscanError
from opscan.core.inventory import Inventory
from opscan.core.record import replace
from opscan.core.source import TorchSource
from opscan.core.survey import Capture
from opscan.pipeline.options import Options, library_versions, tool_versions

if TYPE_CHECKING:
    from opscan.trace.session import TorchSession


def capture_torch_model(source: TorchSource, dialects: Sequence[Dialect], options: Options) -> tuple[Capture, ...]:
    """One model in several dialects, with all sites; what fails becomes a reason. aten and onnx share one export."""
    captures = {dialect: Capture.of(i) for dialect in dialects if (i := kept(source, dialect, options))}
    missing = [dialect for dialect in dialects if dialect not in captures]
    if missing:
        from opscan.trace.session import TorchSession

        session = TorchSession(source, unfolded=options.unfolded)
        captures |= {dialect: _captured(session, source, dialect, options) for dialect in missing}
    return tuple(captures[dialect] for dialect in dialects)


def _captured(session: "TorchSession", source: TorchSource, dialect: Dialect, options: Options) -> Capture:
    try:
        inventory = replace(session.capture(dialect, options.opset, options.level), tools=tool_versions())
    except OpscanError as error:
        return Capture(dialect, None, str(error).removeprefix(f"{source.name}: "))
    if key := _key(source, dialect, options):
        store.put(key, inventory)
    return Capture.of(inventory)


def kept_summaries(source: TorchSource, dialects: Sequence[Dialect], options: Options) -> tuple[Capture, ...] | None:
    """The captures of an earlier run, without their sites; None where one is missing."""
    captures = []
    for dialect in dialects:
        key = _key(source, dialect, options)
        found = store.summary_of(key) if key else None
        if found is None:
            return None
        captures.append(Capture(dialect, found))
    return tuple(captures)


def kept(source: TorchSource, dialect: Dialect, options: Options) -> Inventory | None:
    """The inventory of an earlier run; None where there is none."""
    key = _key(source, dialect, options)
    return store.get(key) if key else None


def _key(source: TorchSource, dialect: Dialect, options: Options) -> str | None:
    """The name under which the capture is kept: everything that it depends on. None where it must not be kept."""
    if source.fingerprint is None or not options.cache:
        return None
    exported = {Dialect.ONNX: str(options.opset), Dialect.ATEN: options.level.value}.get(dialect)
    asked = "" if exported is None else exported + " unfolded" * options.unfolded
    versions = [f"{library} {number}" for library, number in library_versions().items()]
    return store.key(
        [source.name, source.fingerprint, dialect, asked, f"Python {platform.python_version()}", *versions]
    )
