"""The operators of given models as cases; each signature once."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, ValueInfoProto

from opscan.core.errors import NoAnswer, UsageError
from opscan.core.source import OnnxSource, TorchSource
from opscan.pipeline.options import Options
from opscan.probe.case import Case, Value
from opscan.probe.examples import Token
from opscan.probe.types import dtype
from opscan.probe.values import value as value_of
from opscan.sources import resolve
from opscan.trace.apart import PassFailed
from opscan.trace.onnx_extract import Extract, extracts
from opscan.trace.onnx_passes import inlined, with_types
from opscan.trace.onnx_read import read_model

# What a symbolic or unknown dimension is taken for when a model is run.
_ANY_SIZE = 2


def operators_of(reference: str, options: Options) -> tuple[Extract, ...]:
    """Every operator of a model as a model of its own. Raises UsageError for an inventory, NoAnswer for damage."""
    source = resolve(reference, options.models)
    match source:
        case OnnxSource(path=path):
            model = read_model(Path(path), source.name)
        case TorchSource():
            from opscan.trace.onnx_export import weightless_model  # noqa: PLC0415  # torch

            model = weightless_model(source, options.opset)
        case _:
            raise UsageError(f"{reference}: an inventory holds no values; give the model itself")
    try:
        return tuple(extracts(with_types(inlined(model))))
    except (PassFailed, ValueError) as error:
        raise NoAnswer(f"{reference}: its operators cannot be taken apart: {error}") from error


def model_cases(references: Sequence[str], options: Options) -> tuple[Case, ...]:
    """The distinct operators of the models, in the order in which they first occur."""
    found: dict[bytes, Case] = {}
    for reference in references:
        for extract in operators_of(reference, options):
            content = _anonymous(extract.model)
            if content not in found:
                found[content] = _case(reference, extract)
    return tuple(found.values())


def _anonymous(model: ModelProto) -> bytes:
    """The same bytes for the same signature: names are numbered in the order of their use."""
    copy = ModelProto.FromString(model.SerializeToString())
    names: dict[str, str] = {}
    node = copy.graph.node[0]
    for field in (node.input, node.output):
        for position, name in enumerate(field):
            field[position] = names.setdefault(name, f"v{len(names)}") if name else ""
    for value in (*copy.graph.input, *copy.graph.output):
        value.name = names.get(value.name, value.name)
        del value.metadata_props[:]
    for tensor in copy.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
        del tensor.metadata_props[:]
    node.name = node.doc_string = ""
    del node.metadata_props[:]
    return copy.SerializeToString(deterministic=True)


def _case(reference: str, extract: Extract) -> Case:
    random = np.random.default_rng(zlib.crc32(extract.operator.encode()))
    values = tuple(_value(item, random) for item in extract.model.graph.input)
    fed = None if any(v is None for v in values) else values
    signature = " ".join(_signature(extract.model))
    return Case(
        f"{reference} {extract.number} {extract.operator} {signature}",
        extract.operator,
        extract.model.SerializeToString(),
        fed,
    )


def _signature(model: ModelProto) -> Iterator[str]:
    for item in model.graph.input:
        tensor = item.type.tensor_type
        dims = ",".join(d.dim_param or str(d.dim_value) for d in tensor.shape.dim)
        yield f"{_element(item)}[{dims}]"


def _element(item: ValueInfoProto) -> str:
    return dtype(onnx.TensorProto.DataType.Name(item.type.tensor_type.elem_type).lower())


def _value(item: ValueInfoProto, random: np.random.Generator) -> Value:
    """None where the input is no tensor of known rank: the model is compiled and not run."""
    tensor = item.type.tensor_type
    if item.type.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        return None
    shape = tuple(d.dim_value if d.HasField("dim_value") else _ANY_SIZE for d in tensor.shape.dim)
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    return value_of(Token(shape), f"tensor({name})", random)
