"""What was found in one model, in one dialect. Frozen values; every number is a view of the sites."""

from collections.abc import Iterator, Mapping, Sequence

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.record import Record, Remembering, field
from opscan.core.site import Attribute, Dimension, Site, TensorSpec
from opscan.core.sites import counted

__all__ = [
    "Attribute",
    "Dimension",
    "FunctionBody",
    "Inventory",
    "Rung",
    "Site",
    "TensorSpec",
    "Uncaptured",
]


class Uncaptured(Record, frozen=True):
    """A part of the model that the walker could not see, and why."""

    module: str
    reason: str


class Rung(Record, frozen=True):
    """The way a part of the model was captured, and why no better one worked (empty for the first)."""

    module: str
    method: str
    reason: str = ""


class FunctionBody(Record, frozen=True):
    """What ONNX defines one kind of call of an operator by."""

    sites: Sequence[Site]
    fault: str = ""
    """Why there is no valid body for such a call."""


class Inventory(Remembering, frozen=True, kw_only=True):
    """All sites of one model in one dialect, in the order of execution.

    core.kinds and core.partition keep in its memo what they found, which depends on the sites alone.
    """

    model: str
    dialect: Dialect
    sites: Sequence[Site]
    """A tuple, or what stands for one: core.sites.Sites."""
    uncaptured: tuple[Uncaptured, ...] = ()
    opset_imports: Mapping[str, int] = field(default_factory=dict)
    """ONNX: domain -> opset version, `""` for ai.onnx."""
    ir_version: int | None = None
    """ONNX: the version of the file format."""
    level: AtenLevel | None = None
    """aten: how far the graph is decomposed; None where that is not known."""
    inputs: tuple[TensorSpec, ...] = ()
    """What the model is given, in its order; empty where that is not known."""
    local_functions: tuple[str, ...] = ()
    """ONNX: names of the functions that the file defines and calls; their nodes stand in `sites`."""
    functions: Mapping[str, FunctionBody] = field(default_factory=dict)
    """ONNX: the bodies that Site.function speaks of."""
    params: int | None = None
    """Elements of all parameters, shared ones once, frozen ones included, buffers excluded.
    For an .onnx file: elements of all initializers."""
    rungs: tuple[Rung, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    """Versions of the libraries that the answer depends on."""

    @property
    def opset(self) -> int | None:
        """The ai.onnx opset version."""
        return self.opset_imports.get("")

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of one forward; None when that of any site is unknown. See views.control_flow."""
        return None if self.sites_without_macs else self.known_macs

    @property
    def known_macs(self) -> int:
        """Multiply-accumulates of the sites whose count is known: a lower bound."""
        return sum((form.macs or 0) * count for form, count in counted(self.sites))

    @property
    def sites_without_macs(self) -> int:
        """Sites whose multiply-accumulates depend on an unknown shape."""
        return sum(count for form, count in counted(self.sites) if form.macs is None)

    def __iter__(self) -> Iterator[Site]:
        return iter(self.sites)
