"""Views of tensors that were changed in place, which torch makes anew.

run_decompositions replaces a change in place by a new tensor. Every view that is taken of it
afterwards counts as out of date: where it is used first, torch takes it once more, all the way from
the changed tensor, under the next names; the first one goes, if nothing else needs it.
(FunctionalTensorWrapper: a view's generation starts at 0, that of its storage grows with each change.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_aggregate

from opscan.trace.decompositions import Decomposition, Given, Made, NotFoldable, Part, Step

_RESTRIDED = torch.ops.aten.as_strided.default

Place = Mapping[str, Any]
"""Where in the author's code a node comes from: entries of its metadata."""
Add = Callable[[Step, Any, Any, Place], Any]
"""Adds the node of a step with arguments and keywords; yields it, or the nodes of its parts."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """How a view was taken of another tensor."""

    steps: tuple[Step, ...]
    first: int
    """Number of the first of these steps in its decomposition."""
    viewed: Given | Made


class Changed:
    """Tensors of a graph in the making that were changed in place, and the views of them."""

    def __init__(self, add: Add) -> None:
        self._add = add
        self._views: dict[fx.Node, tuple[fx.Node, tuple[_Taken, ...]]] = {}
        """The changed tensor, and how the view comes from it; of a changed tensor itself, nothing."""
        self._anew: dict[fx.Node, fx.Node] = {}
        self._stands_for: dict[fx.Node, fx.Node] = {}
        """The other way round."""

    def change(self, node: Any) -> None:
        """Notes that what this node yields is a tensor after a change."""
        if not isinstance(node, fx.Node):
            raise NotFoldable("a change in place yields several tensors")
        self._views[node] = (node, ())

    def concerns(self, nodes: Sequence[fx.Node]) -> bool:
        """Whether any of the tensors was changed, or is such a view."""
        return any(node in self._views for node in nodes)

    def require_up_to_date(self, node: Any) -> None:
        """Raises NotFoldable for what would be made anew only to be returned."""
        if node in self._views and self._views[node][1] and node not in self._anew:
            raise NotFoldable(f"{node} is a view of a changed tensor, and returned")

    def place(self, decomposition: Decomposition, inputs: Sequence[fx.Node], place: Place) -> list[Any]:
        """Adds the steps to the graph, part by part, as torch does; what each makes. Raises NotFoldable."""
        if sum(part.end - part.first for part in decomposition.parts) != len(decomposition.steps):
            raise NotFoldable("the parts of a decomposition are not known")
        made: list[Any] = []
        for part in decomposition.parts:
            found = {reference: self._up_to_date(_node(reference, inputs, made), place) for reference in part.inputs}
            self._extend(made, decomposition.steps[part.first : part.end], found, place)
            self._note(part, decomposition, found, made)
        return made

    def _extend(self, made: list[Any], steps: Sequence[Step], found: Mapping[Any, fx.Node], place: Place) -> None:
        def node_of(reference: Given | Made) -> fx.Node:
            return found.get(reference) or _node(reference, (), made)

        made += (self._placed(step, node_of, place) for step in steps)

    def _placed(self, step: Step, node_of: Callable[[Given | Made], fx.Node], place: Place) -> Any:
        def placed(value: Any) -> Any:
            return node_of(value) if isinstance(value, (Given, Made)) else value

        return self._add(step, *map_aggregate((step.arguments, step.keywords), placed), place)

    def _note(
        self, part: Part, decomposition: Decomposition, found: Mapping[Any, fx.Node], made: Sequence[Any]
    ) -> None:
        """Notes the view of a changed tensor that a part takes, if it does."""
        if not part.is_view or not self.concerns([self._seen_as(node) for node in found.values()]):
            return
        steps = decomposition.steps[part.first : part.end]
        if len(part.inputs) != 1 or part.result != Made(part.end - 1) or any(s.target is _RESTRIDED for s in steps):
            raise NotFoldable("a view of a changed tensor is not as simple as that")
        (viewed,) = part.inputs
        base, taken = self._views[self._seen_as(found[viewed])]
        self._views[made[part.end - 1]] = (base, (*taken, _Taken(steps, part.first, viewed)))

    def _seen_as(self, node: fx.Node) -> fx.Node:
        """The view that this one stands for, where it was made anew."""
        return self._stands_for.get(node, node)

    def _up_to_date(self, node: fx.Node, place: Place) -> fx.Node:
        """The tensor, or what torch makes of it where it is used first."""
        base, taken = self._views.get(node, (node, ()))
        if not taken:
            return node
        if node not in self._anew:
            self._anew[node] = self._again(base, taken, {**place, "stack_trace": node.meta.get("stack_trace", "")})
            self._stands_for[self._anew[node]] = node
        return self._anew[node]

    def _again(self, base: fx.Node, taken: Sequence[_Taken], place: Place) -> fx.Node:
        node = base
        for view in taken:
            made: dict[Given | Made, fx.Node] = {view.viewed: node}
            for number, step in enumerate(view.steps, view.first):
                made[Made(number)] = self._placed(step, made.__getitem__, place)
            node = made[Made(number)]
        return node


def _node(reference: Given | Made, inputs: Sequence[fx.Node], made: Sequence[Any]) -> fx.Node:
    match reference:
        case Given(number):
            found: fx.Node = inputs[number]
        case Made(step, None):
            found = made[step]
        case Made(step, part):
            found = made[step][part]
    return found
