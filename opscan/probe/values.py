"""Values for the inputs of generated models."""

from typing import Any

import numpy as np

from opscan.probe.case import Value
from opscan.probe.examples import Token
from opscan.probe.types import container, element, inner, map_types, numpy_dtype


def value(token: Token, type_text: str, random: np.random.Generator) -> Value:
    """A value of a type: a numpy array, a list of them for a sequence, a dict for a map."""
    match container(type_text):
        case "seq":
            parts = token.parts or (token, token)
            return [value(part, inner(type_text), random) for part in parts]
        case "optional":
            return value(token, inner(type_text), random)
        case "map":
            key, held = map_types(type_text)
            keys = ["a", "b"] if key == "string" else [1, 2]
            return dict(zip(keys, _array(Token((2,)), held, random).tolist(), strict=True))
        case _:
            return _array(token.parts[0] if token.parts else token, element(type_text), random)


def _array(token: Token, name: str, random: np.random.Generator) -> Any:  # a numpy array of any dtype
    if token.values is not None:
        return _given(token, name)
    match name:
        case "string":  # which a cast can read as numbers
            return random.choice(np.array(["1", "2", "12"], dtype=object), token.shape)
        case "bool":
            return np.asarray(random.integers(0, 2, token.shape), dtype=bool)
        case "complex64" | "complex128":
            return np.asarray(random.random(token.shape) + 1j * random.random(token.shape), dtype=name)
        case _ if name.startswith(("int", "uint")):
            top = 2 if name in ("int2", "uint2") else 4
            return np.asarray(random.integers(1, top, token.shape)).astype(numpy_dtype(name))
        case _:  # within what Log, Sqrt, Acos and Atanh take
            return np.asarray(random.uniform(0.1, 0.9, token.shape)).astype(numpy_dtype(name))


def _given(token: Token, name: str) -> Any:
    if name == "string":
        return np.array([f"{v:g}" for v in token.values or ()], dtype=object).reshape(token.shape)
    return np.array(token.values, dtype=np.float64).reshape(token.shape).astype(numpy_dtype(name))
