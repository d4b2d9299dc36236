"""Single-operator models over all ONNX schemas: dtypes, ranks, attribute values, constant and runtime inputs."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from opscan.core.operator import OpName
from opscan.probe.bodies import body
from opscan.probe.case import Case, Value
from opscan.probe.examples import Example, Token
from opscan.probe.plans import TYPE_ATTRIBUTES, Plan, formal_at, free_output, input_variables, plans
from opscan.probe.types import code, container, dtype, element, inner, numpy_dtype, schemas, type_proto
from opscan.probe.values import value

# The opset of each other domain that goes with an opset of ai.onnx: the one released before it.
_ML, _TRAINING, _PREVIEW = "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.preview"
_BESIDE = {_ML: ((1, 1), (9, 2), (16, 3), (19, 4), (21, 5)), _TRAINING: ((12, 1),), _PREVIEW: ((26, 1),)}
# Operators whose numbers are not the reference's to say: random ones, and Optional, which it wraps in a list.
_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
_NOT_COMPARED = {*_RANDOM, "Dropout", "Optional"}


class NoModel(Exception):
    """The combination is no valid ONNX model."""


def operator_cases(opset: int, seeds: Sequence[int] = (0,), only: Sequence[str] = ()) -> Iterator[Case]:
    """Cases of every operator that an opset has, or of those named, in alphabetical order.

    Those of several seeds are taken together: of one name there is one, that of the first seed.
    """
    for domain, version in _domains(opset).items():
        for name, schema in schemas(version, domain).items():
            if not only or str(OpName(domain, name)) in only:
                yield from _cases(schema, opset, version, seeds)


def _domains(opset: int) -> dict[str, int]:
    found = {"": opset}
    for domain, steps in _BESIDE.items():
        reached = [version for since, version in steps if since <= opset]
        if reached:
            found[domain] = reached[-1]
    return found


def _cases(schema: Any, opset: int, version: int, seeds: Sequence[int]) -> Iterator[Case]:  # OpSchema is untyped
    seen = set()
    for seed in seeds:
        random = np.random.default_rng([seed, zlib.crc32(f"{schema.domain}::{schema.name}".encode()), opset])
        for plan in (_coupled(schema, plan) for plan in plans(schema, random)):
            name = _name(schema, plan, opset)
            if name not in seen:
                seen.add(name)
                with suppress(NoModel):
                    yield _case(schema, plan, name, opset, version, seed)


def _coupled(schema: Any, plan: Plan) -> Plan:
    """What is inserted into a sequence has its type; the schema says so in prose only."""
    if schema.name != "SequenceInsert":
        return plan
    return replace(plan, types={**plan.types, "T": inner(plan.types["S"])})


def _case(schema: Any, plan: Plan, name: str, opset: int, version: int, seed: int) -> Case:
    types = _input_types(schema, plan)
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = [
        None if token is None else value(token, text, random)
        for token, text in zip(plan.example.inputs, types, strict=True)
    ]
    model = _model(schema, plan, types, values, opset, version)
    fed = tuple(v for n, v in enumerate(values) if plan.example.inputs[n] is not None and n not in plan.constant)
    operator = str(OpName(schema.domain, schema.name))
    return Case(name, operator, model.SerializeToString(), fed, check_numbers=schema.name not in _NOT_COMPARED)


def _input_types(schema: Any, plan: Plan) -> list[str]:
    formals = [formal_at(schema.inputs, position) for position in range(len(plan.example.inputs))]
    return [str(plan.types.get(formal.type_str, formal.type_str)) for formal in formals]


def _name(schema: Any, plan: Plan, opset: int) -> str:
    types = _input_types(schema, plan)
    parts = [f"{OpName(schema.domain, schema.name)}-{opset}"]
    for number, (token, text) in enumerate(zip(plan.example.inputs, types, strict=True)):
        constant = "const " if number in plan.constant else ""
        parts.append("-" if token is None else f"{constant}{_described(token, text)}")
    parts += [f"{name}={_attribute_text(v)}" for name, v in sorted(plan.attributes.items())]
    free = free_output(schema, plan.example)
    parts += [f"-> {plan.types[free]}"] if free else []
    parts += [f"outputs={plan.example.outputs}"] if plan.example.outputs else []
    return " ".join(parts)


def _described(token: Token, text: str) -> str:
    shape = (
        ",".join(map(str, token.shape))
        if token.parts is None
        else ";".join("x".join(map(str, p.shape)) for p in token.parts)
    )
    short = dtype(element(text)) if container(text) == "tensor" else text
    return f"{short}[{shape}]" + ("=" + ",".join(f"{v:g}" for v in token.values) if token.values else "")


def _attribute_text(value: Any) -> str:
    return str(value).replace(" ", "")


def _model(
    schema: Any, plan: Plan, types: Sequence[str], values: Sequence[Value], opset: int, version: int
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
    imports = [helper.make_opsetid("", opset)] + (
        [helper.make_opsetid(schema.domain, version)] if schema.domain else []
    )
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
    needed = [formal for formal in schema.outputs if formal.option.name != "Optional"]
    return max(1, len(needed))


def _attributes(schema: Any, plan: Plan) -> Iterator[AttributeProto]:
    free = free_output(schema, plan.example)
    for name, raw in sorted(plan.attributes.items()):
        yield _attribute(schema, plan, name, raw, free)
    if free is None:
        return
    for name in TYPE_ATTRIBUTES:
        if name in schema.attributes and name not in plan.attributes:
            yield helper.make_attribute(name, code(element(plan.types[free])))
            return


def _attribute(schema: Any, plan: Plan, name: str, raw: Any, free: str | None) -> AttributeProto:
    kind = schema.attributes[name].type.name
    if kind == "GRAPH":
        variable = formal_at(schema.inputs, len(plan.example.inputs) - 1).type_str if free is None else free
        if container(plan.types[variable]) == "optional":
            raise NoModel("the bodies hand on no optionals")
        return helper.make_attribute(name, body(raw, plan.types[variable], _shapes(plan.example)))
    if kind == "TENSOR":
        text = raw.get("dtype") or element(plan.types[free or input_variables(schema, plan.example)[0]])
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


def _with_output_types(model: onnx.ModelProto, schema: Any, plan: Plan) -> onnx.ModelProto:
    """The model with the types of its outputs. Raises NoModel where onnx finds a fault in it."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        for number, output in enumerate(inferred.graph.output):
            if not output.type.WhichOneof("value"):
                output.type.CopyFrom(_declared_type(schema, plan, number))
    except Exception as error:  # C++ raises its own kinds
        raise NoModel(str(error)) from error
    return inferred


def _declared_type(schema: Any, plan: Plan, number: int) -> onnx.TypeProto:
    text = formal_at(schema.outputs, number).type_str
    known = plan.types.get(text, text)
    if "(" not in known:
        raise NoModel(f"type of output {number} is not known")
    return type_proto(known, None)
