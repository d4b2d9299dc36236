"""The bytes of an ONNX file without its weights: what protobuf then parses in no time and memory.

Walks the wire format (https://protobuf.dev/programming-guides/encoding/) down to the tensors and leaves
out their large payloads; everything else is copied as it stands, for protobuf to judge. What is put
in a way that no writer of ONNX files uses is left to protobuf altogether (`None`).

Read in windows, not memory-mapped: the pages around every header would count as this process's memory
(64 KB each on Linux), and a file that gets shorter meanwhile would kill it.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

# A payload up to this many bytes stays: shapes, axes and scales.
SMALL_BYTES = 4096
_WINDOW = 1 << 12
# The longest tag and length together, with room for what is looked at ahead.
_MARGIN = 24
_BYTES = 2
"""Wire type of strings, messages and packed numbers."""
# What is left at the end of an emptied tensor: `data_location: EXTERNAL`, as which it is treated.
_EMPTIED = b"\x70\x01"
# Tags of a tensor's dims and data_type, name and raw_data.
_TENSOR_NUMBERS, _TENSOR_NAME, _TENSOR_RAW = (0x08, 0x10), 0x42, 0x4A
# A number of more than ten bytes.
_ENDLESS = re.compile(rb"[\x80-\xff]{10}")

Read = Callable[[int, int], bytes]


class Message(NamedTuple):
    """A message of the ONNX schema: its fields that lead to tensors, by number."""

    inner: Mapping[int, "Message"] = {}
    single: frozenset[int] = frozenset()
    """Those of them that are not repeated, which protobuf merges if they are all the same."""
    payloads: Mapping[int, int] = {}
    """Fields of values, with the bytes of each; 0: any bytes, 1: of changing length."""


# Field numbers of https://github.com/onnx/onnx/blob/v1.23.2/onnx/onnx.proto; a test holds them against the schema.
TENSOR = Message(payloads={4: 4, 5: 1, 7: 1, 9: 0, 10: 8, 11: 1})
SPARSE_TENSOR = Message({1: TENSOR, 2: TENSOR}, single=frozenset((1, 2)))
_ATTRIBUTE_FIELDS: dict[int, Message] = {5: TENSOR, 10: TENSOR, 22: SPARSE_TENSOR, 23: SPARSE_TENSOR}
ATTRIBUTE = Message(_ATTRIBUTE_FIELDS, single=frozenset((5, 22)))
NODE = Message({5: ATTRIBUTE})
GRAPH = Message({1: NODE, 5: TENSOR, 15: SPARSE_TENSOR})
_ATTRIBUTE_FIELDS |= {6: GRAPH, 11: GRAPH}
FUNCTION = Message({7: NODE, 11: ATTRIBUTE})
TRAINING = Message({1: GRAPH, 2: GRAPH})
MODEL = Message({7: GRAPH, 20: TRAINING, 25: FUNCTION})


class _Unusual(Exception):
    """Protobuf itself has to say what this means."""


_Field = tuple[int, int, int, int]
"""A field of bytes: its number, where it starts, its content starts, and it ends."""


def without_weights(descriptor: int, size: int) -> bytes | None:
    """The model in an open file, large payloads left out and their tensors marked as external.

    None where the bytes are unusual. Raises OSError.
    """
    return reduced(lambda start, end: _read(descriptor, start, end), size)


def reduced(read: Read, size: int) -> bytes | None:
    """As `without_weights`, of `size` bytes that `read(start, end)` gives."""
    try:
        return b"".join(_Reader(read, size).message(0, size, MODEL))
    except (_Unusual, RecursionError):
        return None


def _read(descriptor: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(descriptor, min(end - start, 1 << 30), start)):
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Reader:
    """Reads messages that lie anywhere in the file."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._seen, self._seen_at = b"", 0
        """The last window, and where it starts: what is in a message is asked for again right after its head."""

    def message(self, start: int, end: int, kind: Message) -> list[bytes]:
        """The content of a message, in pieces, without what is large."""
        pieces: list[bytes] = []
        kept, seen, emptied = start, set(), False
        for number, begins, inside, ends in self._fields(start, end, kind):
            if number in seen:
                raise _Unusual
            if number in kind.single or number in kind.payloads:
                seen.add(number)
            if ends - inside <= SMALL_BYTES:
                continue
            if number in kind.payloads:
                if self._leaves_out(inside, ends, kind.payloads[number]):
                    pieces.append(self._exactly(kept, begins))
                    kept, emptied = ends, True
            elif number in kind.inner:
                inner = kind.inner[number]
                head = self._before_last(inside, ends) if inner is TENSOR else None
                content = [head, _EMPTIED] if head else self.message(inside, ends, inner)
                if kept != begins:
                    pieces.append(self._exactly(kept, begins))
                pieces.append(_head(number, sum(map(len, content))))
                pieces += content
                kept = ends
        pieces.append(self._exactly(kept, end))
        return [*pieces, _EMPTIED] if emptied else pieces

    def _before_last(self, inside: int, ends: int) -> bytes | None:
        """What precedes the raw data of a tensor that is written as nearly all are, in little time.

        Dimensions, type and a short name, then the data. None where it is not, or not in the window.
        """
        data, at = self._seen, inside - self._seen_at
        start, last = at, len(data) - _MARGIN
        while 0 <= at < last:
            tag, at = data[at], at + 1
            if tag in _TENSOR_NUMBERS:
                while data[at] >= 0x80 and at < last:
                    at += 1
                at += 1
            elif tag == _TENSOR_NAME and data[at] < 0x80:
                at += 1 + data[at]
            elif tag == _TENSOR_RAW:
                size, content = _varint(data, at)
                return data[start : at - 1] if self._seen_at + content + size == ends else None
            else:
                return None
        return None

    def _leaves_out(self, inside: int, ends: int, width: int) -> bool:
        """Whether a payload is left out; protobuf must not find fault with it, nor store it in fewer bytes."""
        size = ends - inside
        match width:
            case 0:
                return True
            case 1 if size <= 10 * SMALL_BYTES:  # a number may take ten bytes where one would do
                return False
            case 1:
                numbers = self._exactly(inside, ends)
                if numbers[-1] >= 0x80 or _ENDLESS.search(numbers):
                    raise _Unusual
                return True
            case _:
                if size % width:
                    raise _Unusual
                return True

    def _fields(self, start: int, end: int, kind: Message) -> Iterator[_Field]:
        """Fields of bytes that are large or must not occur twice, in order; the others are passed over."""
        small = min(SMALL_BYTES + 1, 0x80)  # lengths of one byte that need no closer look
        watched = frozenset(number << 3 | _BYTES for number in (*kind.single, *kind.payloads))
        data, base, position = self._seen, self._seen_at, start
        while position < end:
            at = position - base
            if not 0 <= at <= len(data) - _MARGIN:
                data, base, at = self._window(position), position, 0
            tag, size = data[at], data[at + 1]
            if tag & 0x87 == _BYTES and size < small and tag not in watched:  # nearly all of them
                position += 2 + size
                continue
            if tag & 0x87 == _BYTES and data[at + 2] < 0x80 <= size and tag not in watched:
                length = size & 0x7F | data[at + 2] << 7
                if length <= SMALL_BYTES:
                    position += 3 + length
                    continue
            tag, at = _tag(data, at)
            match tag & 7:
                case 0:
                    following = base + _after_number(data, at)
                case 1:
                    following = base + at + 8
                case 2:
                    size, at = _varint(data, at)
                    following = base + at + size
                    if (size > SMALL_BYTES or tag in watched) and following <= end:
                        yield tag >> 3, position, base + at, following
                case 5:
                    following = base + at + 4
                case _:  # groups, which no ONNX file has
                    raise _Unusual
            position = following
        if position != end:
            raise _Unusual

    def _window(self, position: int) -> bytes:
        """The bytes from there on and a margin, with zeros after the file's last."""
        wanted = _WINDOW + _MARGIN
        self._seen, self._seen_at = self._read(position, min(position + wanted, self._size)), position
        return self._seen if len(self._seen) == wanted else self._seen.ljust(wanted, b"\0")

    def _exactly(self, start: int, end: int) -> bytes:
        at = start - self._seen_at
        if at >= 0 and end - self._seen_at <= len(self._seen):
            return self._seen[at : at + end - start]
        data = self._read(start, end)
        if len(data) != end - start:  # the file got shorter
            raise _Unusual
        return data


def _tag(data: bytes, at: int) -> tuple[int, int]:
    """A field's number and wire type, and where its content starts."""
    tag, after = _varint(data, at)
    if not tag >> 3:  # no field has that number: a hole of zeros, which may be gigabytes long
        raise _Unusual
    return tag, after


def _after_number(data: bytes, at: int) -> int:
    """Where the next thing starts after a number of any value."""
    start = at
    while data[at] >= 0x80:
        at += 1
        if at - start > 14:
            raise _Unusual
    return at + 1


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to five bytes, and where the next thing starts."""
    value = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Unusual


@lru_cache(maxsize=1024)  # what is left of tensors has few sizes
def _head(number: int, size: int) -> bytes:
    """Tag and length of a field of bytes."""
    return _bytes_of(number << 3 | _BYTES) + _bytes_of(size)


def _bytes_of(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
