"""Which models are made of an operator: its examples, with every dtype, attribute value and choice of constants."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opscan.core.operator import OpName
from opscan.probe.examples import Example, Token, examples
from opscan.probe.types import container, element, inner

# What a type variable stands for where nothing else is asked: the first of these that it allows.
_PREFERRED = ("float", "int64", "int32", "uint8", "bool", "string")
# Attributes that say the element type of an output.
TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "output_datatype")
# Random combinations of dtypes, attribute values and constants, per operator.
RANDOM_CASES = 12
# Of all examples but the first, every so many-th type is tried.
_FEW = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """One model to be: everything but its values."""

    example: Example
    types: Mapping[str, str]
    """Type variable -> type."""
    attributes: Mapping[str, Any]
    constant: frozenset[int]
    """Positions of the inputs that are initializers."""


def plans(schema: Any, random: np.random.Generator) -> Iterator[Plan]:
    """The models of an operator; some combinations may be no valid ONNX."""
    taken = [example for example in _examples(schema) if _fits(schema, example)]
    for number, example in enumerate(taken):
        base = _base_types(schema, example)
        constants = _constant_sets(schema, example)
        yield from (Plan(example, base, example.attributes, constant) for constant in constants)
        for name, values in example.alternatives.items():
            if name in schema.attributes:
                for v in values:
                    yield Plan(example, base, {**example.attributes, name: v}, constants[-1])
        for types in _type_variations(schema, example, base, exhaustive=number == 0):
            yield from (Plan(example, types, example.attributes, constant) for constant in constants)
    for _ in range(RANDOM_CASES if taken else 0):
        yield _random_plan(schema, taken, random)


def _examples(schema: Any) -> tuple[Example, ...]:
    options = [formal.option.name for formal in schema.inputs]
    required = sum(option == "Single" for option in options)
    return examples(OpName(schema.domain, schema.name), required, "Variadic" in options)


def _fits(schema: Any, example: Example) -> bool:
    missing = [a.name for a in schema.attributes.values() if a.required and a.name not in example.attributes]
    # What only says an element type is set by `_typed_attributes`.
    missing = [name for name in missing if name not in TYPE_ATTRIBUTES]
    return (
        len(example.inputs) <= schema.max_input
        and len(example.inputs) >= schema.min_input
        and (example.outputs or 0) <= schema.max_output
        and not missing
        and all(name in schema.attributes for name in example.attributes)
    )


def formal_at(formals: Sequence[Any], position: int) -> Any:
    """The formal parameter of an input or output; the last one may repeat."""
    return formals[min(position, len(formals) - 1)]


def _allowed(schema: Any) -> dict[str, list[str]]:
    return {c.type_param_str: sorted(c.allowed_type_strs) for c in schema.type_constraints}


def input_variables(schema: Any, example: Example) -> list[str]:
    """Type variables of the inputs that the example has, and those of outputs that an attribute types."""
    allowed = _allowed(schema)
    used = [formal_at(schema.inputs, n).type_str for n, t in enumerate(example.inputs) if t is not None]
    return [variable for variable in dict.fromkeys(used) if variable in allowed]


def free_output(schema: Any, example: Example) -> str | None:
    """The variable of an output that no input determines and an attribute can."""
    bound = input_variables(schema, example)
    settable = [name for name in TYPE_ATTRIBUTES if name in schema.attributes]
    tensors = [a.name for a in schema.attributes.values() if a.type.name == "TENSOR" and a.name in example.attributes]
    if not schema.outputs or not (settable or tensors or "then_branch" in schema.attributes):
        return None
    variable = schema.outputs[0].type_str
    return variable if variable in _allowed(schema) and variable not in bound else None


def _base_types(schema: Any, example: Example) -> dict[str, str]:
    allowed = _allowed(schema)
    wanted = {}
    for position, token in enumerate(example.inputs):
        variable = formal_at(schema.inputs, position).type_str if token is not None else None
        if token is not None and variable in allowed and variable not in wanted:
            wanted[variable] = _preferred(allowed[variable], token)
    free = free_output(schema, example)
    return wanted | ({free: _preferred(allowed[free], Token())} if free else {})


def _preferred(types: Sequence[str], token: Token) -> str:
    """The usual type among those that suit a token."""
    suited = [t for t in types if _suits(t, token)] or list(types)
    order = _PREFERRED if token.values is None else ("int64", *_PREFERRED)
    ranked = [t for name in order for t in suited if element(t) == name]
    return (ranked or suited)[0]


def _suits(type_text: str, token: Token) -> bool:
    kind = container(type_text)
    if token.is_map:
        return kind == "map"
    if token.wrapped:
        return kind == "optional" and not inner(type_text).startswith("seq")
    return kind == ("seq" if token.parts else "tensor")


def _type_variations(
    schema: Any, example: Example, base: Mapping[str, str], *, exhaustive: bool
) -> Iterator[dict[str, str]]:
    """Each type of each variable, the others as they are; of all examples but the first a few."""
    free = free_output(schema, example)
    tokens = dict(
        zip((formal_at(schema.inputs, n).type_str for n in range(len(example.inputs))), example.inputs, strict=True)
    )
    for variable in base:
        types = _allowed(schema)[variable]
        token = tokens.get(variable)
        suited = [t for t in types if variable == free or token is None or _suits(t, token)]
        suited = suited or ([] if token is None else [t for t in types if container(t) in ("seq", "optional")])
        for number, text in enumerate(suited):
            if exhaustive or number % _FEW == zlib.crc32(schema.name.encode()) % _FEW:
                yield {**base, variable: text}


def _constant_sets(schema: Any, example: Example) -> list[frozenset[int]]:
    """All inputs at run time; those after the first constant."""
    later = frozenset(
        n
        for n, t in enumerate(example.inputs)
        if n and t is not None and t.parts is None and not t.wrapped and not t.is_map
    )
    return [frozenset(), later] if later else [frozenset()]


def _random_plan(schema: Any, taken: Sequence[Example], random: np.random.Generator) -> Plan:
    example = taken[int(random.integers(len(taken)))]
    attributes = dict(example.attributes)
    for name, values in example.alternatives.items():
        if name in schema.attributes and random.random() < 0.4:
            attributes[name] = values[random.integers(len(values))]
    types = dict(_base_types(schema, example))
    for variable, usual in types.items():
        variations = [v[variable] for v in _type_variations(schema, example, types, exhaustive=True)]
        suited = [t for t in variations if container(t) == container(usual)]
        if suited and random.random() < 0.6:
            types[variable] = suited[random.integers(len(suited))]
    possible = _constant_sets(schema, example)[-1]
    constant = frozenset(n for n in sorted(possible) if random.random() < 0.5)
    return Plan(example, types, attributes, constant)
