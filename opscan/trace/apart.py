"""Work of onnx's C++ in a process of its own.

A damaged model can crash it (seen with onnx 1.23: segmentation faults, aborts, endless loops and
allocations of any size), so the process is forked, with bounded time and memory.
"""

import faulthandler
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from google.protobuf.message import DecodeError
from onnx.onnx_ml_pb2 import ModelProto

# What a pass may use: 5 s of processor time and 1 GiB, and more for a large graph (its weights are left out).
_SECONDS, _SECONDS_PER_MB = 5, 1
_MEMORY, _MEMORY_PER_BYTE = 2**30, 50

Pass = Callable[[bytes], bytes]


class PassFailed(Exception):
    """A pass gave no model; the message says why."""


def reason(error: BaseException) -> str:
    """The first line of what a library says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def apart(work: Pass, model: ModelProto) -> ModelProto:
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
