"""Work in fresh interpreters that are reused, so that few import torch."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from concurrent.futures import as_completed
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from opscan.pipeline.cores import cores

Result = TypeVar("Result")

# torch and the exporter keep some 8 MB of each model that they have seen; a new process imports them (1.5 s), and
# learns again what models have in common.
_MOST_TASKS = 45


def run(
    function: Callable[..., Result], work: Sequence[tuple[Any, ...]], jobs: int | None, timeout: float
) -> Iterator[tuple[int, Result | str]]:
    """Results with their position in `work`, as they are done; a str says why there is none.

    Starts `jobs` processes (None: one per core), torch on one thread in each. A call that takes
    longer than `timeout` seconds or whose process dies is given up; the others go on.
    """
    context = multiprocessing.get_context("spawn")
    workers = min(jobs or cores(), len(work))
    pool = ProcessPool(max_workers=workers, max_tasks=_MOST_TASKS, context=context, initializer=_one_thread)
    try:
        with _interrupts_held():
            futures: dict[Any, int] = {  # pebble's futures are not those of as_completed to a type checker
                pool.schedule(function, args=task, timeout=timeout): number for number, task in enumerate(work)
            }
        for future in as_completed(futures):
            yield futures[future], _result(future, timeout)
        pool.close()
    finally:
        pool.stop()
        pool.join()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C is the parent's to handle: threads begun inside, and the processes that those start, never see it.

    A process that ignores it by itself does so too late: it dies of it while it imports.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would end the holding
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _result(future: Any, timeout: float) -> Any:
    """`Any`: pebble's futures are untyped."""
    try:
        return future.result()
    except TookTooLong:
        return f"took longer than {timeout:g} s; give it more with --timeout"
    except ProcessExpired as error:
        return f"its process died (exit code {error.exitcode})"
    except Exception as error:  # out of memory, or a fault of ours: the other models are still wanted
        return f"stopped by {type(error).__name__}: {' '.join(str(error).split())}"


def _one_thread() -> None:
    """The processes share the cores; and where Ctrl-C could not be held off, they ignore it from here on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
