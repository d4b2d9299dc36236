"""torch.export, whose tracer sees each distinct call once.

Where torch.export runs a model, most of its calls are the same: the same function of torch, the same
plain arguments, tensors of the same types. torch's tracer takes 1 ms for each operator of a call. Here
it sees each distinct call once in a process; what is new in the graph then is added for the others,
under the names and with the places that torch would have given it. Whatever does not fit the
assumptions goes through torch's tracer, call by call, as everything does without this.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import fx
from torch._subclasses import FakeTensor
from torch.fx.experimental import proxy_tensor
from torch.utils import _pytree as pytree

from opscan.trace.call_graph import CallGraph
from opscan.trace.call_places import place
from opscan.trace.call_records import PLAIN, Recorded, Result, Unknowable, kind_of, recorded, records, since
from opscan.trace.decompositions import Given
from opscan.trace.quick_operators import dispatched

_TRACK = proxy_tensor.track_tensor_tree


@contextmanager
def traced_once() -> Iterator[None]:
    """While it lasts, torch.export runs each distinct call through its tracer once."""
    with (
        patch.object(proxy_tensor, "TorchFunctionMetadataMode", TracedOnce),
        patch.object(proxy_tensor.ProxyTorchDispatchMode, "__torch_dispatch__", dispatched),
        patch.object(proxy_tensor, "track_tensor_tree", _track_tensor_tree),
    ):
        yield


def _track_tensor_tree(*args: Any, **kwargs: Any) -> Any:
    """torch's tracer asks each new tensor a dozen things: these are no calls of the model's."""
    with torch._C.DisableTorchFunction():
        return _TRACK(*args, **kwargs)


class TracedOnce(proxy_tensor.TorchFunctionMetadataMode):
    """Sees each call of torch's that the model's code makes, as the mode does that it stands for."""

    tracer: Any  # torch's, which has no public type

    def __init__(self, tracer: Any) -> None:
        super().__init__(tracer)
        self._records = records()
        self._graph = CallGraph.of(tracer)
        self._usual = torch.get_default_device().type == "cpu"
        self._numbers: dict[int, tuple[torch.Tensor, int]] = {}
        """Of the Kind of a tensor, by the tensor's id; the tensor lives as long."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors: list[torch.Tensor] = []
        key = self._key(func, args, kwargs or {}, tensors)
        nodes = [] if key is None else [self._graph.node(tensor) for tensor in tensors]
        if key is None or None in nodes or len(set(nodes)) < len(nodes):
            return self._unknown(func, types, args, kwargs)
        known = self._records.calls.get(key, self)
        if isinstance(known, Recorded):
            return self._again(func, known, tensors, nodes)
        if known is None:
            return self._unknown(func, types, args, kwargs)
        before = self.tracer.graph._root.prev
        result = super().__torch_function__(func, types, args, kwargs)
        try:
            self._records.calls[key] = self._recorded(func, before, tensors, nodes, result)
        except Unknowable:
            self._records.calls[key] = None
            self._numbers.clear()
        return result

    def _unknown(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """torch's own way; it may change all that is known of tensors."""
        self._numbers.clear()
        return super().__torch_function__(func, types, args, kwargs)

    def _key(self, func: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> Any:
        """What decides what a call leaves in the graph; None where there is more to it. Lists the tensors."""
        if not self.tracer.module_stack or self._graph.mode is None or not self._usual:
            return None
        if torch.is_grad_enabled() or torch._C._is_any_autocast_enabled():
            return None
        if not (getattr(func, "__module__", None) or "torch").startswith("torch"):
            return None
        settings = (torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled())
        try:
            return (func, settings, self._frozen(args, tensors), self._frozen(kwargs, tensors))
        except Unknowable:
            return None

    def _frozen(self, value: Any, tensors: list[torch.Tensor]) -> Any:
        """A hashable stand-in of an argument: 1 and True and 1.0 are different."""
        kind = type(value)
        if kind is FakeTensor:
            return self._numbered(value, tensors)
        if kind in PLAIN:
            return (kind, value)
        if kind is tuple or kind is list or kind is torch.Size:
            return (kind, *[self._frozen(part, tensors) for part in value])
        if kind is dict:
            return tuple([(name, self._frozen(part, tensors)) for name, part in value.items()])
        if kind is slice:
            return (kind, *[self._frozen(part, tensors) for part in (value.start, value.stop, value.step)])
        raise Unknowable

    def _numbered(self, tensor: Any, tensors: list[torch.Tensor]) -> tuple[int, int]:
        """The number of the tensor among the arguments, and that of its Kind."""
        known = self._numbers.get(id(tensor))
        if known is None:
            known = self._numbers[id(tensor)] = (tensor, self._records.number(kind_of(tensor)))
        for number, other in enumerate(tensors):
            if other is tensor:
                return number, known[1]
        tensors.append(tensor)
        return len(tensors) - 1, known[1]

    def _recorded(
        self, func: Any, before: fx.Node, tensors: Sequence[torch.Tensor], nodes: Sequence[Any], result: Any
    ) -> Recorded:
        """What torch's tracer did. Raises Unknowable, also where the call changes the type of a tensor."""
        new = list(since(self.tracer.graph, before))
        after = [self._graph.node(tensor) for tensor in tensors]
        if any(self._records.number(kind_of(tensor)) != self._numbers[id(tensor)][1] for tensor in tensors):
            raise Unknowable
        return recorded(func, new, nodes, after, tensors, result, self._graph.node)

    def _again(self, func: Any, known: Recorded, tensors: Sequence[torch.Tensor], nodes: Sequence[Any]) -> Any:
        """Adds to the graph what torch would, and gives back the like of what it would."""
        tracer = self.tracer
        tracer.torch_fn_metadata = func
        tracer.torch_fn_counts[func] = count = tracer.torch_fn_counts.get(func, 0) + 1
        made = self._graph.added(known.steps, nodes, place(tracer, func, count)) if known.steps else []
        for number, step in known.moved:
            self._graph.track(tensors[number], made[step])
        results = [self._given_back(result, made, tensors) for result in known.results]
        return results[0] if known.spec is None else pytree.tree_unflatten(results, known.spec)

    def _given_back(self, result: Any, made: Sequence[fx.Node], tensors: Sequence[torch.Tensor]) -> Any:
        match result:
            case Given(number):
                return tensors[number]
            case Result(step, kind):
                new = self._graph.new(kind)
                self._numbers[id(new)] = (new, kind)
                self._graph.track(new, made[step])
                return new
            case _:
                return result
