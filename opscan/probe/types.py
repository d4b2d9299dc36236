"""ONNX types as the schemas write them: `tensor(float)`, `seq(tensor(int64))`, `map(string, float)`."""

import re
from functools import cache
from typing import Any

import onnx
from onnx import TensorProto, TypeProto, helper

from opscan.core.operator import OpName

_SPELLED = {"float": "FLOAT", "double": "DOUBLE"}
_MAP = re.compile(r"map\((\w+), ?(?:tensor\()?(\w+)\)?\)")


def element(text: str) -> str:
    """The innermost type: `float` of `seq(tensor(float))`."""
    return re.split(r"[(, ]+", text.rstrip(")"))[-1]


def container(text: str) -> str:
    """tensor, seq, optional, map or sparse_tensor."""
    return text.partition("(")[0]


def inner(text: str) -> str:
    """What a sequence or optional holds."""
    return text.partition("(")[2].removesuffix(")")


@cache
def code(name: str) -> int:
    """TensorProto.DataType of an element type as schemas write it."""
    return int(TensorProto.DataType.Value(_SPELLED.get(name, name.upper())))


def dtype(name: str) -> str:
    """opscan's name: float32 for `float`."""
    return {"float": "float32", "double": "float64"}.get(name, name)


def numpy_dtype(name: str) -> Any:
    """The numpy or ml_dtypes type of an element type."""
    return helper.tensor_dtype_to_np_dtype(code(name))


def type_proto(text: str, shape: tuple[int | str, ...] | None) -> TypeProto:
    """A type with the shape of its tensors, None for an unknown one."""
    match container(text):
        case "seq":
            return helper.make_sequence_type_proto(type_proto(inner(text), shape))
        case "optional":
            return helper.make_optional_type_proto(type_proto(inner(text), shape))
        case "map":
            key, value = map_types(text)
            return helper.make_map_type_proto(code(key), helper.make_tensor_type_proto(code(value), None))
        case "sparse_tensor":
            return helper.make_sparse_tensor_type_proto(code(element(text)), shape)
        case _:
            return helper.make_tensor_type_proto(code(element(text)), shape)


def map_types(text: str) -> tuple[str, str]:
    """Key and value type of a map."""
    found = _MAP.fullmatch(text)
    assert found, text
    return found[1], found[2]


@cache
def schemas(opset: int, domain: str) -> dict[str, Any]:
    """Operator -> onnx.defs.OpSchema (untyped in onnx) that an opset of a domain selects, deprecated ones left out."""
    newest: dict[str, Any] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == domain and schema.since_version <= opset:
            known = newest.get(schema.name)
            if known is None or known.since_version < schema.since_version:
                newest[schema.name] = schema
    return {name: schema for name, schema in sorted(newest.items()) if not schema.deprecated}


def name_of(node: onnx.NodeProto) -> str:
    """`Conv`, `ai.onnx.ml::Scaler`."""
    return str(OpName(node.domain, node.op_type, node.overload))
