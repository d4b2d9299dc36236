"""A file is read, and onnx loaded, in a process of their own while this one imports what it needs for both."""

import gc
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from opscan.trace.apart import Apart, PassFailed
from opscan.trace.packing import packed, unpacked

if TYPE_CHECKING:
    from opscan.trace.onnx_columns import ParsedModel
    from opscan.trace.onnx_listing import Listing

# What a question begins with; the others are for onnx_answers.
READ, NODES, CONTENT, LOAD = b"r", b"g", b"c", b"l"

# Of the nodes of a graph, each with a question and an answer of its own: while one is read, the next is made.
_PARTS = 8
# What the other process has read, and the columns that it makes of it.
_content = b""
_model: "ParsedModel | None" = None


class Lost(Exception):
    """The other process cannot say what it read, or that is damaged: who reads the file itself may know more."""


def reader(path: str | os.PathLike[str]) -> Apart | None:
    """A process, started, that reads the file and loads onnx, and then answers what is asked below and by a Library.

    None where none can be started, or the path is no file, which can be read more than once.
    """
    if not hasattr(os, "fork") or not os.path.isfile(path):
        return None
    process = Apart(_answer)
    try:
        process.__enter__()
    except PassFailed:  # who depends on one will be told
        return None
    process.post(READ + os.fsencode(path))
    for part in range(_PARTS):
        process.post(NODES + bytes([part]))
    process.tell(LOAD)
    return process


def listing(process: Apart) -> "Listing":
    """What it read, once. Raises Lost."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415  # imported while the file is read, as the others

    from opscan.trace.onnx_columns import NodeColumns, restored  # noqa: PLC0415
    from opscan.trace.onnx_listing import Listing  # noqa: PLC0415

    try:
        model = restored(unpacked(process.answer(0)))
        return Listing(model, (NodeColumns(*unpacked(_awaited(process, 1 + part))) for part in range(_PARTS)))
    except (PassFailed, DecodeError, TypeError, ValueError) as error:
        raise Lost from error


def _awaited(process: Apart, number: int) -> bytes:
    """An answer; who has to wait for it loads onnx meanwhile, which the other process has not done yet."""
    from opscan.trace import onnx_compiled  # noqa: PLC0415

    if not process.is_ready() and not onnx_compiled.is_loaded():
        onnx_compiled.load()
    return process.answer(number)


def content(process: Apart) -> bytes:
    """The bytes of what it read. Raises Lost."""
    try:
        return process.ask(CONTENT)
    except PassFailed as error:
        raise Lost from error


def _answer(data: bytes) -> bytes:
    """What each process imports for itself, it imports while the other one does."""
    work = _ANSWERS.get(data[:1])
    if work is not None:
        return work(data[1:])
    from opscan.trace import onnx_answers  # noqa: PLC0415

    return onnx_answers.answer(data)


def _read(path: bytes) -> bytes:
    global _content, _model  # noqa: PLW0603  # one process reads one file
    from opscan.trace import onnx_package  # noqa: PLC0415

    gc.disable()  # all that is made here stays, or is gone when nobody holds it
    onnx_package.defer()
    from opscan.trace.onnx_bytes import read_content  # noqa: PLC0415
    from opscan.trace.onnx_columns import ParsedModel  # noqa: PLC0415

    _content = read_content(path, "")
    _model = ParsedModel(_content)
    _model.require_graph("")
    return packed(_model.columns())


def _nodes(part: bytes) -> bytes:
    assert _model is not None  # or what is answered is that there is none
    return packed(_model.nodes(part[0], _PARTS))


def _load(_: bytes) -> bytes:
    from opscan.trace import onnx_answers, onnx_compiled  # noqa: PLC0415, F401

    onnx_compiled.load()
    return b""


_ANSWERS: Mapping[bytes, Callable[[bytes], bytes]] = {
    READ: _read,
    NODES: _nodes,
    CONTENT: lambda _: _content,
    LOAD: _load,
}
