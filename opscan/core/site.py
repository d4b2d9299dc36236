"""One occurrence of an operator, and the types of what it reads and makes."""

from collections.abc import Mapping
from typing import Union

from opscan.core.operator import OpName
from opscan.core.record import Record, field

Dimension = int | str
Attribute = Union[None, bool, int, float, str, tuple["Attribute", ...]]


class TensorSpec(Record, frozen=True):
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


class Site(Record, frozen=True, kw_only=True):
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
