"""How torch decomposes one operator call, seen by running it on fake tensors and writing down what runs.

`run_decompositions` finds out the same by tracing a whole program, functionalized, twice, and by
passes over what came of it: 3 ms a call. A call that changes nothing in place, and whose operators
are plain, needs none of that and takes 0.5 ms. Any other is refused: it is left to torch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch._C import DispatchKey
from torch._dispatch.python import enable_python_dispatcher
from torch._export.utils import _compiling_state_context, _get_decomp_for_cia
from torch._ops import OpOverload
from torch._subclasses import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor
from torch.export._trace import _ignore_backend_decomps
from torch.export.exported_program import _split_decomp_table_to_cia_and_python_decomp
from torch.fx.node import map_aggregate
from torch.utils._python_dispatch import TorchDispatchMode

from opscan.trace.decompositions import (
    Call,
    Decomposition,
    Given,
    Made,
    NotFoldable,
    Part,
    Step,
    TensorType,
    is_view,
    references,
    yielded,
)

_aten = torch.ops.aten
# Operators that torch's tracer handles as constants, replaces or drops.
_TRACED_OTHERWISE = frozenset(
    (
        _aten.lift.default,
        _aten.lift_fresh.default,
        _aten.lift_fresh_copy.default,
        _aten.detach.default,
        _aten.alias.default,
    )
)
_RESTRIDE = _aten.as_strided_.default
_NATIVE_BATCH_NORM = _aten.native_batch_norm.default
# The attribute of a fake tensor that says where it comes from. No table by tensor: holding a tensor
# would change what torch does, which copies one that somebody else holds (`make_variable`).
_ORIGIN = "opscan_origin"

Kernel = Callable[..., Any]


@contextmanager
def recording() -> Iterator[None]:
    """The state in which torch decomposes: below autograd, as if exporting."""
    with (
        _ignore_backend_decomps(),
        _compiling_state_context(),
        torch.no_grad(),
        torch._C._AutoDispatchBelowAutograd(),
        enable_python_dispatcher(),
    ):
        yield


def kernels_of(table: Mapping[Any, Kernel]) -> dict[Any, Kernel | None]:
    """What each operator of a table is decomposed by. Composite ones that the table leaves out yield NotImplemented."""
    composite, others = _split_decomp_table_to_cia_and_python_decomp(dict(table))
    return {**{target: _Below(kernel) for target, kernel in others.items()}, **composite}


@dataclass(frozen=True, slots=True)
class _Below:
    """A kernel that torch runs below functionalization."""

    run: Kernel

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Decomposes calls, within `recording` and a fake tensor mode."""

    def __init__(self, kernels: dict[Any, Kernel | None], tensor: Callable[[TensorType, int], torch.Tensor]) -> None:
        """`kernels` as `kernels_of` gives them, completed here; `tensor` makes the n-th fake one of a type."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._kernels = kernels
        self._tensor = tensor
        self._call = object()
        self._steps: list[Step] = []
        self._parts: list[Part] = []
        self._below = False

    def decomposed(self, call: Call) -> Decomposition:
        """Steps that nothing depends on are among those of the result: torch numbers them too.

        Raises NotFoldable, or whatever torch's code objects to.
        """
        if call.yields is None:
            raise NotFoldable("what yields nothing has no steps that matter")
        self._call, self._steps, self._parts, self._below = object(), [], [], False
        inputs = [self._tensor(kind, call.types[:number].count(kind)) for number, kind in enumerate(call.types)]
        for number, tensor in enumerate(inputs):
            self._know(tensor, Given(number))

        def given(value: Any) -> Any:
            return inputs[value.number] if isinstance(value, Given) else value

        arguments, keywords = map_aggregate((call.arguments, call.keywords), given)
        with self:
            results = call.target(*arguments, **keywords)
        several = isinstance(results, (list, tuple))
        referred = self._referred(tuple(results) if several else results)
        return Decomposition(tuple(self._steps), referred, tuple(self._parts))

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """As torch's own modes do it: decomposed by the table, or else a step."""
        named = kwargs or {}
        if func in FunctionalTensor.metadata_fns:
            return func(*args, **named)
        kernel = self._kernel(func)
        if kernel is None or isinstance(kernel, _Below):
            return self._part(func, kernel, func, args, named)
        with self:
            result = kernel(*args, **named)
        # A composite operator that is kept yields what it would have yielded.
        return self._part(func, None, _get_decomp_for_cia(func), args, named) if result is NotImplemented else result

    def _part(self, func: OpOverload, kernel: Kernel | None, run: Kernel, args: Any, kwargs: Any) -> Any:
        """Decomposed below functionalization, or a step: a part, unless it is within one."""
        within, first, inputs = self._below, len(self._steps), self._referred((args, kwargs))
        self._below = True
        if kernel is None:
            result = self._step(func, run, args, kwargs)
        else:
            with self:
                result = kernel(*args, **kwargs)
        self._below = within
        if not within:
            made = self._referred(tuple(result) if isinstance(result, (list, tuple)) else result)
            self._parts.append(Part(first, len(self._steps), references(inputs), made, is_view(func)))
        return result

    def _kernel(self, func: OpOverload) -> Kernel | None:
        if func not in self._kernels:
            self._kernels[func] = _own_kernel(func)
        return self._kernels[func]

    def _step(self, func: OpOverload, run: Kernel, args: Any, kwargs: Any) -> Any:
        arguments, keywords = self._referred((args, kwargs))
        if func is _RESTRIDE and arguments[0] == Made(len(self._steps) - 1):
            # Nobody else can have seen what the last step has made: torch makes a view of it.
            func = _aten.as_strided.default
            args[0].__dict__.pop(_ORIGIN)
        if not _is_plain(func, args):
            raise NotFoldable(f"{func} is traced otherwise")
        result = run(*args, **kwargs)
        number = len(self._steps)
        self._steps.append(Step(func, arguments, keywords, yielded(result)))
        if isinstance(result, (list, tuple)):
            for part, tensor in enumerate(result):
                self._know(tensor, Made(number, part))
        else:
            self._know(result, Made(number))
        return result

    def _know(self, tensor: Any, origin: Given | Made) -> None:
        if not isinstance(tensor, FakeTensor) or self._origin(tensor) is not None or tensor.is_complex():
            raise NotFoldable("an operator yields no tensor, one that was there before, or one that may be conjugated")
        tensor.__dict__[_ORIGIN] = (self._call, origin)

    def _origin(self, tensor: torch.Tensor) -> Given | Made | None:
        call, origin = tensor.__dict__.get(_ORIGIN, (None, None))
        return origin if call is self._call else None

    def _referred(self, values: Any) -> Any:
        """With Given or Made for each tensor."""

        def referred(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            if (origin := self._origin(value)) is None:
                raise NotFoldable("a tensor comes from nowhere")
            return origin

        return map_aggregate(values, referred)


def _is_plain(func: OpOverload, args: tuple[Any, ...]) -> bool:
    """Whether torch would trace the operator as it is called here.

    A None in the last place that could have been left out is a tensor that C++ left out: torch leaves it out too.
    """
    left_out = bool(args) and args[-1] is None and func._schema.arguments[len(args) - 1].has_default_value()
    changes = func._schema.is_mutable or torch.Tag.data_dependent_output in func.tags
    return not (left_out or changes or func in _TRACED_OTHERWISE)


def _own_kernel(func: OpOverload) -> Kernel | None:
    """What torch decomposes an operator by that no table decides about; None where it is left as it is."""
    if func is _NATIVE_BATCH_NORM:
        return func.py_kernels[DispatchKey.Autograd]
    if DispatchKey.Autograd in func.py_kernels and not func._can_decompose():
        raise NotFoldable(f"{func} is decomposed by autograd only")
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CPU")  # type: ignore[no-untyped-call]
    return func.decompose if func._can_decompose() and not has_kernel else None
