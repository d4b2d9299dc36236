"""The types of the values of an ONNX graph by number: a graph has many values of few types."""

from collections.abc import Iterable, Iterator

from opscan.core.inventory import Dimension, TensorSpec
from opscan.trace.onnx_columns import TensorKind, ValueColumns
from opscan.trace.onnx_outline import Outline, type_outline
from opscan.trace.onnx_values import stored_spec, type_spec

UNKNOWN, ABSENT = 0, -1
"""Numbers of the type of which nothing is known, and of no value at all."""

Scope = dict[str, int]
"""Name of a value -> the number of its type. `""` is ABSENT."""


class Types:
    """Every type met, once."""

    def __init__(self) -> None:
        self.specs = [TensorSpec(None, None)]
        """By number, without names."""
        self._numbers: dict[tuple[object, ...], int] = {(None, None, False): UNKNOWN}
        self._made: dict[tuple[int, bool], int] = {}
        self._stated: dict[bytes, tuple[int, bool]] = {}

    def number(self, spec: TensorSpec) -> int:
        """The number of a type, whatever the value is called; of a constant it is another."""
        key = (spec.shape, spec.dtype, spec.constant)
        number = self._numbers.setdefault(key, len(self.specs))
        if number == len(self.specs):
            self.specs.append(_type(spec.shape, spec.dtype, spec.constant))
        return number

    def made(self, number: int, constant: bool) -> int:
        """The same type as a constant's, or not; of no value, none."""
        key = number, constant
        if key not in self._made:
            spec = self.specs[number]
            self._made[key] = ABSENT if number == ABSENT else self.number(_type(spec.shape, spec.dtype, constant))
        return self._made[key]

    def named(self, number: int, name: str) -> TensorSpec:
        """The type of a value of that name."""
        spec = self.specs[number]
        return TensorSpec(spec.shape, spec.dtype, name, spec.constant)

    def stated(self, values: ValueColumns) -> Iterator[tuple[str, int, bool]]:
        """Name and type of values, and whether that is a tensor's dtype and shape. Raises DecodeError."""
        known = [self._stated_as(text) for text in values.of_types]
        return ((name, *known[position]) for name, position in zip(values.names, values.types, strict=True))

    def stored(self, kinds: Iterable[TensorKind]) -> list[int]:
        """The types of stored tensors."""
        return [self.number(stored_spec(data_type, dims)) for data_type, dims in kinds]

    def _stated_as(self, text: bytes) -> tuple[int, bool]:
        if text not in self._stated:
            stated = type_outline(text)
            self._stated[text] = self.number(type_spec("", stated)), _is_complete(stated)
        return self._stated[text]


def _type(shape: tuple[Dimension, ...] | None, dtype: str | None, constant: bool) -> TensorSpec:
    return TensorSpec(shape, dtype, "", constant)


def _is_complete(stated: Outline) -> bool:
    tensor = stated.tensor_type
    return bool(tensor.elem_type) and tensor.HasField("shape")
