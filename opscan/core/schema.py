"""What an operator is by its dialect's standard: operands, type variables, attributes."""

from collections.abc import Callable, Mapping

from opscan.core.inventory import Attribute
from opscan.core.record import Record, field


class Schema(Record, frozen=True, kw_only=True):
    """One version of an operator's definition."""

    since: int = 1
    """ONNX: the opset that brought it; aten has no versions."""
    inputs: tuple[str, ...] = ()
    """Formal names in order; aten: the tensor arguments."""
    outputs: tuple[str, ...] = ()
    input_types: tuple[str, ...] = ()
    """Of each input its type variable, or its type where that is fixed: `tensor(int64)`."""
    output_types: tuple[str, ...] = ()
    variadic_inputs: bool = False
    """Whether the last input may be repeated."""
    variadic_outputs: bool = False
    types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Type variable -> the dtypes that it may stand for."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """Name -> default, None where there is none."""


Lookup = Callable[[str], Mapping[int, Schema]]
"""An operator as profiles write it (`Conv`, `com.microsoft::Gelu`, `aten::add.Tensor`) -> its versions;
empty: no such operator."""
