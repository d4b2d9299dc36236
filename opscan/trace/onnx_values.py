"""Types and attributes of an ONNX protobuf as plain values."""

import struct
from collections.abc import Iterable
from functools import cache
from math import prod
from typing import Any

from onnx.onnx_ml_pb2 import (
    AttributeProto,
    NodeProto,
    TensorProto,
    TypeProto,
)

from opscan.core.inventory import Attribute, Dimension, TensorSpec

# Tensors up to this many elements keep their values in attributes: axes, scales, small shapes.
_VALUE_ELEMENTS = 16
_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64"}
# dtype of a Constant node's value that no tensor states.
_CONSTANT_DTYPES = {
    AttributeProto.INT: "int64",
    AttributeProto.INTS: "int64",
    AttributeProto.FLOAT: "float32",
    AttributeProto.FLOATS: "float32",
    AttributeProto.STRING: "string",
    AttributeProto.STRINGS: "string",
}

# Most stored values: how `struct` reads them, and the field that holds them if they are not raw.
_STORED: dict[int, tuple[str, str]] = {
    TensorProto.FLOAT: ("f", "float_data"),
    TensorProto.DOUBLE: ("d", "double_data"),
    TensorProto.INT64: ("q", "int64_data"),
    TensorProto.INT32: ("i", "int32_data"),
}


@cache
def dtype_name(element_type: int) -> str | None:
    """`float32` for TensorProto.FLOAT; None for UNDEFINED or a type newer than the onnx library."""
    if element_type == TensorProto.UNDEFINED:
        return None
    try:
        name = TensorProto.DataType.Name(element_type)
        return _DTYPES.get(name, name.lower())
    except ValueError:
        return None


def dtype_code(dtype: str | None) -> int | None:
    """The inverse of `dtype_name`; None where there is no such type."""
    names = {word: name for name, word in _DTYPES.items()}
    try:
        return int(TensorProto.DataType.Value(names.get(str(dtype), str(dtype).upper())))
    except ValueError:
        return None


def tensor_type(code: int, shape: Iterable[Dimension] | None) -> TypeProto:
    """A tensor's type; as onnx.helper makes it, which imports all of onnx."""
    found = TypeProto(tensor_type=TypeProto.Tensor(elem_type=code))
    if shape is None:
        return found
    dims = found.tensor_type.shape.dim
    found.tensor_type.shape.SetInParent()
    for size in shape:
        dim = dims.add()
        if isinstance(size, int):
            dim.dim_value = size
        elif size != "?":
            dim.dim_param = size
    return found


