"""Models handed to a runtime in processes of their own: a crash or a hang costs its model only."""

import multiprocessing
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from opscan.core.probe import Outcome
from opscan.probe import worker
from opscan.probe.case import Case
from opscan.runtimes import Options

Result = tuple[Outcome, str]

_STAGES = {worker.LOADING: "loading", worker.RUNNING: "running", worker.CHECKING: "checking numbers"}
# A process that has seen so many models is replaced: runtimes leak.
_MODELS_PER_PROCESS = 2000
# How much later than a command's own deadline its process is ended.
_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one model may cost."""

    seconds: float = 30.0
    memory: int = 8 * 2**30
    """Bytes of address space, which runtimes reserve more of than they use."""
    written: int = 256 * 2**20
    """Bytes that may be written to a file; by a command, in all."""
    jobs: int = field(default_factory=lambda: max(1, (os.cpu_count() or 2) // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the models are handed to: a runtime of opscan.runtimes, or a command."""

    runtime: str = ""
    options: Options = field(default_factory=Options)
    command: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How reports call it."""
        return (
            shlex.join(self.command) if self.command else " ".join(filter(None, (self.runtime, self.options.provider)))
        )


def results(cases: Sequence[Case], target: Target, bounds: Bounds) -> Iterator[tuple[int, Result]]:
    """Positions in `cases` and what became of them, as they are done.

    A model at which a process died has its outcome from a process that saw no other.
    """
    with tempfile.TemporaryDirectory(prefix="opscan-probe-") as folder:
        stages = Path(folder) / "stages"
        stages.write_bytes(b" " * len(cases))
        died = []
        for number, result in _pooled(dict(enumerate(cases)), target, bounds, stages, _MODELS_PER_PROCESS):
            if result[0] is Outcome.CRASHED and not target.command:
                died.append(number)
            else:
                yield number, result
        # Another model may have done the damage that the process died of.
        yield from _pooled({number: cases[number] for number in died}, target, bounds, stages, 1)


def _pooled(
    cases: Mapping[int, Case], target: Target, bounds: Bounds, stages: Path, models_per_process: int
) -> Iterator[tuple[int, Result]]:
    if not cases:
        return
    pool = _pool(stages, bounds, models_per_process)
    try:
        futures = {_scheduled(pool, n, case, target, bounds): n for n, case in cases.items()}
        for future in as_completed(futures):
            number = futures[future]
            yield number, _result(future, number, stages, bounds)
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _pool(stages: Path, bounds: Bounds, models_per_process: int) -> ProcessPool:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)  # typeshed gives the classes of each method no common preload
    if method == "forkserver":
        context.set_forkserver_preload([worker.__name__])
    return ProcessPool(
        max_workers=bounds.jobs,
        max_tasks=models_per_process,
        context=context,
        initializer=worker.prepare,
        initargs=(str(stages), bounds.memory, bounds.written, True),
    )


def _scheduled(pool: ProcessPool, number: int, case: Case, target: Target, bounds: Bounds) -> Any:
    if target.command:
        arguments = (number, case, list(target.command), bounds.seconds, bounds.written)
        return pool.schedule(worker.compile_by_command, args=arguments, timeout=bounds.seconds + _GRACE_SECONDS)
    handed = (number, case, target.runtime, target.options)
    return pool.schedule(worker.attempt, args=handed, timeout=bounds.seconds)


def _result(future: Any, number: int, stages: Path, bounds: Bounds) -> Result:
    try:
        outcome: Result = future.result()
        return outcome
    except FutureTimeout:
        return Outcome.TIMED_OUT, f"stopped after {bounds.seconds:g} s, {_stage(stages, number)}"
    except ProcessExpired as error:
        return Outcome.CRASHED, f"{_death(error.exitcode)}, {_stage(stages, number)}"
    except Exception as error:  # what came back could not be read
        return Outcome.CRASHED, f"gave no result: {worker.said(error)}"


def _stage(stages: Path, number: int) -> str:
    with stages.open("rb") as file:
        file.seek(number)
        return _STAGES.get(file.read(1), "before loading")


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            return signal.Signals(-exitcode).name
        except ValueError:
            return f"signal {-exitcode}"
    return f"exit code {exitcode}"
