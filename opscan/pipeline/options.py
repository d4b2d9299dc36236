"""What every capture is told, and the versions that its answer depends on."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from opscan.core.dialect import AtenLevel
from opscan.core.record import Record

# One model's captures take seconds, on a busy machine a minute.
TIMEOUT = 1800.0
# What reports name as having made them, and what else decides how a graph comes out.
_TOOLS = ("opscan", "torch", "onnx", "onnxscript")
_LIBRARIES = ("onnx-ir", "numpy", "protobuf")


class Options(Record, frozen=True, kw_only=True):
    """What every capture is told."""

    opset: int | None = None
    """ONNX: None is the exporter's default."""
    level: AtenLevel = AtenLevel.CORE
    """aten: how far the graph is decomposed."""
    models: Path | None = None
    """A folder of definitions beside the bundled ones."""
    cache: bool = True
    jobs: int | None = None
    """Processes; None is one per core."""
    timeout: float = TIMEOUT
    """Seconds that one model of a survey may take."""
    unfolded: bool = False
    """Repeated blocks are exported one by one; their values are then named as in an exported file."""
    sites: bool = False
    """The entries of a survey carry whole inventories, not only their summaries."""


def tool_versions() -> dict[str, str]:
    """Versions of the libraries that an answer depends on, without importing them."""
    return {name: number for name, number in library_versions().items() if name in _TOOLS}


class ToolVersions(Mapping[str, str]):
    """`tool_versions`, looked up when somebody reads them: that takes as long as reading a file of 300 nodes."""

    def __getitem__(self, name: str) -> str:
        return tool_versions()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tool_versions())

    def __len__(self) -> int:
        return len(tool_versions())


@cache
def library_versions() -> Mapping[str, str]:
    """As `tool_versions`, with the libraries below the exporter."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in (*_TOOLS, *_LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return MappingProxyType(found)
