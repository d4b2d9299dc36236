"""What calls on `meta` tensors yield, remembered: torch works it out in Python, some hundred microseconds a call.

A tensor on `meta` is its type alone, so what a function of torch yields for it follows from the
types of its tensors and from its plain arguments. A model makes some thousand calls, few of them
distinct. Anything else (a function of the model's own, a tensor with values, a module with hooks,
an argument that is no plain value) is called.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType
from typing import Any, TypeVar

import torch
from torch import fx, nn

from opscan.trace.torch_model import tensors_in

_T = TypeVar("_T")
_PLAIN = (bool, int, str, type(None), type(Ellipsis), torch.dtype, torch.device, torch.memory_format, torch.layout)
# What every module has. What follows from it: its parameters and buffers, which are looked at apart.
_OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"}
# All bundled models make some five thousand distinct ones.
_MOST_CALLS = 20_000
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class _NotPlain(Exception):
    """A value that does not say all about itself."""


@dataclass(frozen=True, slots=True)
class _Given:
    """The n-th tensor among the arguments."""

    number: int


def call_key(node: fx.Node, module: nn.Module | None, args: Any, kwargs: Any) -> Hashable | None:
    """What decides what a call yields and how it is described; None where that is not known."""
    seen: dict[int, int] = {}
    try:
        called = _module(module, seen) if module is not None else _called(node, args)
        return called, _signature(args, seen), _signature(kwargs, seen), torch.get_default_dtype()
    except _NotPlain:
        return None


def _called(node: fx.Node, args: tuple[Any, ...]) -> Hashable:
    """A function of torch, or a method or Python operator of a tensor: those of a list may change it."""
    home = getattr(node.target, "__module__", None) or "torch"
    if node.op == "call_method" or home == "_operator":
        known = bool(args) and isinstance(args[0], torch.Tensor)
    else:
        known = home.partition(".")[0] == "torch"
    if not known or not isinstance(node.target, (str, BuiltinFunctionType, FunctionType, MethodDescriptorType)):
        raise _NotPlain
    return node.target


def _module(module: nn.Module, seen: dict[int, int]) -> Hashable:
    """One of torch's own modules by its settings, parameters and buffers, and those of its parts."""
    own = vars(module)
    if not type(module).__module__.startswith("torch.nn.modules.") or any(own[h] for h in _HOOKS):
        raise _NotPlain
    settings = tuple((k, _signature(v, seen)) for k, v in own.items() if k not in _OF_EVERY_MODULE)
    stored = _signature(own["_parameters"], seen), _signature(own["_buffers"], seen)
    parts = tuple((name, None if part is None else _module(part, seen)) for name, part in own["_modules"].items())
    return type(module), settings, stored, parts


def _signature(value: Any, seen: dict[int, int]) -> Hashable:
    """A value by all that a call on `meta` can see of it; `seen`: numbers of the tensors before, by identity."""
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is float:
        return kind, value.hex()  # 0.0 is not -0.0
    if kind in (torch.Tensor, nn.Parameter):
        return _type(value), seen.setdefault(id(value), len(seen))
    if kind in (tuple, list, torch.Size):
        return kind, *(_signature(part, seen) for part in value)
    if kind is slice:
        return kind, *(_signature(part, seen) for part in (value.start, value.stop, value.step))
    if isinstance(value, dict):
        return kind, *((key, _signature(part, seen)) for key, part in value.items())
    raise _NotPlain


def _type(tensor: torch.Tensor) -> Hashable:
    if not tensor.is_meta or tensor.layout is not torch.strided or tensor.is_complex():
        raise _NotPlain
    return tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype


class MetaCalls:
    """Calls that were made, what they yielded and how they are described."""

    def __init__(self) -> None:
        self._yielded: dict[Hashable, Any] = {}
        self._described: dict[Hashable, Any] = {}

    def description(self, key: Hashable | None, describe: Callable[[], _T]) -> _T:
        """What `describe` says of a call, which must follow from its key."""
        if key is None:
            return describe()
        if key not in self._described:
            _make_room(self._described)
            self._described[key] = describe()
        found: _T = self._described[key]
        return found

    def result(self, key: Hashable | None, call: Callable[[], Any], arguments: Any) -> Any:
        """What a call yields: tensors of the same types as before where it is known, else what it yields now."""
        if key is None:
            return call()
        given = tensors_in(arguments)
        if key in self._yielded:
            return _again(self._yielded[key], given)
        before = [_type(tensor) for tensor in given]
        result = call()
        if before == [_type(tensor) for tensor in given]:  # it may change a tensor's type in place
            self._keep(key, result, given)
        return result

    def _keep(self, key: Hashable, result: Any, given: Sequence[torch.Tensor]) -> None:
        made = tensors_in(result)
        if len({id(tensor) for tensor in made}) < len(made):
            return
        _make_room(self._yielded)
        try:
            self._yielded[key] = _kept(result, {id(tensor): number for number, tensor in enumerate(given)})
        except _NotPlain:
            return


def _make_room(memory: dict[Hashable, Any]) -> None:
    if len(memory) >= _MOST_CALLS:
        memory.clear()


def _kept(value: Any, given: Mapping[int, int]) -> Any:
    if isinstance(value, torch.Tensor):
        if id(value) in given:
            return _Given(given[id(value)])
        _type(value)
        return value.detach()
    if value is None:
        return None
    if type(value) in (tuple, list) or type(value).__module__ == "torch.return_types":
        return type(value), [_kept(part, given) for part in value]
    raise _NotPlain


def _again(kept: Any, given: Sequence[torch.Tensor]) -> Any:
    match kept:
        case _Given(number):
            return given[number]
        case torch.Tensor():
            return kept.detach()
        case kind, parts:
            return kind(_again(part, given) for part in parts)
        case _:
            return None
