"""What torch's tracer leaves in a graph for one call, kept so that it can be added again for an equal one."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload
from torch._subclasses import FakeTensor
from torch.fx.node import map_aggregate
from torch.utils import _pytree as pytree

from opscan.trace.decompositions import Given, Made, base_name

PLAIN = frozenset(
    (int, float, bool, str, type(None), type(Ellipsis), torch.dtype, torch.device, torch.layout, torch.memory_format)
)
_PROPERTIES = ("shape", "dtype", "ndim", "device", "layout", "requires_grad", "is_cuda", "is_nested", "is_sparse")
_METHODS = ("size", "dim", "stride", "numel", "__len__", "is_floating_point", "is_contiguous", "contiguous")
# What a call of these yields depends on the types of its arguments alone, where it leaves nothing in the graph.
_ASKS = frozenset(
    [getattr(torch.Tensor, name).__get__ for name in _PROPERTIES] + [getattr(torch.Tensor, name) for name in _METHODS]
)
# All that torch's tracer says of an operator. What has more is not taken.
_SAID = frozenset(("val", "tensor_meta", "nn_module_stack", "torch_fn", "stack_trace"))


class Unknowable(Exception):
    """A call that torch's tracer has to see each time."""


@dataclass(frozen=True, slots=True)
class Kind:
    """All that a call looks at in a tensor."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    device: torch.device
    requires_grad: bool
    parameter: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A new tensor that a call gives back."""

    step: int
    kind: int
    """The number of its Kind."""


@dataclass(frozen=True, slots=True)
class CallStep:
    """An operator of the graph. Nodes among the arguments are Given or Made."""

    target: Any
    name: str
    arguments: Any
    keywords: Any
    value: Any
    """Its `val`: numbers of Kinds, one or several."""
    described: Any
    """Its `tensor_meta`."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a call leaves in the graph, and what it gives back."""

    steps: tuple[CallStep, ...]
    moved: tuple[tuple[int, int], ...]
    """The tensor arguments that stand for another node afterwards: number, and the step that makes it."""
    results: tuple[Any, ...]
    """Given for an argument itself, a Result, or a plain value."""
    spec: pytree.TreeSpec | None
    """How the results are packed; None for a single one."""


@dataclass(frozen=True, slots=True)
class Records:
    """What was found out in this process: models share layers."""

    calls: dict[Any, Recorded | None] = field(default_factory=dict)
    """None for what torch's tracer has to see."""
    kinds: list[Kind] = field(default_factory=list)
    described: dict[int, Any] = field(default_factory=dict)
    """The `tensor_meta` of Kinds, by number."""
    _numbers: dict[Kind, int] = field(default_factory=dict)
    _elements: dict[int, list[torch.Tensor]] = field(default_factory=dict)

    def number(self, kind: Kind) -> int:
        """Of a Kind: calls are quicker compared by numbers."""
        number = self._numbers.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        return number

    def element(self, number: int, position: int) -> torch.Tensor:
        """A `meta` tensor for a fake one to wrap; those of other positions, from 0 on, have storages of their own."""
        elements = self._elements.setdefault(number, [])
        while position >= len(elements):
            elements.append(_element(self.kinds[number]))
        return elements[position]


@cache
def records() -> Records:
    """Those of this process."""
    return Records()


@contextmanager
def beneath() -> Iterator[None]:
    """Beneath all modes."""
    with torch._C.DisableTorchFunction(), torch._C._DisablePythonDispatcher(), torch._C._DisableTorchDispatch():
        yield


def _element(kind: Kind) -> torch.Tensor:
    last = sum((size - 1) * stride for size, stride in zip(kind.shape, kind.stride, strict=True))
    with beneath():
        whole = torch.empty(max(kind.offset + last + 1, 0), dtype=kind.dtype, device="meta")
        return whole.as_strided(kind.shape, kind.stride, kind.offset)


def kind_of(tensor: Any) -> Kind:
    """Raises Unknowable for what is more than a plain fake tensor of fixed shape without a known value."""
    if type(tensor) is not FakeTensor or tensor.constant is not None:
        raise Unknowable
    with torch._C.DisableTorchFunction():
        offset: Any = tensor.storage_offset()  # or symbolic, as the others may be
        shape, stride = tuple(tensor.shape), tensor.stride()
        if tensor.layout is not torch.strided or tensor.dtype.is_complex or tensor.is_quantized:
            raise Unknowable
        if not all(type(size) is int for size in (*shape, *stride, offset)):
            raise Unknowable
        parameter = isinstance(tensor, torch.nn.Parameter)
        return Kind(shape, stride, offset, tensor.dtype, tensor.device, tensor.requires_grad, parameter)


def since(graph: fx.Graph, before: fx.Node) -> Iterator[fx.Node]:
    """The nodes that are new."""
    node = before.next
    while node is not graph._root:
        yield node
        node = node.next


def recorded(
    func: Any,
    nodes: Sequence[fx.Node],
    before: Sequence[fx.Node],
    after: Sequence[fx.Node | None],
    tensors: Sequence[torch.Tensor],
    result: Any,
    node_of: Any,
) -> Recorded:
    """What a call did, from the new nodes and those that stood `before` and stand `after` it for its tensors.

    `node_of` gives the node of a tensor. Raises Unknowable.
    """
    if not nodes and func not in _ASKS:
        raise Unknowable
    references: dict[Any, Any] = {node: Given(number) for number, node in enumerate(before)}
    references |= {node: Made(number) for number, node in enumerate(nodes)}
    steps = tuple(_step(node, references) for node in nodes)
    moved = tuple(
        (number, _made(now, references))
        for number, (then, now) in enumerate(zip(before, after, strict=True))
        if now is not then
    )

    def given_back(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            if _is_plain(value):
                return value
            raise Unknowable
        for number, tensor in enumerate(tensors):
            if tensor is value:
                return Given(number)
        kind = kind_of(value)
        if kind.parameter:
            raise Unknowable
        return Result(_made(node_of(value), references), records().number(kind))

    if isinstance(result, torch.Tensor) or not nodes:
        return Recorded(steps, moved, (given_back(result),), None)
    leaves, spec = pytree.tree_flatten(result)
    return Recorded(steps, moved, tuple(map(given_back, leaves)), spec)


def _made(node: fx.Node | None, references: Mapping[Any, Any]) -> int:
    made = references.get(node)
    if not isinstance(made, Made):
        raise Unknowable
    return made.step


def _step(node: fx.Node, references: Mapping[Any, Any]) -> CallStep:
    if node.op != "call_function" or not (isinstance(node.target, OpOverload) or node.target is operator.getitem):
        raise Unknowable
    if not node.meta.keys() <= _SAID:
        raise Unknowable

    def reference(value: Any) -> Any:
        if isinstance(value, fx.Node):
            if value not in references:
                raise Unknowable
            return references[value]
        return value

    arguments, keywords = map_aggregate((node.args, node.kwargs), reference)
    name = "getitem" if node.target is operator.getitem else base_name(node.target)
    return CallStep(node.target, name, arguments, keywords, _value(node.meta.get("val")), node.meta.get("tensor_meta"))


def _value(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(map(_value, value))
    return records().number(kind_of(value))


def _is_plain(value: Any) -> bool:
    if type(value) in (tuple, torch.Size):
        return all(map(_is_plain, value))
    return type(value) in PLAIN
