"""Questions about the nodes and tensors of an ONNX graph: what they call, what they run, what they hold."""

from collections.abc import Iterable
from typing import Any

from onnx.onnx_ml_pb2 import NodeProto, TensorProto

from opscan.trace import onnx_wire

FunctionKey = tuple[str, str, str]

PAYLOADS = ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
"""The fields of a tensor that hold its values."""


def opsets(imports: Iterable[Any]) -> dict[str, int]:
    """Domain -> version, `""` for ai.onnx."""
    return {domain_of(entry.domain): entry.version for entry in imports}


def function_key(function: Any) -> FunctionKey:
    """What a call of the function has as domain, operator and overload."""
    return domain_of(function.domain), function.name, function.overload


def call_key(node: NodeProto) -> FunctionKey:
    """The function that the node calls, if the model has one of that name."""
    return domain_of(node.domain), node.op_type, node.overload


def bodies(attributes: Iterable[Any]) -> list[tuple[str, Any]]:
    """The graphs among a node's attributes, of ONNX's schema or of an outline's, with the attribute that holds them."""
    found: list[tuple[str, Any]] = []
    for attribute in attributes:
        if attribute.HasField("g"):
            found.append((attribute.name, attribute.g))
        elif attribute.graphs:
            found += [(attribute.name, graph) for graph in attribute.graphs]
    return found


def domain_of(name: str) -> str:
    """A domain's name, `""` for ai.onnx however it is written."""
    return "" if name == "ai.onnx" else name


def is_weight(tensor: Any) -> bool:  # a TensorProto, of ONNX's schema or an outline's
    """Whether the values of a tensor are left out."""
    return bool(tensor.ByteSize() > onnx_wire.SMALL_BYTES or tensor.data_location == TensorProto.EXTERNAL)
