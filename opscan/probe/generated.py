"""Single-operator models over all ONNX schemas: dtypes, ranks, attribute values, constant and runtime inputs."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from opscan.core.operator import OpName
from opscan.probe.bodies import body
from opscan.probe.case import Case, Value
from opscan.probe.examples import Example, Token, examples
from opscan.probe.types import code, container, dtype, element, inner, numpy_dtype, schemas, type_proto
from opscan.probe.values import value

# The opset of each other domain that goes with an opset of ai.onnx: the one released before it.
_ML, _TRAINING, _PREVIEW = "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.preview"
_BESIDE = {_ML: ((1, 1), (9, 2), (16, 3), (19, 4), (21, 5)), _TRAINING: ((12, 1),), _PREVIEW: ((26, 1),)}
# What a type variable stands for where nothing else is asked: the first of these that it allows.
_PREFERRED = ("float", "int64", "int32", "uint8", "bool", "string")
# Attributes that say the element type of an output.
_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "output_datatype")
# Operators whose numbers are not the reference's to say: random ones, and Optional, which it wraps in a list.
_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
_NOT_COMPARED = {*_RANDOM, "Dropout", "Optional"}
# Random combinations of dtypes, attribute values and constants, per operator.
RANDOM_CASES = 12


class NoModel(Exception):
    """The combination is no valid ONNX model."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """One model to be: everything but its values."""

    example: Example
    types: Mapping[str, str]
    """Type variable -> type."""
    attributes: Mapping[str, Any]
    constant: frozenset[int]
    """Positions of the inputs that are initializers."""


def operator_cases(opset: int, seed: int = 0, only: Sequence[str] = ()) -> Iterator[Case]:
    """Cases of every operator that an opset has, or of those named, in alphabetical order."""
    for domain, version in _domains(opset).items():
        for name, schema in schemas(version, domain).items():
            if not only or str(OpName(domain, name)) in only:
                yield from _cases(schema, opset, version, seed)


def _domains(opset: int) -> dict[str, int]:
    found = {"": opset}
    for domain, steps in _BESIDE.items():
        reached = [version for since, version in steps if since <= opset]
        if reached:
            found[domain] = reached[-1]
    return found


def _cases(schema: Any, opset: int, version: int, seed: int) -> Iterator[Case]:  # onnx.defs.OpSchema is untyped
    seen = set()
    random = np.random.default_rng([seed, zlib.crc32(f"{schema.domain}::{schema.name}".encode()), opset])
    for plan in _plans(schema, random):
        try:
            case = _case(schema, _coupled(schema, plan), opset, version, seed)
        except NoModel:
            continue
        if case.name not in seen:
            seen.add(case.name)
            yield case


def _plans(schema: Any, random: np.random.Generator) -> Iterator[_Plan]:
    taken = [example for example in _examples(schema) if _fits(schema, example)]
    for number, example in enumerate(taken):
        base = _base_types(schema, example)
        constants = _constant_sets(schema, example)
        yield from (_Plan(example, base, example.attributes, constant) for constant in constants)
        for name, values in example.alternatives.items():
            if name in schema.attributes:
                for v in values:
                    yield _Plan(example, base, {**example.attributes, name: v}, constants[-1])
        for types in _type_variations(schema, example, base, exhaustive=number == 0):
            yield from (_Plan(example, types, example.attributes, constant) for constant in constants)
    for _ in range(RANDOM_CASES if taken else 0):
        yield _random_plan(schema, taken, random)


def _examples(schema: Any) -> tuple[Example, ...]:
    options = [formal.option.name for formal in schema.inputs]
    required = sum(option == "Single" for option in options)
    return examples(OpName(schema.domain, schema.name), required, "Variadic" in options)


def _fits(schema: Any, example: Example) -> bool:
    missing = [a.name for a in schema.attributes.values() if a.required and a.name not in example.attributes]
    # What only says an element type is set by `_typed_attributes`.
    missing = [name for name in missing if name not in _TYPE_ATTRIBUTES]
    return (
        len(example.inputs) <= schema.max_input
        and len(example.inputs) >= schema.min_input
        and (example.outputs or 0) <= schema.max_output
        and not missing
        and all(name in schema.attributes for name in example.attributes)
    )


def _formal(formals: Sequence[Any], position: int) -> Any:
    return formals[min(position, len(formals) - 1)]


def _allowed(schema: Any) -> dict[str, list[str]]:
    return {c.type_param_str: sorted(c.allowed_type_strs) for c in schema.type_constraints}


def _input_variables(schema: Any, example: Example) -> list[str]:
    """Type variables of the inputs that the example has, and those of outputs that an attribute types."""
    allowed = _allowed(schema)
    used = [_formal(schema.inputs, n).type_str for n, t in enumerate(example.inputs) if t is not None]
    return [variable for variable in dict.fromkeys(used) if variable in allowed]


def _free_output(schema: Any, example: Example) -> str | None:
    """The variable of an output that no input determines and an attribute can."""
    bound = _input_variables(schema, example)
    settable = [name for name in _TYPE_ATTRIBUTES if name in schema.attributes]
    tensors = [a.name for a in schema.attributes.values() if a.type.name == "TENSOR" and a.name in example.attributes]
    if not schema.outputs or not (settable or tensors or "then_branch" in schema.attributes):
        return None
    variable = schema.outputs[0].type_str
    return variable if variable in _allowed(schema) and variable not in bound else None


def _base_types(schema: Any, example: Example) -> dict[str, str]:
    allowed = _allowed(schema)
    wanted = {}
    for position, token in enumerate(example.inputs):
        variable = _formal(schema.inputs, position).type_str if token is not None else None
        if token is not None and variable in allowed and variable not in wanted:
            wanted[variable] = _preferred(allowed[variable], token)
    free = _free_output(schema, example)
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
    free = _free_output(schema, example)
    tokens = dict(zip((_formal(schema.inputs, n).type_str for n in range(len(example.inputs))), example.inputs, strict=True))
    for variable in base:
        types = _allowed(schema)[variable]
        token = tokens.get(variable)
        suited = [t for t in types if variable == free or token is None or _suits(t, token)]
        suited = suited or ([] if token is None else [t for t in types if container(t) in ("seq", "optional")])
        for number, text in enumerate(suited):
            if exhaustive or number % 5 == zlib.crc32(schema.name.encode()) % 5:
                yield {**base, variable: text}


def _constant_sets(schema: Any, example: Example) -> list[frozenset[int]]:
    """All inputs at run time; those after the first constant."""
    later = frozenset(
        n
        for n, t in enumerate(example.inputs)
        if n and t is not None and t.parts is None and not t.wrapped and not t.is_map
    )
    return [frozenset(), later] if later else [frozenset()]


def _random_plan(schema: Any, taken: Sequence[Example], random: np.random.Generator) -> _Plan:
    example = taken[random.integers(len(taken))]
    attributes = dict(example.attributes)
    for name, values in example.alternatives.items():
        if name in schema.attributes and random.random() < 0.4:
            attributes[name] = values[random.integers(len(values))]
    types = dict(_base_types(schema, example))
    for variable in types:
        variations = [v[variable] for v in _type_variations(schema, example, types, exhaustive=True)]
        suited = [t for t in variations if container(t) == container(types[variable])]
        if suited and random.random() < 0.6:
            types[variable] = suited[random.integers(len(suited))]
    possible = _constant_sets(schema, example)[-1]
    constant = frozenset(n for n in sorted(possible) if random.random() < 0.5)
    return _Plan(example, types, attributes, constant)


def _coupled(schema: Any, plan: _Plan) -> _Plan:
    """What is inserted into a sequence has its type; the schema says so in prose only."""
    if schema.name != "SequenceInsert":
        return plan
    return replace(plan, types={**plan.types, "T": inner(plan.types["S"])})


def _case(schema: Any, plan: _Plan, opset: int, version: int, seed: int) -> Case:
    types = [_input_type(schema, plan, n) for n in range(len(plan.example.inputs))]
    name = _name(schema, plan, types, opset)
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = [
        None if token is None else value(token, text, random)
        for token, text in zip(plan.example.inputs, types, strict=True)
    ]
    model = _model(schema, plan, types, values, opset, version)
    fed = tuple(v for n, v in enumerate(values) if plan.example.inputs[n] is not None and n not in plan.constant)
    operator = str(OpName(schema.domain, schema.name))
    return Case(name, operator, model.SerializeToString(), fed, check_numbers=schema.name not in _NOT_COMPARED)


def _input_type(schema: Any, plan: _Plan, position: int) -> str:
    formal = _formal(schema.inputs, position)
    return str(plan.types.get(formal.type_str, formal.type_str))


def _name(schema: Any, plan: _Plan, types: Sequence[str], opset: int) -> str:
    parts = [f"{OpName(schema.domain, schema.name)}-{opset}"]
    for number, (token, text) in enumerate(zip(plan.example.inputs, types, strict=True)):
        constant = "const " if number in plan.constant else ""
        parts.append("-" if token is None else f"{constant}{_described(token, text)}")
    parts += [f"{name}={_attribute_text(v)}" for name, v in sorted(plan.attributes.items())]
    free = _free_output(schema, plan.example)
    parts += [f"-> {plan.types[free]}"] if free else []
    parts += [f"outputs={plan.example.outputs}"] if plan.example.outputs else []
    return " ".join(parts)


def _described(token: Token, text: str) -> str:
    shape = ",".join(map(str, token.shape)) if token.parts is None else ";".join("x".join(map(str, p.shape)) for p in token.parts)
    short = dtype(element(text)) if container(text) == "tensor" else text
    return f"{short}[{shape}]" + ("=" + ",".join(f"{v:g}" for v in token.values) if token.values else "")


def _attribute_text(value: Any) -> str:
    return str(value).replace(" ", "")


def _model(
    schema: Any, plan: _Plan, types: Sequence[str], values: Sequence[Value], opset: int, version: int
) -> onnx.ModelProto:
    names = [f"x{n}" if token is not None else "" for n, token in enumerate(plan.example.inputs)]
    outputs = [f"y{n}" for n in range(_output_count(schema, plan.example))]
    node = helper.make_node(schema.name, names, outputs, "node", domain=schema.domain)
    node.attribute.extend(_attributes(schema, plan))
    inputs = [
        helper.make_value_info(names[n], type_proto(types[n], _shape(plan.example.inputs[n], types[n])))
        for n in range(len(names))
        if names[n] and n not in plan.constant
    ]
    initializers = [numpy_helper.from_array(values[n], names[n]) for n in sorted(plan.constant)]
    graph = helper.make_graph([node], "g", inputs, [onnx.ValueInfoProto(name=o) for o in outputs], initializers)
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(schema.domain, version)] if schema.domain else [])
    model = helper.make_model(graph, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports))
    return _with_output_types(model, schema, plan)


def _shape(token: Token | None, type_text: str) -> tuple[int, ...] | None:
    """None where the tensors of a sequence differ."""
    if token is None or token.is_map:
        return None
    if token.parts:
        shapes = {part.shape for part in token.parts}
        return shapes.pop() if len(shapes) == 1 or container(type_text) == "tensor" else None
    return token.shape


def _output_count(schema: Any, example: Example) -> int:
    if example.outputs:
        return example.outputs
    return max(1, sum(formal.option.name != "Optional" for formal in schema.outputs))


def _attributes(schema: Any, plan: _Plan) -> Iterator[AttributeProto]:
    free = _free_output(schema, plan.example)
    for name, raw in sorted(plan.attributes.items()):
        yield _attribute(schema, plan, name, raw, free)
    if free is None:
        return
    for name in _TYPE_ATTRIBUTES:
        if name in schema.attributes and name not in plan.attributes:
            yield helper.make_attribute(name, code(element(plan.types[free])))
            return


def _attribute(schema: Any, plan: _Plan, name: str, raw: Any, free: str | None) -> AttributeProto:
    kind = schema.attributes[name].type.name
    if kind == "GRAPH":
        variable = _formal(schema.inputs, len(plan.example.inputs) - 1).type_str if free is None else free
        if container(plan.types[variable]) == "optional":
            raise NoModel("the bodies hand on no optionals")
        return helper.make_attribute(name, body(raw, plan.types[variable], _shapes(plan.example)))
    if kind == "TENSOR":
        text = raw.get("dtype") or element(plan.types[free or _input_variables(schema, plan.example)[0]])
        count = int(np.prod(raw["dims"]))
        numbers = np.array(raw.get("values", [1] * count)).reshape(raw["dims"])
        array = numbers.astype(str).astype(object) if text == "string" else numbers.astype(numpy_dtype(text))
        return helper.make_attribute(name, numpy_helper.from_array(array, name))
    if kind in ("FLOATS", "FLOAT"):
        raw = [float(v) for v in raw] if kind == "FLOATS" else float(raw)
    return helper.make_attribute(name, raw)


def _shapes(example: Example) -> list[tuple[int, ...]]:
    """Of the inputs, and of the tensors of a sequence."""
    return [token.parts[0].shape if token.parts else token.shape for token in example.inputs if token is not None]


def _with_output_types(model: onnx.ModelProto, schema: Any, plan: _Plan) -> onnx.ModelProto:
    """The model with the types of its outputs. Raises NoModel where onnx finds a fault in it."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        for number, output in enumerate(inferred.graph.output):
            if not output.type.WhichOneof("value"):
                output.type.CopyFrom(_declared_type(schema, plan, number))
    except Exception as error:  # C++ raises its own kinds
        raise NoModel(str(error)) from error
    return inferred


def _declared_type(schema: Any, plan: _Plan, number: int) -> onnx.TypeProto:
    text = _formal(schema.outputs, number).type_str
    known = plan.types.get(text, text)
    if "(" not in known:
        raise NoModel(f"type of output {number} is not known")
    return type_proto(known, None)
