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
from typing import IO, NoReturn, Self

from google.protobuf.message import DecodeError
from onnx.onnx_ml_pb2 import ModelProto

# What a pass may use: 5 s of processor time and 1 GiB, and more for a large graph (its weights are left out).
_SECONDS, _SECONDS_PER_MB = 5, 1
_MEMORY, _MEMORY_PER_BYTE = 2**30, 50

# Bytes before each message that say how long it is.
_LENGTH = 8
# Protobuf's limit, and what goes before a model.
_MOST = 2**31 + 1

Pass = Callable[[bytes], bytes]


class PassFailed(Exception):
    """A pass gave no model; the message says why."""


def reason(error: BaseException) -> str:
    """The first line of what a library says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def apart(work: Pass, model: ModelProto) -> ModelProto:
    """The result of `work` in a process of its own. Raises PassFailed where there is none."""
    data = model.SerializeToString()
    with Apart(work, len(data)) as process:
        return process.ask(data)


class Apart:
    """A process that does `work` as often as it is asked to, within limits for so many bytes of models in all."""

    def __init__(self, work: Pass, size: int) -> None:
        self._work = work
        self._size = size
        self._started = False
        self._child = self._ended = 0

    def __enter__(self) -> Self:
        """Starts it. Raises PassFailed where that is not possible; without fork, all is done in this process."""
        if not hasattr(os, "fork"):
            return self
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        try:
            self._child = os.fork()
        except OSError as error:
            for descriptor in (theirs_in, ours_out, ours_in, theirs_out):
                os.close(descriptor)
            raise PassFailed(f"no process for onnx could be started: {error.strerror}") from error
        if self._child == 0:
            os.close(ours_out)
            os.close(ours_in)
            _be_child(self._work, self._size, theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        self._questions, self._answers = open(ours_out, "wb"), open(ours_in, "rb")
        self._started = True
        return self

    def ask(self, data: bytes) -> ModelProto:
        """What the work makes of a model. Raises PassFailed, after which nothing more can be asked."""
        if not self._started:
            return _parsed(_answer(self._work, data))
        with suppress(BrokenPipeError):
            _send(self._questions, data)
        answer = _receive(self._answers)
        return _parsed(b"-" + _death(self._status()).encode() if answer is None else answer)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not self._started:
            return
        if self._child and error is not None and not isinstance(error, Exception):  # Ctrl-C
            os.kill(self._child, signal.SIGKILL)
        with suppress(BrokenPipeError):
            self._questions.close()
        self._answers.close()
        self._status()

    def _status(self) -> int:
        """How it ended, once it has."""
        if self._child:
            _, self._ended = os.waitpid(self._child, 0)
            self._child = 0
        return self._ended


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(len(data).to_bytes(_LENGTH))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """None where the other side has ended."""
    head = pipe.read(_LENGTH)
    size = int.from_bytes(head)
    if len(head) < _LENGTH or size > _MOST:
        return None
    data = pipe.read(size)
    return data if len(data) == size else None


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


def _be_child(work: Pass, size: int, reader: int, writer: int) -> NoReturn:
    """Answers into the pipe; nothing else of this process is seen outside."""
    status = 1
    try:
        faulthandler.disable()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # C++ writes there before it aborts
            os.dup2(nowhere, stream)
        _limit_itself(size)
        with open(reader, "rb") as questions, open(writer, "wb") as answers:
            while (data := _receive(questions)) is not None:
                _send(answers, _answer(work, data))
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
