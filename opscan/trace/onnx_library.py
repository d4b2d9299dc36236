"""What a walk asks of onnx's compiled part: how operators are defined, and what a node makes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from onnx.onnx_ml_pb2 import ModelProto

from opscan.trace import onnx_compiled
from opscan.trace.apart import Apart, PassFailed
from opscan.trace.onnx_answers import DEFINE, INFER, NEWEST, answer
from opscan.trace.onnx_definitions import Definition, Key, definition_of
from opscan.trace.onnx_passes import model_of
from opscan.trace.packing import packed, unpacked

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
        self._asked: tuple[int, Sequence[Key]] | None = None
        """A question that was posted: its number, and what it asks the definitions of."""

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
        self._settle()
        if key not in self._known:
            self.learn([key])
            self._settle()
        return self._known[key]

    def learn(self, keys: Iterable[Key]) -> None:
        """Asks for many definitions at once, for which nobody waits before the first is looked at."""
        self._settle()
        wanted = tuple([key for key in dict.fromkeys(keys) if key not in self._known])
        if self._process is None or onnx_compiled.is_loaded():
            self._known |= zip(wanted, map(definition_of, wanted), strict=True)
        elif wanted:
            self._asked = self._process.post(DEFINE + packed(wanted)), wanted

    def newest(self) -> Mapping[str, int]:
        """The newest opset of each domain that onnx knows, `""` for ai.onnx."""
        if self._process is None or onnx_compiled.is_loaded():
            return onnx_compiled.newest()
        return self._told(self._process.post(NEWEST), dict) or onnx_compiled.newest()

    def infer(self, question: ModelProto) -> ModelProto:
        """A model of one node with its inputs -> its outputs, as far as onnx tells their types. Raises PassFailed."""
        if self._process is None:
            self._process = Apart(answer).__enter__()
            self._process.limit(self._size)
        return model_of(self._process.ask(INFER + question.SerializeToString()))

    def _settle(self) -> None:
        """Takes the definitions that were asked for."""
        if self._asked:
            number, wanted = self._asked
            found = self._told(number, _definitions) or map(definition_of, wanted)
            self._known |= zip(wanted, found, strict=True)
            self._asked = None

    def _told(self, number: int, read: Callable[[Any], _Told]) -> _Told | None:
        """The answer to what was posted; None where no process tells."""
        if self._process is None:
            return None
        try:
            return read(unpacked(self._process.answer(number)))
        except (PassFailed, ValueError, TypeError):
            return None


def _definitions(parts: Iterable[Any]) -> list[Definition | None]:
    return [None if part is None else Definition.restored(part) for part in parts]
