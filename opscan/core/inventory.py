"""What was found in one model, in one dialect. Frozen values; every number is a view of the sites."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from opscan.core.operator import AtenLevel, Dialect, OpName

Dimension = int | str
Attribute = Union[None, bool, int, float, str, tuple["Attribute", ...]]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor's type. A dimension is an int, or a str when symbolic; None means unknown."""

    shape: tuple[Dimension, ...] | None
    dtype: str | None
    name: str = ""
    constant: bool = False
    """Its value does not depend on the model's inputs."""

    @property
    def static_shape(self) -> tuple[int, ...] | None:
        """The shape when every dimension is a known int."""
        if self.shape is None:
            return None
        known = tuple(d for d in self.shape if isinstance(d, int))
        return known if len(known) == len(self.shape) else None

    def __str__(self) -> str:
        dims = "?" if self.shape is None else ",".join(map(str, self.shape))
        return f"{self.dtype or '?'}[{dims}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One occurrence of an operator."""

    op: OpName
    module: str
    """Dotted path of the module whose forward holds it, `""` for the root."""
    source: str | None = None
    """`file:line` of the author's code; None where it is not known."""
    inputs: tuple[TensorSpec | None, ...] = ()
    """In the operator's own order; None for an optional input left out."""
    outputs: tuple[TensorSpec, ...] = ()
    """In the operator's own order; one that is not used has no name and no type."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    defaults: Mapping[str, Attribute] | None = None
    """What an attribute that is left out stands for, by the operator's schema; None without a schema."""
    macs: int | None = 0
    """Multiply-accumulates; None when a shape that the count needs is unknown."""
    node: str = ""
    """The node's name in its graph."""
    body: str = ""
    """Path of the control-flow body or function it sits in, `""` for the main graph."""
    since_version: int | None = None
    """ONNX: the schema version that the model's opset selects; None for an operator without schema."""
    types: Mapping[str, str] = field(default_factory=dict)
    """ONNX: dtype bound to each type variable of the schema, e.g. {"T": "float32"}."""
    unbound: tuple[str, ...] = ()
    """ONNX: type variables of present inputs and outputs whose dtype is not known; all of them (`*`)
    for an operator without schema."""
    is_function: bool = False
    """ONNX: its schema defines it by a function body of simpler operators, valid at the model's opset."""
    function: str = ""
    """ONNX: the key of that body in Inventory.functions, `""` where the types that it depends on are not known."""
    constant: bool = False
    """Its value does not depend on the model's inputs: a compiler can compute it once."""
    dead: bool = False
    """No output of its graph depends on it."""

    @property
    def place(self) -> str:
        """Where a person finds it: `blocks.3.attn, models/vit.py:88`."""
        module = self.module or "(root)"
        return f"{module}, {self.source}" if self.source else module


@dataclass(frozen=True, slots=True)
class Uncaptured:
    """A part of the model that the walker could not see, and why."""

    module: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rung:
    """The way a part of the model was captured, and why no better one worked (empty for the first)."""

    module: str
    method: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """What ONNX defines one kind of call of an operator by."""

    sites: tuple[Site, ...]
    fault: str = ""
    """Why there is no valid body for such a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All sites of one model in one dialect, in the order of execution."""

    model: str
    dialect: Dialect
    sites: tuple[Site, ...]
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
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """core.kinds and core.partition keep here what they found, which depends on the sites alone."""

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
        return sum(site.macs or 0 for site in self.sites)

    @property
    def sites_without_macs(self) -> int:
        """Sites whose multiply-accumulates depend on an unknown shape."""
        return sum(site.macs is None for site in self.sites)

    def by_operator(self) -> dict[OpName, tuple[Site, ...]]:
        """Sites of each operator, operators in the order they first occur."""
        groups: dict[OpName, list[Site]] = {}
        for site in self.sites:
            groups.setdefault(site.op, []).append(site)
        return {op: tuple(sites) for op, sites in groups.items()}

    def __iter__(self) -> Iterator[Site]:
        return iter(self.sites)
