"""How each operator is called: opscan/probe/operators.yaml, and a default for those that take tensors of one shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import yaml

from opscan.core.operator import OpName

# Of operators without an entry: for each input that is required.
_SHAPES = ("2,3", "4", "()", "2,3,4", "1,2,3,4", "1,2,2,3,2", "1,1,2,1,2,2")
# Of two inputs and more: the first, and the others'.
_BROADCAST = (("2,3", "3"), ("2,3", "()"), ("2,1,4", "3,1"))


@dataclass(frozen=True, slots=True)
class Token:
    """One input of an example."""

    shape: tuple[int, ...] = ()
    values: tuple[float, ...] | None = None
    """The values it must have; None: any."""
    parts: tuple["Token", ...] | None = None
    """The tensors of a sequence."""
    wrapped: bool = False
    """In an optional."""
    is_map: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A way to call an operator."""

    inputs: tuple[Token | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    alternatives: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values tried one at a time."""
    outputs: int | None = None
    """How many are used; None: those that are not optional."""


class ExampleYAML(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of operators.yaml."""

    in_: str = msgspec.field(name="in")
    at: dict[str, Any] = {}
    try_: dict[str, list[Any]] = msgspec.field(name="try", default_factory=dict)
    out: int | None = None


@cache
def _written() -> dict[str, list[ExampleYAML]]:
    text = files("opscan.probe").joinpath("operators.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return msgspec.convert(yaml.load(text, Loader=loader), dict[str, list[ExampleYAML]])


def written() -> tuple[str, ...]:
    """The operators that have an entry."""
    return tuple(_written())


@cache
def examples(name: OpName, required: int, variadic: bool) -> tuple[Example, ...]:
    """Examples of an operator with so many required inputs, of which the last may repeat."""
    entries = _written().get(str(name))
    if entries is not None:
        return tuple(map(_example, entries))
    same = tuple(Example((token(shape),) * max(required, 1 if variadic else 0)) for shape in _SHAPES)
    if required < 2 and not variadic:
        return same if required else same[:1]
    count = max(required, 2) - 1
    mixed = [Example((token(first), *(token(other),) * count)) for first, other in _BROADCAST]
    return (*(Example((example.inputs[0],) * (count + 1)) for example in same), *mixed)


def _example(entry: ExampleYAML) -> Example:
    alternatives = {name: tuple(values) for name, values in entry.try_.items()}
    return Example(tuple(map(token, entry.in_.split())), entry.at, alternatives, entry.out)


def token(text: str) -> Token | None:
    """An input as operators.yaml writes it."""
    if text == "-":
        return None
    if text == "map":
        return Token(is_map=True)
    if text.startswith("?"):
        inside = token(text[1:])
        assert inside is not None
        return Token(inside.shape, inside.values, wrapped=True)
    if text.startswith("<"):
        parts = [token(part) for part in text[1:-1].split(";")]
        return Token(parts=tuple(part for part in parts if part is not None))
    if text.startswith("=:"):
        return Token((), (float(text[2:]),))
    if text.startswith("="):
        values = tuple(map(float, text[1:].split(",")))
        return Token((len(values),), values)
    shape, _, filler = text.partition(":")
    dims = () if shape == "()" else tuple(map(int, shape.split(",")))
    if not filler:
        return Token(dims)
    size = 1
    for dim in dims:
        size *= dim
    return Token(dims, (float(filler),) * size)
