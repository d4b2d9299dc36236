"""What a walk asks of onnx's compiled part: how operators are defined, and what a node makes."""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from onnx.onnx_ml_pb2 import ModelProto

from opscan.trace import onnx_compiled
from opscan.trace.apart import Apart, PassFailed
from opscan.trace.onnx_answers import DEFINE, INFER, NEWEST, answer
from opscan.trace.onnx_definitions import Definition, Key, definition_of
from opscan.trace.onnx_passes import model_of
from opscan.trace.plain import packed, unpacked

_Told = TypeVar("_Told")


class Library:
    """Asks here, but for what nodes make: a damaged model can crash that, so it is asked in a process apart.

    Where such a process was started ahead it is asked for everything, for it has loaded onnx.
    """

    def __init__(self, process: Apart | None = None) -> None:
        """`process`: of onnx_ahead."""
        self._process = process
        self._size = 0
        self._known: dict[Key, Definition | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is asked from now on is asked here."""
        if self._process is not None:
            self._process.__exit__(kind, error, trace)
            self._process = None

    def limit(self, size: int) -> None:
        """Bounds what all answers may cost, for a model of so many bytes. Must come before the first question."""
        self._size = size
        if self._process is not None:
            self._process.limit(size)

    def definition(self, key: Key) -> Definition | None:
        """How an operator is defined; None where onnx knows none."""
        if key not in self._known:
            self.learn([key])
        return self._known[key]

    def learn(self, keys: Iterable[Key]) -> None:
        """Asks for many definitions at once."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._known]
        if wanted:
            told = self._told(DEFINE, tuple(wanted), _definitions)
            self._known |= zip(wanted, told or map(definition_of, wanted), strict=True)

    def newest(self) -> Mapping[str, int]:
        """The newest opset of each domain that onnx knows, `""` for ai.onnx."""
        return self._told(NEWEST, None, dict) or onnx_compiled.newest()

    def infer(self, question: ModelProto) -> ModelProto:
        """A model of one node with its inputs -> its outputs, as far as onnx tells their types. Raises PassFailed."""
        if self._process is None:
            self._process = Apart(answer).__enter__()
            self._process.limit(self._size)
        return model_of(self._process.ask(INFER + question.SerializeToString()))

    def _told(self, kind: bytes, question: object, read: Callable[[Any], _Told]) -> _Told | None:
        """None where no process tells."""
        if self._process is None:
            return None
        try:
            return read(unpacked(self._process.ask(kind + packed(question))))
        except (PassFailed, ValueError, TypeError):
            return None


def _definitions(parts: Iterable[Any]) -> list[Definition | None]:
    return [None if part is None else Definition.restored(part) for part in parts]
