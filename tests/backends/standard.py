"""The schemas of the ONNX standard, as profiles speak of them."""

import re
from collections.abc import Iterable
from functools import cache

import onnx

from opscan.core.operator import OpName


@cache
def schemas() -> dict[str, dict[int, onnx.defs.OpSchema]]:
    """Schemas of an operator by version."""
    found: dict[str, dict[int, onnx.defs.OpSchema]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        found.setdefault(str(OpName(schema.domain, schema.name)), {})[schema.since_version] = schema
    return found


def dtypes(type_strings: Iterable[str]) -> set[str]:
    """`float32` of `tensor(float)`; of a sequence or map, what it holds."""
    spelled = {"float": "float32", "double": "float64"}
    bare = {re.split("[(, ]+", text.rstrip(")"))[-1] for text in type_strings}
    return {spelled.get(text, text) for text in bare}
