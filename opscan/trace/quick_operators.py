"""Operators that torch's tracer meets for the first time, in less time.

A fake tensor takes torch 0.5 to 4 ms for an operator that is composed of others, since each of those
goes through Python. What most operators yield follows from their C++ kernels for the `meta` device,
which is what fake tensors come down to for these; they take some 20 µs.
"""

from contextlib import suppress
from typing import Any

import torch
from torch._ops import OpOverload
from torch.fx.experimental import proxy_tensor
from torch.fx.node import map_aggregate
from torch.fx.passes.shape_prop import _extract_tensor_metadata

from opscan.trace.call_graph import CallGraph
from opscan.trace.call_places import place
from opscan.trace.call_records import CallStep, Kind, Unknowable, beneath, kind_of, records
from opscan.trace.decompositions import base_name

_aten = torch.ops.aten
# One new tensor, or a view, is what they yield; its strides are those of a fake tensor for operands of any strides.
_QUICK = frozenset(
    getattr(getattr(_aten, name), overload)
    for name, overload in (
        *((name, "default") for name in ("linear", "matmul", "bmm", "layer_norm", "gelu", "sigmoid", "silu", "cat")),
        *((name, "default") for name in ("permute", "unsqueeze", "expand", "contiguous", "stack")),
        *((name, "Tensor") for name in ("add", "sub", "mul", "div", "slice")),
        *(("softmax", "int"), ("transpose", "int"), ("select", "int"), ("squeeze", "dim")),
        *(("mean", "dim"), ("sum", "dim_IntList")),
    )
)
# Where an operand is not contiguous, fake tensors have other strides along single elements, or the layout of a backend.
_QUICK_WHERE_CONTIGUOUS = frozenset(
    (
        _aten.reshape.default,
        _aten.view.default,
        _aten.flatten.using_ints,
        _aten.conv2d.default,
        _aten.batch_norm.default,
    )
)
_TRACED = proxy_tensor.ProxyTorchDispatchMode.__torch_dispatch__


def dispatched(mode: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What torch's tracer makes of an operator: its `ProxyTorchDispatchMode.__torch_dispatch__`."""
    if func in _QUICK or func in _QUICK_WHERE_CONTIGUOUS:
        with suppress(Unknowable):
            return _quickly(mode.tracer, func, args, kwargs or {})
    return _TRACED(mode, func, types, args, kwargs)


def _quickly(tracer: Any, func: OpOverload, args: Any, kwargs: Any) -> Any:
    """Raises Unknowable, before anything is done, for what is left to torch."""
    named = getattr(tracer, "torch_fn_metadata", None)
    if named is None or not tracer.module_stack:
        raise Unknowable
    if torch.is_grad_enabled() or torch._C._is_any_autocast_enabled():
        raise Unknowable
    graph, operands = CallGraph.of(tracer), _Operands()
    elements = map_aggregate((args, kwargs), operands.element)
    nodes = [graph.node(tensor) for tensor in operands.tensors]
    views = any(value.alias_info is not None for value in func._schema.returns)
    if None in nodes or (views and any(kind.requires_grad for kind in operands.kinds)):
        raise Unknowable
    if len({kind.device for kind in operands.kinds}) != 1:
        raise Unknowable
    if func in _QUICK_WHERE_CONTIGUOUS and not all(map(_contiguous, operands.kinds)):
        raise Unknowable
    found = _run(func, *elements)
    same = next((number for number, element in enumerate(operands.elements) if element is found), None)
    kind = _number(found, operands.kinds[0].device) if same is None else records().number(operands.kinds[same])
    step = CallStep(func, base_name(func), (), {}, kind, _described(kind))
    remaining = iter(nodes)

    def node_of(value: Any) -> Any:
        return next(remaining) if isinstance(value, torch.Tensor) else value

    arguments, keywords = map_aggregate((args, kwargs), node_of)
    made = graph.add(step, arguments, keywords, place(tracer, named, tracer.torch_fn_counts[named]))
    result = graph.new(kind) if same is None else operands.tensors[same]
    graph.track(result, made)
    return result


def _contiguous(kind: Kind) -> bool:
    """With the strides that a new tensor has; those along one element may be others."""
    expected = 1
    for size, stride in zip(reversed(kind.shape), reversed(kind.stride), strict=True):
        if stride != expected:
            return False
        expected *= size
    return True


class _Operands:
    """The tensors among the arguments of an operator."""

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []
        self.kinds: list[Kind] = []
        self.elements: list[torch.Tensor] = []

    def element(self, value: Any) -> Any:
        """What an argument is for a kernel. Raises Unknowable."""
        if not isinstance(value, torch.Tensor):
            return value
        kind = kind_of(value)
        known = next((n for n, tensor in enumerate(self.tensors) if tensor is value), len(self.elements))
        self.tensors.append(value)
        self.kinds.append(kind)
        self.elements.append(records().element(records().number(kind), known))
        return self.elements[-1]


def _run(func: OpOverload, args: Any, kwargs: Any) -> torch.Tensor:
    """Raises Unknowable where the kernel refuses: torch says what it says of fake tensors."""
    try:
        with beneath():
            found: torch.Tensor = func(*args, **kwargs)
            return found
    except (RuntimeError, IndexError, ValueError) as error:
        raise Unknowable from error


def _number(element: torch.Tensor, device: torch.device) -> int:
    with torch._C.DisableTorchFunction():
        shape, stride, offset = tuple(element.shape), element.stride(), int(element.storage_offset())
    return records().number(Kind(shape, stride, offset, element.dtype, device, False, False))


def _described(number: int) -> Any:
    """The `tensor_meta` of a Kind."""
    known = records()
    if number not in known.described:
        with beneath():
            said = _extract_tensor_metadata(known.element(number, 0))
        known.described[number] = said._replace(requires_grad=known.kinds[number].requires_grad)
    return known.described[number]
