"""What the trace needs of onnx's compiled part: schemas, shape inference, inlining, on serialized models.

The same calls that `onnx.defs`, `onnx.shape_inference` and `onnx.inliner` make, without importing these,
which need all of onnx; see `onnx_package`. It is loaded by the first call, and builds its table of operators, which
together takes 0.01 s: a process that has another ask for it does without.
"""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from onnx.onnx_ml_pb2 import AttributeProto, Version

from opscan.trace.uninterrupted import uninterrupted

IR_VERSION = int(Version.Value("IR_VERSION"))


def load() -> None:
    """Does now what the first call would, which then has its answer at once."""
    schema("Identity", "", 1)


def is_loaded() -> bool:
    """Whether a call has its answer at once."""
    return "onnx.onnx_cpp2py_export" in sys.modules


def schema(op_type: str, domain: str, opset: int) -> Any:
    """onnx.defs.OpSchema (untyped in onnx), None where the operator has no schema at that opset."""
    defs = _compiled().defs
    try:
        return defs.get_schema(op_type, opset, domain)
    except Exception:  # onnx raises its own SchemaError from C++
        return None


def default_value(attribute: Any) -> AttributeProto:
    """Of an attribute of a schema; without a type where it has none."""
    return AttributeProto.FromString(attribute._default_value)


def newest() -> Mapping[str, int]:
    """The newest opset of each domain that this onnx knows, `""` for ai.onnx."""
    return {domain: int(versions[1]) for domain, versions in _compiled().defs.schema_version_map().items()}


def infer_shapes(model: bytes, *, data_prop: bool, check_type: bool = False, strict_mode: bool = False) -> bytes:
    """As onnx.shape_inference.infer_shapes. Raises what it raises."""
    inferred: bytes = _compiled().shape_inference.infer_shapes(model, check_type, strict_mode, data_prop)
    return inferred


def inline_local_functions(model: bytes) -> bytes:
    """As onnx.inliner.inline_local_functions. Raises what it raises."""
    inlined: bytes = _compiled().inliner.inline_local_functions(model, False)
    return inlined


def infer_outputs(
    found: Any,  # an OpSchema
    node: bytes,
    types: dict[str, bytes],
    stored: dict[str, bytes],
    opsets: dict[str, int],
    ir_version: int,
) -> dict[str, bytes]:
    """As onnx.shape_inference.infer_node_outputs, of serialized messages. Raises what it raises."""
    if not found.has_type_and_shape_inference_function:
        return {}
    outputs: dict[str, bytes] = found._infer_node_outputs(node, types, stored, {}, opsets, ir_version)
    return outputs


@cache
def _compiled() -> Any:
    """The compiled part itself, untyped in onnx."""
    with uninterrupted():
        return import_module("onnx.onnx_cpp2py_export")
