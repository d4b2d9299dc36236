"""What is known in this process about how operator calls decompose: models share layers."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import torch
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.fx.node import map_aggregate
from torch.utils._mode_utils import no_dispatch

from opscan.trace.decompositions import Call, Decomposition, Given, TensorType, decompose_calls, tensor_type
from opscan.trace.recorded import Kernel, Recorder, kernels_of, recording


class FakeTensors:
    """Fake tensors, made once for each type."""

    def __init__(self, mode: FakeTensorMode) -> None:
        self.mode = mode
        self._made: dict[tuple[TensorType, int], torch.Tensor] = {}
        self._types: dict[int, tuple[Any, TensorType]] = {}

    def type(self, value: Any) -> TensorType:
        """The type of a tensor, which is asked for once for each who uses it. Raises NotFoldable."""
        if (known := self._types.get(id(value))) is None:
            known = self._types[id(value)] = (value, tensor_type(value))
        return known[1]

    def types(self, value: Any) -> Any:
        """The type of what an operator yields: one tensor, several, or nothing. Raises NotFoldable."""
        if value is None:
            return None
        return tuple(map(self.type, value)) if isinstance(value, (list, tuple)) else self.type(value)

    def of(self, kind: Any) -> Any:
        """The first of a type; anything else as it is."""
        return self.another(kind, 0) if isinstance(kind, TensorType) else kind

    def another(self, kind: TensorType, number: int) -> torch.Tensor:
        """The n-th of a type."""
        if (kind, number) not in self._made:
            with no_dispatch():  # a fifth of the time that the mode itself takes for it
                meta = torch.empty_strided(kind.shape, kind.stride, dtype=kind.dtype, device="meta")
            made = FakeTensor(self.mode, meta, kind.device)
            self._made[kind, number] = made.requires_grad_(kind.requires_grad)
        return self._made[kind, number]

    def run(self, call: Call) -> Any:
        """What the call yields, a fake tensor or several."""

        def given(value: Any) -> Any:
            return self.of(call.types[value.number]) if isinstance(value, Given) else value

        arguments, keywords = map_aggregate((call.arguments, call.keywords), given)
        with self.mode:
            return call.target(*arguments, **keywords)


@cache
def core_table() -> Mapping[Any, Any]:
    """What torch decomposes by where no table is given; it makes it anew each time."""
    return torch.export.default_decompositions().materialize()


class Known:
    """What was found out about calls, for one set of decomposed operators."""

    def __init__(self) -> None:
        self.decompositions: dict[Any, Decomposition] = {}
        """By the key of a call."""
        self._kernels: dict[Any, Kernel | None] = {}

    def add(self, calls: Sequence[Call], table: Any, tensors: FakeTensors) -> None:
        """Recorded; what the recorder refuses, by run_decompositions. Raises NotFoldable."""
        if not self._kernels:
            self._kernels = kernels_of(table)
        recorder = Recorder(self._kernels, tensors.another)
        with recording(), tensors.mode:
            for call in calls:
                with suppress(Exception):  # NotFoldable, or whatever torch's code meets outside of its tracer
                    self.decompositions[call.key] = recorder.decomposed(call)
        refused = [call for call in calls if call.key not in self.decompositions]
        found = decompose_calls(refused, table, tensors.of) if refused else ()
        self.decompositions |= {call.key: made for call, made in zip(refused, found, strict=True)}


@cache
def known_by(operators: frozenset[Any]) -> Known:
    """What is known where these operators are decomposed."""
    return Known()
