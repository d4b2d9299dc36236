"""onnx's own passes: types of all values, local functions inlined.

They are C++ that a damaged model can crash (seen with onnx 1.23: segmentation faults, aborts, endless
loops and allocations of any size), so they run in a forked process with bounded time and memory.
"""

import faulthandler
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from opscan.trace.onnx_graph import FunctionKey, bodies, call_key, function_key

# What a pass may use: 5 s of processor time and 1 GiB, and more for a large graph (its weights are left out).
_SECONDS, _SECONDS_PER_MB = 5, 1
_MEMORY, _MEMORY_PER_BYTE = 2**30, 50
# Functions that call functions can stand for any number of nodes.
_MOST_NODES = 500_000

Pass = Callable[[bytes], bytes]


class PassFailed(Exception):
    """A pass gave no model; the message says why."""


def with_types(model: ModelProto) -> ModelProto:
    """The model with the types of its values, inferred where the file does not state them. Raises PassFailed."""
    if _fully_typed(model.graph):
        return model
    try:
        return _apart(_infer_types_and_values, model)
    except PassFailed:  # values cost memory by the element of a vector
        return _apart(_infer_types, model)


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
    result = _apart(_inline, model)
    if result.functions:  # onnx 1.23 drops functions that those which stay still call
        kept = {function_key(function) for function in result.functions}
        result.functions.extend(function for function in model.functions if function_key(function) not in kept)
    return result


def reason(error: BaseException) -> str:
    """The first line of what a library says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _infer_types_and_values(model: bytes) -> bytes:
    """Also through the values of shapes: what a Reshape gives whose shape was computed."""
    return onnx.shape_inference.infer_shapes(model, data_prop=True).SerializeToString()


def _infer_types(model: bytes) -> bytes:
    return onnx.shape_inference.infer_shapes(model).SerializeToString()


def _inline(model: bytes) -> bytes:
    import onnx.inliner  # noqa: PLC0415  # costs nothing where there are no functions

    return onnx.inliner.inline_local_functions(ModelProto.FromString(model)).SerializeToString()


def _fully_typed(graph: GraphProto) -> bool:
    stated = {value.name for value in (*graph.value_info, *graph.output) if _is_typed(value)}
    return all(not bodies(node) and stated.issuperset(filter(None, node.output)) for node in graph.node)


def _is_typed(value: ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return bool(tensor.elem_type) and tensor.HasField("shape")


def _expanded(model: ModelProto) -> int:
    """Nodes and calls of the model once its functions are inlined. Raises ValueError where a function calls itself."""
    functions = {function_key(function): function for function in model.functions}
    sizes: dict[FunctionKey, int] = {}
    calling: list[FunctionKey] = []

    def size(nodes: Iterable[NodeProto]) -> int:
        return sum(1 + called(node) + sum(size(graph.node) for _, graph in bodies(node)) for node in nodes)

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


def _apart(work: Pass, model: ModelProto) -> ModelProto:
    """The result of `work` in a process of its own. Raises PassFailed where there is none."""
    data = model.SerializeToString()
    if not hasattr(os, "fork"):
        return _parsed(_answer(work, data))
    reader, writer = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        raise PassFailed(f"no process for onnx could be started: {error.strerror}") from error
    if child == 0:
        os.close(reader)
        _be_child(work, data, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            answer = pipe.read()
    except BaseException:  # Ctrl-C
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    return _parsed(b"-" + _death(status).encode() if status else answer)


def _parsed(answer: bytes) -> ModelProto:
    """`+` and the model, or `-` and the reason why there is none."""
    if answer[:1] != b"+":
        raise PassFailed(answer[1:].decode(errors="replace"))
    try:
        return ModelProto.FromString(answer[1:])
    except DecodeError as error:
        raise PassFailed("onnx made no valid model of it") from error


def _answer(work: Pass, data: bytes) -> bytes:
    try:
        return b"+" + work(data)
    except MemoryError:
        return b"-onnx ran out of memory"
    except Exception as error:  # C++ raises its own kinds
        return b"-" + reason(error).encode(errors="replace")


def _be_child(work: Pass, data: bytes, writer: int) -> NoReturn:
    """Answers into the pipe; nothing else of this process is seen outside."""
    status = 1
    try:
        faulthandler.disable()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # C++ writes there before it aborts
            os.dup2(nowhere, stream)
        _limit_itself(len(data))
        with open(writer, "wb") as pipe:
            pipe.write(_answer(work, data))
        status = 0
    finally:
        os._exit(status)


def _limit_itself(size: int) -> None:
    import resource  # noqa: PLC0415  # not on every system

    seconds = _SECONDS + _SECONDS_PER_MB * size // 10**6
    limits = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + _MEMORY + _MEMORY_PER_BYTE * size
    for kind, amount in limits.items():
        with suppress(ValueError, OSError):  # stricter limits are in force already
            resource.setrlimit(kind, (amount, amount))
    signal.alarm(10 * seconds)  # should it wait for something that never comes


def _death(status: int) -> str:
    killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if killed_by in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM):
        return "onnx took too long"
    return f"onnx crashed ({signal.Signals(killed_by).name})" if killed_by else "onnx gave no answer"
