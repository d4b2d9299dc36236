"""The schemas of ONNX, and of onnxruntime's own operators where it is installed."""

import importlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import onnx.defs
import onnx.helper

from opscan.core.inventory import Attribute
from opscan.core.operator import OpName
from opscan.core.schema import Schema

# ONNX's words for dtypes, and ours, which are numpy's.
_DTYPES = {"float": "float32", "double": "float64"}
_TENSOR = re.compile(r"(sparse_)?tensor\((\w+)\)")
_WORD = re.compile(r"(?:\b|(?<=sparse_))[a-z]+\d*\b")
_NONE: Mapping[int, Schema] = {}


def onnx_schemas(operator: str) -> Mapping[int, Schema]:
    """Every version of an operator, newest last; empty for one that nobody defines."""
    return _registry().get(operator, _NONE)


def onnx_names() -> tuple[str, ...]:
    """Every operator that has a schema."""
    return tuple(_registry())


def onnx_domains() -> frozenset[str]:
    """The domains whose operators have schemas."""
    return frozenset(OpName.parse(name).domain for name in _registry())


@cache
def _registry() -> Mapping[str, Mapping[int, Schema]]:
    found: dict[str, dict[int, Schema]] = {}
    for schema in (*onnx.defs.get_all_schemas_with_history(), *_contributed()):
        name = str(OpName(schema.domain, schema.name))
        found.setdefault(name, {})[schema.since_version] = _schema(schema)
    return {name: dict(sorted(versions.items())) for name, versions in found.items()}


def _contributed() -> Iterable[Any]:  # onnxruntime's OpSchema is not onnx's, and not typed
    """The schemas of onnxruntime's own operators: com.microsoft above all, and some in the standard's domain."""
    try:
        state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    except ImportError:
        return ()
    standard = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    return [schema for schema in state.get_all_operator_schema() if (schema.domain, schema.name) not in standard]


def _schema(schema: Any) -> Schema:  # onnx's or onnxruntime's OpSchema
    return Schema(
        since=schema.since_version,
        inputs=tuple(formal.name for formal in schema.inputs),
        outputs=tuple(formal.name for formal in schema.outputs),
        input_types=tuple(_type_of(formal) for formal in schema.inputs),
        output_types=tuple(_type_of(formal) for formal in schema.outputs),
        variadic_inputs=_is_variadic(schema.inputs),
        variadic_outputs=_is_variadic(schema.outputs),
        types={c.type_param_str: frozenset(map(dtype_of, c.allowed_type_strs)) for c in schema.type_constraints},
        attributes={name: _default(attribute) for name, attribute in schema.attributes.items()},
    )


def _is_variadic(formals: Any) -> bool:  # as above
    return any(str(formal.option).endswith("Variadic") for formal in formals)


def _type_of(formal: Any) -> str:  # onnx writes type_str, onnxruntime typeStr
    text: str = formal.type_str if hasattr(formal, "type_str") else formal.typeStr
    return text


def dtype_of(type_string: str) -> str:
    """`tensor(float)` -> `float32`; `map(int64, tensor(string))` -> `map(int64,string)`."""
    text = _TENSOR.sub(r"\1\2", type_string).replace(" ", "")
    return _WORD.sub(lambda word: _DTYPES.get(word[0], word[0]), text)


def _default(attribute: Any) -> Attribute:  # as above
    value = getattr(attribute, "default_value", None)
    if value is None or not hasattr(value, "type") or not value.type:
        return None
    found = onnx.helper.get_attribute_value(value)
    if isinstance(found, bytes):
        return found.decode()
    return tuple(v.decode() if isinstance(v, bytes) else v for v in found) if isinstance(found, list) else found
