"""One model in a process that may crash, hang or be garbled: what it does there."""

import ctypes
import os
import re
import signal
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnx
from onnx.reference import ReferenceEvaluator

from opscan.core.errors import OpscanError
from opscan.core.probe import Outcome
from opscan.probe.case import Case, Value
from opscan.probe.comparison import difference
from opscan.runtimes import NotHere, Options, Unreadable, _command, runtime

# What the stage file says of a case.
LOADING, RUNNING, CHECKING = b"L", b"R", b"C"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NOWHERE = "http://127.0.0.1:9"
_LONGEST_MESSAGE = 500

_FOLDERS = re.compile(r"(?<!\S)(?:/?[\w.+-]+/){2,}(?=\w+\.\w+:\d+)")

_stages = -1


def prepare(stages: str, memory: int, file_bytes: int, hold_output: bool) -> None:
    """Bounds what this process and its children may use: memory and bytes per file, no network."""
    global _stages  # noqa: PLW0603  # one per process, set once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    signal.signal(signal.SIGTERM, _end)
    _stages = os.open(stages, os.O_WRONLY)
    _limit(memory, file_bytes)
    _leave_network()
    os.environ["OMP_NUM_THREADS"] = "1"
    if hold_output:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
    warnings.simplefilter("ignore")


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(1)


def _limit(memory: int, file_bytes: int) -> None:
    import resource  # noqa: PLC0415  # not on every system

    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: file_bytes, resource.RLIMIT_AS: memory}
    for kind, amount in limits.items():
        with suppress(ValueError, OSError):  # stricter limits are in force already
            resource.setrlimit(kind, (amount, amount))


def _leave_network() -> None:
    """A network namespace without any network where the system allows it; proxies that lead nowhere everywhere."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ[name] = _NOWHERE
    user, group = os.getuid(), os.getgid()
    with suppress(OSError, AttributeError):
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def attempt(number: int, case: Case, name: str, options: Options) -> tuple[Outcome, str]:
    """What the runtime does with the model, and what it says."""
    _enter(number, LOADING)
    try:
        load = runtime(name).load
    except OpscanError as error:
        return Outcome.NOT_TRIED, said(error)
    try:
        run = load(case.model, options)
    except NotHere as error:
        return Outcome.NOT_TRIED, said(error)
    except Exception as error:  # runtimes raise their own kinds
        return Outcome.REJECTED, said(error)
    if case.inputs is None:
        return Outcome.ACCEPTED, ""
    _enter(number, RUNNING)
    try:
        outputs = run(case.inputs)
    except Unreadable as error:
        return Outcome.UNCHECKED, said(error)
    except Exception as error:
        return _failed(case, said(error))
    _enter(number, CHECKING)
    return _checked(case, outputs)


def compile_by_command(
    number: int, case: Case, arguments: list[str], seconds: float, most_bytes: int
) -> tuple[Outcome, str]:
    """What the command does with the model, and the last line it says."""
    _enter(number, LOADING)
    try:
        _command.compile_model(case.model, arguments, seconds, most_bytes)
    except _command.Refused as error:
        return Outcome.REJECTED, said(error)
    except _command.TooSlow:
        return Outcome.TIMED_OUT, f"stopped after {seconds:g} s"
    except _command.Died as error:
        return Outcome.CRASHED, said(error)
    return Outcome.ACCEPTED, ""


def _enter(number: int, stage: bytes) -> None:
    os.pwrite(_stages, stage, number)


def said(error: BaseException) -> str:
    """What an exception says, in one line of at most 500 characters, without the folders of source files."""
    text = _FOLDERS.sub("", " ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]} …"


def _failed(case: Case, message: str) -> tuple[Outcome, str]:
    """Failing on values that the reference evaluator fails on, too, says nothing about the runtime."""
    if case.expected is None:
        try:
            reference_outputs(onnx.ModelProto.FromString(case.model), case.inputs or ())
        except Exception as error:  # it is plain Python and raises whatever it meets
            return Outcome.UNCHECKED, f"{message}; the reference evaluator fails, too: {said(error)}"
    return Outcome.FAILS, message


def _checked(case: Case, outputs: list[Value]) -> tuple[Outcome, str]:
    if not case.check_numbers:
        return Outcome.UNCHECKED, "its outputs are random"
    expected = case.expected
    if expected is None:
        try:
            expected = reference_outputs(onnx.ModelProto.FromString(case.model), case.inputs or ())
        except Exception as error:  # it is plain Python and raises whatever it meets
            return Outcome.UNCHECKED, f"the reference evaluator: {said(error)}"
    try:
        text = difference(outputs, expected)
    except Exception as error:  # e.g. a dtype that numpy cannot compare
        return Outcome.UNCHECKED, f"not comparable: {said(error)}"
    return (Outcome.WRONG, text) if text else (Outcome.RUNS, "")


def reference_outputs(model: onnx.ModelProto, inputs: tuple[Value, ...]) -> tuple[Any, ...]:
    """What onnx's reference evaluator makes of the inputs; it raises whatever it meets."""
    evaluator = ReferenceEvaluator(model)
    return tuple(evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True))))
