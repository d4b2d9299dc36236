"""A file is read, and onnx loaded, in a process of their own while this one imports what it needs for both."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath

from opscan.trace.apart import Apart, PassFailed
from opscan.trace.onnx_bytes import read_content

# What a question begins with; the others are for onnx_answers.
_READ, _LOAD = b"r", b"l"


@contextmanager
def reading(path: PurePath) -> Iterator[Apart | None]:
    """A process that reads the file (see `content`), loads onnx, and then does what a Library asks.

    None where none can be started, or the path is no file, which can be read more than once.
    """
    with ExitStack() as stack:
        process = None
        if hasattr(os, "fork") and os.path.isfile(path):
            with suppress(PassFailed):  # who depends on one will be told
                process = stack.enter_context(Apart(_answer))
                process.post(_READ + os.fsencode(path))
                process.tell(_LOAD)
        yield process


def content(process: Apart) -> bytes | None:
    """What it read, as read_content; None where it could not."""
    try:
        return process.answer()
    except PassFailed:
        return None


def _answer(data: bytes) -> bytes:
    """What each process imports for itself, it imports while the other one does."""
    kind = data[:1]
    if kind == _READ:
        return read_content(Path(os.fsdecode(data[1:])), "")
    if kind == _LOAD:
        from opscan.trace import onnx_compiled  # noqa: PLC0415

        onnx_compiled.load()
    from opscan.trace import onnx_answers  # noqa: PLC0415

    return b"" if kind == _LOAD else onnx_answers.answer(data)
