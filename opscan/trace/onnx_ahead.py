"""A file is read, and onnx loaded, in a process of their own while this one imports what it needs for both."""

import os
from pathlib import Path, PurePath

from opscan.trace.apart import Apart, PassFailed
from opscan.trace.onnx_bytes import read_content

# What a question begins with; the others are for onnx_answers.
_READ, _LOAD = b"r", b"l"


def started(path: PurePath) -> Apart | None:
    """A process that reads the file (see `content`), loads onnx, and then does what a Library asks.

    None where none can be started, or the path is no file, which can be read more than once.
    """
    if not hasattr(os, "fork") or not os.path.isfile(path):
        return None
    try:
        process = Apart(_answer).__enter__()
    except PassFailed:  # who depends on one will be told
        return None
    process.post(_READ + os.fsencode(path))
    process.tell(_LOAD)
    return process


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