def type_spec(name: str, value_type: TypeProto) -> TensorSpec:
    """A value's declared type, of a sequence or an optional what it holds.

    Unknown dimensions become `?`, symbolic ones keep their symbol.
    """
    if not value_type.HasField("tensor_type"):
        if value_type.HasField("optional_type"):
            value_type = value_type.optional_type.elem_type
        if value_type.HasField("sequence_type"):
            value_type = value_type.sequence_type.elem_type
    if value_type.HasField("map_type"):
        return TensorSpec(None, _map_dtype(value_type.map_type), name)
    tensor = value_type.tensor_type if value_type.HasField("tensor_type") else value_type.sparse_tensor_type
    shape: tuple[Dimension, ...] | None = None
    if tensor.HasField("shape"):
        dims = tensor.shape.dim
        shape = tuple(_dimension(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
    return TensorSpec(shape, dtype_name(tensor.elem_type), name)


def _map_dtype(stated: TypeProto.Map) -> str | None:
    """`map(int64,float32)`, as profiles write it; None where the file does not say."""
    key, value = dtype_name(stated.key_type), dtype_name(stated.value_type.tensor_type.elem_type)
    return f"map({key},{value})" if key and value else None


def _dimension(stated: int) -> Dimension:
    """Some exporters write -1 where they do not know."""
    return stated if stated >= 0 else "?"


def _shape(dims: Iterable[int]) -> tuple[Dimension, ...]:
    sizes = tuple(dims)
    return sizes if not sizes or min(sizes) >= 0 else tuple(map(_dimension, sizes))


def stored_spec(data_type: int, dims: Iterable[int], name: str = "") -> TensorSpec:
    """The type of a stored tensor."""
    return TensorSpec(_shape(dims), dtype_name(data_type), name, constant=True)


def constant_spec(node: NodeProto) -> TensorSpec | None:
    """The type of a Constant node's value, whichever attribute holds it; None where none does."""
    for attribute in node.attribute:
        match attribute.type:
            case _ if attribute.ref_attr_name:
                continue  # a parameter of the function it sits in
            case AttributeProto.TENSOR:
                return stored_spec(attribute.t.data_type, attribute.t.dims)
            case AttributeProto.SPARSE_TENSOR:
                return stored_spec(attribute.sparse_tensor.values.data_type, attribute.sparse_tensor.dims)
            case AttributeProto.INTS | AttributeProto.FLOATS | AttributeProto.STRINGS as kind:
                length = len(attribute.ints) + len(attribute.floats) + len(attribute.strings)
                return TensorSpec((length,), _CONSTANT_DTYPES[kind], constant=True)
            case kind if kind in _CONSTANT_DTYPES:
                return TensorSpec((), _CONSTANT_DTYPES[kind], constant=True)
            case _:
                continue
    return None


def attribute_value(attribute: AttributeProto) -> Attribute:
    """A plain value; a large tensor is given by its type, a graph by its name."""
    match attribute.type:
        case AttributeProto.FLOAT:
            return _short(attribute.f)
        case AttributeProto.INT:
            return int(attribute.i)
        case AttributeProto.STRING:
            return _text(attribute.s)
        case AttributeProto.FLOATS:
            return tuple(map(_short, attribute.floats))
        case AttributeProto.INTS:
            return tuple(attribute.ints)
        case AttributeProto.STRINGS:
            return tuple(map(_text, attribute.strings))
        case AttributeProto.TENSOR:
            return _tensor_value(attribute.t)
        case AttributeProto.GRAPH:
            return attribute.g.name
        case kind if kind in AttributeProto.AttributeType.values():
            return AttributeProto.AttributeType.Name(kind).lower()
        case kind:  # newer than the onnx library
            return f"type {kind}"


def _short(value: float) -> float:
    """The decimal of fewest digits that rounds to the same float32: 1e-05, not 9.999999747378752e-06."""
    try:
        stored = struct.pack("<f", value)
        texts = (f"{value:.{digits}g}" for digits in range(1, 10))
        return next(float(text) for text in texts if struct.pack("<f", float(text)) == stored)
    except (OverflowError, StopIteration):  # not a number, or not a float32
        return value


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _plain(value: Any) -> Attribute:  # an element of a numpy array of any dtype
    return value if isinstance(value, bool | int | float | str) else str(value)


def _stored_values(tensor: TensorProto) -> Any:
    """As numpy's tolist(). Raises whatever onnx raises."""
    if tensor.data_type in _STORED and len(tensor.dims) == 1:
        code, field = _STORED[tensor.data_type]
        if tensor.HasField("raw_data"):
            return list(struct.unpack(f"<{tensor.dims[0]}{code}", tensor.raw_data))
        if len(getattr(tensor, field)) == tensor.dims[0]:
            return list(getattr(tensor, field))
    import onnx.numpy_helper  # noqa: PLC0415  # all of onnx and numpy, for the less usual

    return onnx.numpy_helper.to_array(tensor).tolist()


def _tensor_value(tensor: TensorProto) -> Attribute:
    small = all(dim >= 0 for dim in tensor.dims) and prod(tensor.dims) <= _VALUE_ELEMENTS
    if small and tensor.data_location != TensorProto.EXTERNAL:
        try:
            values = _stored_values(tensor)
            return tuple(map(_plain, values)) if len(tensor.dims) == 1 else str(values)
        except Exception:  # a malformed value: its type is still known
            pass
    return str(stored_spec(tensor.data_type, tensor.dims, tensor.name))
