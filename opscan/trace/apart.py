"""Work in a process of its own, above all that of onnx's C++.

A damaged model can crash that (seen with onnx 1.23: segmentation faults, aborts, endless loops and
allocations of any size), so the process is forked, with bounded time and memory.
"""

import atexit
import faulthandler
import os
import select
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, Self

# What a pass may use: 5 s of processor time and 1 GiB, and more for a large graph (its weights are left out).
_SECONDS, _SECONDS_PER_MB = 5, 1
_MEMORY, _MEMORY_PER_BYTE = 2**30, 50

# Kinds of messages, a byte each.
_QUESTION, _ORDER, _LIMIT, _DONE, _FAILED = b"?", b"!", b"<", b"+", b"-"
# Bytes after the kind that say how long the rest is.
_LENGTH = 8
# What a pipe may hold, and is read at once.
_WIDTH = 1 << 20
# Protobuf's limit.
_MOST = 2**31

# Processes that were told to end.
_LEAVING: list[int] = []

Pass = Callable[[bytes], bytes]
_Message = tuple[bytes, bytes]
"""Kind and content."""


class PassFailed(Exception):
    """A pass gave no model; the message says why."""


def reason(error: BaseException) -> str:
    """The first line of what a library says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


class Apart:
    """A process that does `work` as often as it is asked to."""

    def __init__(self, work: Pass) -> None:
        self._work = work
        self._started = False
        self._child = self._ended = 0
        self._posted = self._received = 0
        self._waiting: dict[int, _Message | None] = {}
        """Answers that nobody has asked for yet."""

    def __enter__(self) -> Self:
        """Starts it. Raises PassFailed where that is not possible; without fork, all is done in this process."""
        if not hasattr(os, "fork"):
            return self
        _take_leave()
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
            _be_child(self._work, theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        self._questions, self._answers = open(ours_out, "wb"), ours_in
        self._started = True
        return self

    def limit(self, size: int) -> None:
        """Bounds what answers cost from now on, all together, for so many bytes of models."""
        if self._started:
            self._send(_LIMIT, str(size).encode())

    def ask(self, data: bytes) -> bytes:
        """What the work makes of it. Raises PassFailed, after which nothing more can be asked."""
        if not self._started:
            return _told(*_answer(self._work, data))
        return self.answer(self.post(data))

    def post(self, data: bytes) -> int:
        """Asks a process that was started, and does not wait; the question's number, from 0, for `answer`."""
        self._send(_QUESTION, data)
        self._posted += 1
        return self._posted - 1

    def tell(self, data: bytes) -> None:
        """Has a process that was started do something that has no answer."""
        self._send(_ORDER, data)

    def answer(self, number: int) -> bytes:
        """To a question that was posted, once. Raises as `ask`."""
        while number >= self._received:  # answers come in the order of the questions
            self._waiting[self._received] = _receive(self._answers)
            self._received += 1
        answer = self._waiting.pop(number)
        return _told(*answer) if answer is not None else _told(_FAILED, _death(self._status()).encode())

    def is_ready(self) -> bool:
        """Whether an answer waits to be taken. False where that is not known."""
        return self._started and _is_ready(self._answers)

    def _send(self, kind: bytes, data: bytes) -> None:
        with suppress(BrokenPipeError):
            self._questions.write(_head(kind, data))
            self._questions.write(data)
            self._questions.flush()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not self._started:
            return
        if error is not None and not isinstance(error, Exception):  # Ctrl-C
            self._kill()
        with suppress(BrokenPipeError):
            self._questions.close()
        os.close(self._answers)
        self._started = False
        if self._child:  # it takes some time to end, which nobody need wait for
            _LEAVING.append(self._child)

    def end(self) -> None:
        """Whatever it does, nobody wants to know any more."""
        self._kill()
        self.__exit__(None, None, None)

    def _kill(self) -> None:
        if self._child:
            os.kill(self._child, signal.SIGKILL)

    def _status(self) -> int:
        """How it ended, once it has."""
        if self._child:
            _, self._ended = os.waitpid(self._child, 0)
            self._child = 0
        return self._ended


def _widen(pipe: int) -> None:
    """What is in it lies ready, whatever its writer does next."""
    import fcntl  # noqa: PLC0415  # not on every system

    with suppress(AttributeError, OSError):  # Linux alone, and within its limits
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDTH)


@atexit.register
def _take_leave() -> None:
    """The system keeps a process that has ended until its parent has seen it."""
    while _LEAVING:
        with suppress(ChildProcessError):  # this one is a fork of its parent
            os.waitpid(_LEAVING.pop(), 0)


def _head(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(_LENGTH)


def _receive(pipe: int) -> _Message | None:
    """None where the other side has ended."""
    head = _exactly(pipe, 1 + _LENGTH)
    size = int.from_bytes(head[1:])
    if len(head) <= _LENGTH or size > _MOST:
        return None
    data = _exactly(pipe, size)
    return (head[:1], data) if len(data) == size else None


def _exactly(pipe: int, size: int) -> bytes:
    """So many bytes; fewer where there are no more."""
    parts = []
    while size and (part := os.read(pipe, min(size, _WIDTH))):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _is_ready(pipe: int) -> bool:
    """Whether to read from it takes no waiting."""
    asked = select.poll()
    asked.register(pipe, select.POLLIN)
    return bool(asked.poll(0))


def _told(kind: bytes, content: bytes) -> bytes:
    """What was made; PassFailed where that is the reason why there is nothing."""
    if kind != _DONE:
        raise PassFailed(content.decode(errors="replace"))
    return content


def _answer(work: Pass, data: bytes) -> _Message:
    try:
        return _DONE, work(data)
    except MemoryError:
        return _FAILED, b"onnx ran out of memory"
    except Exception as error:  # C++ raises its own kinds
        return _FAILED, reason(error).encode(errors="replace")


def _be_child(work: Pass, reader: int, writer: int) -> NoReturn:
    """Answers into the pipe; nothing else of this process is seen outside."""
    status = 1
    try:
        faulthandler.disable()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # C++ writes there before it aborts
            os.dup2(nowhere, stream)
        _widen(writer)
        answers = _Answers(writer)
        while (message := answers.before(reader)) is not None:
            kind, data = message
            if kind == _LIMIT:
                _limit_itself(int(data))
            elif kind == _ORDER:
                _answer(work, data)
            else:
                answers.add(*_answer(work, data))
        status = 0
    finally:
        os._exit(status)


class _Answers:
    """Answers on their way out: nobody need take one before the next question is worked at."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._left: deque[memoryview] = deque()

    def add(self, kind: bytes, data: bytes) -> None:
        """One more, sent as far as the pipe takes it."""
        self._left += map(memoryview, (_head(kind, data), data))
        self._send(wait=False)

    def before(self, questions: int) -> _Message | None:
        """The next question; where nobody has asked one yet, whoever waits for an answer gets it first."""
        self._send(wait=not _is_ready(questions))
        return _receive(questions)

    def _send(self, *, wait: bool) -> None:
        """All that is left, or as much as the pipe takes."""
        os.set_blocking(self._pipe, wait)
        with suppress(BlockingIOError):
            while self._left:
                sent = os.write(self._pipe, self._left[0])
                self._left[0] = self._left[0][sent:]
                if not self._left[0]:
                    self._left.popleft()


def _limit_itself(size: int) -> None:
    import resource  # noqa: PLC0415  # not on every system

    seconds = _SECONDS + _SECONDS_PER_MB * size // 10**6
    limits = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    with suppress(OSError):
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
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
