"""onnx's own passes: types of all values, local functions inlined."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError
from onnx.onnx_ml_pb2 import ModelProto, NodeProto

from opscan.trace import onnx_compiled
from opscan.trace.apart import Apart, Pass, PassFailed
from opscan.trace.onnx_listing import is_typed, listed
from opscan.trace.onnx_nodes import FunctionKey, bodies, call_key, function_key

# Functions that call functions can stand for any number of nodes.
_MOST_NODES = 500_000


def apart(work: Pass, model: ModelProto) -> ModelProto:
    """The result of `work` in a process of its own. Raises PassFailed where there is none."""
    data = model.SerializeToString()
    with Apart(work) as process:
        process.limit(len(data))
        return model_of(process.ask(data))


def model_of(answer: bytes) -> ModelProto:
    """The model that a pass made. Raises PassFailed where it is none."""
    try:
        return ModelProto.FromString(answer)
    except DecodeError as error:
        raise PassFailed("onnx made no valid model of it") from error


def with_types(model: ModelProto) -> ModelProto:
    """The model with the types of its values, inferred where the file does not state them. Raises PassFailed."""
    return model if is_typed(listed(model.SerializeToString()).graph) else inferred(model)


def inferred(model: ModelProto) -> ModelProto:
    """The model with the types that onnx infers. Raises PassFailed."""
    try:
        return apart(_infer_types_and_values, model)
    except PassFailed:  # values cost memory by the element of a vector
        return apart(_infer_types, model)


def inlined(model: ModelProto) -> ModelProto:
    """The model with calls of its local functions replaced by their nodes.

    Functions whose opsets are not the model's stay. Raises PassFailed; ValueError where a function
    calls itself or the nodes would be too many.
    """
    if not model.functions:
        return model
    nodes = _expanded(model)
    if nodes > _MOST_NODES:
        raise ValueError(f"its functions stand for {nodes:,} nodes; opscan reads up to {_MOST_NODES:,}")
    result = apart(_inline, model)
    if result.functions:  # onnx 1.23 drops functions that those which stay still call
        kept = {function_key(function) for function in result.functions}
        result.functions.extend(function for function in model.functions if function_key(function) not in kept)
    return result


def _infer_types_and_values(model: bytes) -> bytes:
    """Also through the values of shapes: what a Reshape gives whose shape was computed."""
    return onnx_compiled.infer_shapes(model, data_prop=True)


def _infer_types(model: bytes) -> bytes:
    return onnx_compiled.infer_shapes(model, data_prop=False)


def _inline(model: bytes) -> bytes:
    return onnx_compiled.inline_local_functions(model)


def _expanded(model: ModelProto) -> int:
    """Nodes and calls of the model once its functions are inlined. Raises ValueError where a function calls itself."""
    functions = {function_key(function): function for function in model.functions}
    sizes: dict[FunctionKey, int] = {}
    calling: list[FunctionKey] = []

    def size(nodes: Iterable[NodeProto]) -> int:
        return sum(1 + called(node) + sum(size(graph.node) for _, graph in bodies(node.attribute[:])) for node in nodes)

    def called(node: NodeProto) -> int:
        key = call_key(node)
        if key not in functions:
            return 0
        if key in calling:
            raise ValueError(f"function {key[0]}::{key[1]} calls itself, which ONNX forbids")
        if key not in sizes:
            calling.append(key)
            sizes[key] = size(functions[key].node)
            calling.pop()
        return sizes[key]

    return size(model.graph.node)
