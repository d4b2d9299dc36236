"""The first file that a command line names: another process reads it while this one imports what it needs."""

import atexit
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise

from opscan.pipeline.cores import cores
from opscan.trace import onnx_ahead
from opscan.trace.apart import Apart

_OUTPUTS = frozenset(("-o", "--output"))
# Begun and not yet asked, by path.
_begun: dict[str, Apart] = {}


def begin(words: Sequence[str]) -> None:
    """Has another process read the first `.onnx` file among the words of a command line, unless it is an output.

    Whether a command will ask for it is not known yet; if none does, that process ends with this one.
    """
    for before, word in pairwise(words):
        if word.endswith(".onnx") and before not in _OUTPUTS and cores() > 1:
            process = onnx_ahead.reader(word)
            if process is not None:
                _begun[os.path.realpath(word)] = process
                atexit.register(_give_up)
            return


@contextmanager
def reading(path: os.PathLike[str], *, alone: bool) -> Iterator[Apart | None]:
    """A process that reads the file, or has begun to; none where that would gain nothing or cannot be.

    `alone`: a file for which none was begun is read by this process.
    """
    process = _begun.pop(os.path.realpath(path), None)
    if process is None and not alone and cores() > 1:
        process = onnx_ahead.reader(path)
    with ExitStack() as stack:
        if process is not None:
            stack.push(process)
        yield process


def _give_up() -> None:
    for process in _begun.values():
        process.end()
