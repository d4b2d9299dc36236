"""Whole processes, interpreter start included, as a user meets them: wall seconds, processor seconds, peak memory."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

RUNS = 5
# A command that takes longer is measured once more and no oftener: its noise is small beside it.
_LONG_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to measure."""

    name: str
    """As the report calls it, in markdown."""
    argv: tuple[str, ...]
    exits: tuple[int, ...] = (0,)
    """Exit codes of an answer: a gate that finds something ends with 1."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside those of this process."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of several runs; seconds and megabytes (10^6 bytes)."""

    wall: float
    cpu: float
    """User and system time of the process and its children."""
    peak: float
    """Resident memory of the largest process."""
    runs: int


class Failed(Exception):
    """A command gave no answer."""


def opscan(*arguments: object, exits: tuple[int, ...] = (0, 1), shown: str = "", **environment: str) -> Command:
    """An opscan command, `shown` as it stands or in short; a gate's findings are an answer."""
    words = tuple(map(str, arguments))
    shown = shown or " ".join(os.path.basename(word) for word in words)
    argv = (sys.executable, "-m", "opscan", *words)
    return Command(name=f"`opscan {shown}`", argv=argv, exits=exits, environment=environment)


def python(name: str, code: str, *arguments: object) -> Command:
    """A few lines of Python, as people write them, with arguments in `sys.argv`."""
    return Command(name=name, argv=(sys.executable, "-c", code, *map(str, arguments)))


def module(name: str, *words: object) -> Command:
    """`python -m …`, as a peer's command line is run."""
    return Command(name=name, argv=(sys.executable, "-m", *map(str, words)))


def measure(command: Command, runs: int = RUNS) -> Measured:
    """Medians over the runs, after one that fills the system's file cache where they are short. Raises Failed."""
    first = _run(command)
    if first[0] > _LONG_SECONDS:
        results = [first] if runs == 1 else [first, _run(command)]
    else:
        results = [_run(command) for _ in range(runs)]
    wall, cpu, peak = (statistics.median(column) for column in zip(*results, strict=True))
    return Measured(wall, cpu, peak, len(results))


def _run(command: Command) -> tuple[float, float, float]:
    """Wall seconds, processor seconds, peak megabytes of one run."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=_environment(command),
            cwd=tempfile.gettempdir(),  # not this project's folder, whose pyproject.toml opscan would look through
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read()
        # Python ends with 1 after a traceback, as a gate does that finds something.
        if process.returncode not in command.exits or (process.returncode and b"Traceback (most" in said):
            raise Failed(f"exit code {process.returncode}: {_last_line(said)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def _environment(command: Command) -> dict[str, str]:
    """Compiled code may be kept, as it is of what was installed: compiling opscan takes longer than a small file."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict(command.environment)


def _last_line(output: bytes) -> str:
    lines: Sequence[str] = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
