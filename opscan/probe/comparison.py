"""A runtime's numbers against the reference's."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from opscan.probe.case import Value

# dtype -> relative and absolute tolerance. float32's are those of onnx's own backend tests, a little wider in
# absolute terms; the narrow types allow a few units in the last place.
_TOLERANCES = {
    "float64": (1e-5, 1e-7),
    "float32": (1e-3, 1e-5),
    "float16": (1e-2, 1e-3),
    "bfloat16": (5e-2, 1e-2),
}
_NARROW = (0.25, 0.1)
# Quantized numbers: rounding may fall to either side.
_BYTES = ("int8", "uint8", "int4", "uint4", "int2", "uint2")


def difference(actual: Sequence[Value], expected: Sequence[Value]) -> str:
    """How the first output that differs differs; empty where none does."""
    if len(actual) != len(expected):
        return f"{len(actual)} outputs, the reference has {len(expected)}"
    texts = (_output_difference(a, e) for a, e in zip(actual, expected, strict=True))
    return next((f"output {number}: {text}" for number, text in enumerate(texts) if text), "")


def _output_difference(actual: Value, expected: Value) -> str:
    if isinstance(expected, list | tuple):
        if not isinstance(actual, list | tuple):
            return f"is no sequence, the reference's is one of {len(expected)}"
        return difference(actual, expected)
    if expected is None or isinstance(expected, dict):
        return "" if _same(actual, expected) else "differs"
    return _array_difference(np.asarray(actual), np.asarray(expected))


def _same(actual: Value, expected: Value) -> bool:
    return bool(actual is expected or actual == expected)


def _array_difference(actual: Any, expected: Any) -> str:  # numpy arrays of any dtype
    if expected.dtype.kind == "V" and actual.dtype != expected.dtype and actual.itemsize == expected.itemsize:
        actual = actual.view(expected.dtype)  # the bits of a type that numpy lacks
    if actual.shape != expected.shape:
        return f"shape {_shape(actual)}, the reference has {_shape(expected)}"
    name = expected.dtype.name
    if expected.dtype.kind in "OUS" or actual.dtype.kind in "OUS":
        return "" if [*map(_text, actual.ravel())] == [*map(_text, expected.ravel())] else "texts differ"
    if expected.dtype.kind == "c" or actual.dtype.kind == "c":
        return "" if np.allclose(actual, expected, 1e-3, 1e-5, equal_nan=True) else "complex numbers differ"
    if expected.dtype.kind in "biu" or name in _BYTES:
        off = np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max(initial=0)
        return "" if off <= (name in _BYTES) else f"{name} off by up to {off:.6g}"
    return _float_difference(actual, expected, name)


def _shape(array: Any) -> str:
    return "x".join(map(str, array.shape)) or "()"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _float_difference(actual: Any, expected: Any, name: str) -> str:
    relative, absolute = _TOLERANCES.get(name, _NARROW)
    a, e = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        close = np.isclose(a, e, rtol=relative, atol=absolute, equal_nan=True)
        if close.all():
            return ""
        off = np.abs(a - e)[~close]
    where = f"{int((~close).sum())} of {close.size} numbers"
    return f"{where} differ, by up to {np.nanmax(off, initial=0):.3g}" if np.isfinite(off).any() else f"{where} differ"
