"""The graph that torch's tracer makes, and adding to it what that would."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx
from torch._guards import detect_fake_mode
from torch._subclasses import FakeTensor
from torch.fx.experimental import proxy_tensor
from torch.fx.node import map_aggregate

from opscan.trace.call_records import CallStep, records
from opscan.trace.decompositions import Given, Made

# The attribute of a tracer that holds its CallGraph: two modes share it.
_GRAPH = "opscan_call_graph"


class CallGraph:
    """Of one tracer."""

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer
        self.mode: Any = detect_fake_mode()
        self._records = records()
        self._values: dict[int, torch.Tensor] = {}
        self._taken: dict[int, int] = {}

    @classmethod
    def of(cls, tracer: Any) -> "CallGraph":
        """The one of a tracer."""
        if not hasattr(tracer, _GRAPH):
            setattr(tracer, _GRAPH, cls(tracer))
        graph: CallGraph = getattr(tracer, _GRAPH)
        return graph

    def node(self, tensor: torch.Tensor) -> fx.Node | None:
        """The node that stands for a tensor; None where there is none or torch knows its value."""
        tracked = self.tracer.tensor_tracker.get(tensor)
        return tracked.proxy.node if tracked is not None and tracked.constant is None else None

    def track(self, tensor: torch.Tensor, node: fx.Node) -> None:
        """From now on the node stands for the tensor."""
        self.tracer.tensor_tracker[tensor] = proxy_tensor._ProxyTensor(self.tracer.proxy(node), None)

    def new(self, number: int) -> torch.Tensor:
        """A fake tensor of a Kind."""
        position = self._taken[number] = self._taken.get(number, -1) + 1
        kind = self._records.kinds[number]
        element = self._records.element(number, position)
        return FakeTensor(self.mode, element, kind.device, requires_grad=kind.requires_grad)

    def added(self, steps: Sequence[CallStep], given: Sequence[Any], said: Mapping[str, Any]) -> list[fx.Node]:
        """The nodes of a call's steps, on the nodes of its tensors; `said` is what all of them say of their place."""
        made: list[fx.Node] = []

        def node_of(value: Any) -> Any:
            match value:
                case Given(number):
                    return given[number]
                case Made(step):
                    return made[step]
                case _:
                    return value

        for step in steps:
            made.append(self.add(step, *map_aggregate((step.arguments, step.keywords), node_of), said))
        return made

    def add(self, step: CallStep, arguments: Any, keywords: Any, said: Mapping[str, Any]) -> fx.Node:
        """The node of one step."""
        tracer = self.tracer
        node: fx.Node = tracer.graph.create_node("call_function", step.target, arguments, keywords, step.name)
        tracer.node_name_to_scope[node.name] = (tracer.scope.module_path, tracer.scope.module_type)
        node.meta = {**said, "nn_module_stack": dict(said["nn_module_stack"]), "val": self._value(step.value)}
        if step.described is not None:
            node.meta["tensor_meta"] = step.described
        return node

    def _value(self, number: Any) -> Any:
        """One tensor of each Kind stands in the graph for all; nobody computes with it."""
        if isinstance(number, (tuple, list)):
            return type(number)(map(self._value, number))
        if number not in self._values:
            self._values[number] = self.new(number)
        return self._values[number]
