"""A file is read, and onnx loaded, in a process of their own while this one imports what it needs for both."""

import os
from pathlib import Path, PurePath

from opscan.trace.apart import Apart, PassFailed
from opscan.trace.onnx_bytes import read_content

LOAD = b"l"
"""The question that onnx_library answers by loading onnx."""
_READ = b"r"


def started(path: PurePath) -> Apart | None:
    """A process that reads the file (see `content`), loads onnx, and then does what a Library asks.

    None where none can be started.
    """
    if not hasattr(os, "fork"):
        return None
    try:
        process = Apart(_answer).__enter__()
    except PassFailed:  # who depends on one will be told
        return None
    process.post(_READ + os.fsencode(path))
    process.tell(LOAD)
    return process


def content(process: Apart) -> bytes | None:
    """What it read, as read_content; None where it could not."""
    try:
        return process.answer()
    except PassFailed:
        return None


def _answer(data: bytes) -> bytes:
    if data[:1] == _READ:
        return read_content(Path(os.fsdecode(data[1:])), "")
    from opscan.trace.onnx_library import answer  # noqa: PLC0415  # what the other process imports meanwhile

    return answer(data)
