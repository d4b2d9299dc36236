"""What torch makes of single operator calls: each distinct one is decomposed once, by torch itself.

How a call decomposes depends on its operator, the types of its tensors and its other arguments, on
nothing else, as long as nothing is changed in place. A program that holds each call once, on inputs
of its own, is given to torch's `run_decompositions`; what comes back is read call by call.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from traceback import StackSummary
from typing import Any
from unittest.mock import patch

import torch
from torch import fx
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.exported_program import ModuleCallEntry, ModuleCallSignature
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    TensorArgument,
)
from torch.fx.graph import _Namespace
from torch.fx.node import map_aggregate
from torch.utils import _pytree as pytree
from torch.utils._traceback import CapturedTraceback

_CALL = "opscan_call_"


class NotFoldable(Exception):
    """A program, or what torch made of it, is not what folding assumes."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """All that a decomposition looks at in a tensor."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    requires_grad: bool


@dataclass(frozen=True, slots=True)
class Given:
    """The n-th tensor argument of a call."""

    number: int


@dataclass(frozen=True, slots=True)
class Made:
    """What the n-th step yields, or a part of it."""

    step: int
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An operator call. Tensors among the arguments are Given."""

    target: OpOverload
    arguments: Any
    keywords: Any
    types: tuple[TensorType, ...]
    """Of the Given, by number."""
    yields: Any
    """A TensorType, a tuple of them, or None."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What decides how it decomposes."""
        return (self.target, _hashable((self.arguments, self.keywords)), self.types)


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a decomposition. Tensors among the arguments are Given or Made."""

    target: OpOverload
    arguments: Any
    keywords: Any
    yields: Any


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that come of one operator, as it reaches torch's functionalization."""

    first: int
    end: int
    inputs: tuple[Given | Made, ...]
    result: Any
    is_view: bool
    """Whether it yields another view of its input."""


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The steps, and what the call yields in the end: Given or Made, a tuple where it yields several."""

    steps: tuple[Step, ...]
    results: Any
    parts: tuple[Part, ...] = ()
    """None where they are not known."""


def tensor_type(value: Any) -> TensorType:
    """The type of a tensor; raises NotFoldable for anything else and for symbolic shapes."""
    if not isinstance(value, torch.Tensor) or not all(type(size) is int for size in (*value.shape, *value.stride())):
        raise NotFoldable(f"{type(value).__name__} {value} is no tensor of fixed shape")
    return TensorType(tuple(value.shape), tuple(value.stride()), value.dtype, value.device, value.requires_grad)


def yielded(value: Any) -> Any:
    """The type of what an operator yields: one tensor, several, or nothing."""
    if value is None:
        return None
    return tuple(map(tensor_type, value)) if isinstance(value, (list, tuple)) else tensor_type(value)


def undecomposed(call: Call) -> Decomposition:
    """The call as its own only step."""
    several = isinstance(call.yields, tuple)
    results = tuple(Made(0, part) for part in range(len(call.yields))) if several else Made(0)
    arguments, keywords = _dispatched(call)
    inputs = references((arguments, keywords))
    part = Part(0, 1, inputs, results, is_view(call.target))
    return Decomposition((Step(call.target, arguments, keywords, call.yields),), results, (part,))


def references(values: Any) -> tuple[Given | Made, ...]:
    """The tensors among arguments, in order, each once."""
    found = (value for value in pytree.tree_leaves(values) if isinstance(value, (Given, Made)))
    return tuple(dict.fromkeys(found))


@cache
def is_view(target: OpOverload) -> bool:
    """Whether torch's functionalization takes what an operator yields for a view."""
    return target is torch.ops.aten._unsafe_view.default or any(formal.alias_info for formal in target._schema.returns)


def _dispatched(call: Call) -> tuple[Any, Any]:
    """The arguments as torch's dispatcher hands them on: by keyword only where the schema says so."""
    formals = [formal for formal in call.target._schema.arguments if not formal.kwarg_only]
    last = max((n for n, formal in enumerate(formals) if formal.name in call.keywords), default=-1)
    rest = formals[len(call.arguments) : last + 1]
    added = tuple(call.keywords.get(formal.name, formal.default_value) for formal in rest)
    names = {formal.name for formal in rest}
    return (*call.arguments, *added), {name: value for name, value in call.keywords.items() if name not in names}


def decompose_calls(
    calls: Sequence[Call], table: Any, tensor: Callable[[TensorType], torch.Tensor]
) -> tuple[Decomposition, ...]:
    """The decompositions by a table as `run_decompositions` takes it; `tensor` makes fake ones.

    Raises NotFoldable where torch's result is not one independent part per call.
    """
    if any(call.yields is None for call in calls):
        raise NotFoldable("what yields nothing has no result to find it by")
    graph = fx.Graph()
    pool: dict[tuple[TensorType, int], fx.Node] = {}
    own = [_inputs(call, graph, pool, tensor) for call in calls]  # placeholders stand first
    results = [
        _add_call(graph, f"{_CALL}{number}", call, inputs, tensor)
        for number, (call, inputs) in enumerate(zip(calls, own, strict=True))
    ]
    outputs = [node for nodes in results for node in nodes]
    graph.output(tuple(outputs))
    with patch.object(CapturedTraceback, "summary", _no_frames):
        done = ExportedProgram.run_decompositions(_program(graph, list(pool.values()), outputs), table)
    return _read(done, calls, own, results, list(pool.values()))


def _no_frames(_: CapturedTraceback) -> StackSummary:
    """Where torch's own code made a node does not matter here; finding it out takes a tenth of the time."""
    return StackSummary()


def _inputs(
    call: Call,
    graph: fx.Graph,
    pool: dict[tuple[TensorType, int], fx.Node],
    tensor: Callable[[TensorType], torch.Tensor],
) -> list[fx.Node]:
    """A placeholder for each tensor argument; calls share those of the same type, the arguments of one call do not."""
    inputs: list[fx.Node] = []
    for number, kind in enumerate(call.types):
        slot = (kind, call.types[:number].count(kind))
        if slot not in pool:
            pool[slot] = graph.placeholder(f"opscan_input_{len(pool)}")
            pool[slot].meta = {"val": tensor(kind)}
        inputs.append(pool[slot])
    return inputs


def _add_call(
    graph: fx.Graph, name: str, call: Call, inputs: Sequence[fx.Node], tensor: Callable[[TensorType], torch.Tensor]
) -> list[fx.Node]:
    def node_of(value: Any) -> Any:
        return inputs[value.number] if isinstance(value, Given) else value

    arguments, keywords = map_aggregate((call.arguments, call.keywords), node_of)
    node = graph.create_node("call_function", call.target, arguments, keywords, name)
    node.meta = {"stack_trace": "", "nn_module_stack": {"": ("", "torch.nn.Module")}, "torch_fn": (name, name)}
    if not isinstance(call.yields, tuple):
        node.meta["val"] = tensor(call.yields)
        return [node]
    node.meta["val"] = tuple(map(tensor, call.yields))
    parts = [graph.call_function(operator.getitem, (node, number)) for number in range(len(call.yields))]
    for number, part in enumerate(parts):
        part.meta = {**node.meta, "val": node.meta["val"][number]}
    return parts


def _program(graph: fx.Graph, inputs: list[fx.Node], outputs: list[fx.Node]) -> ExportedProgram:
    """A program without parameters: every placeholder is an input of the user's."""
    given: list[Any] = [TensorArgument(node.name) for node in inputs]
    made: list[Any] = [TensorArgument(node.name) for node in outputs]
    signature = ExportGraphSignature(
        [InputSpec(InputKind.USER_INPUT, argument, None) for argument in given],
        [OutputSpec(OutputKind.USER_OUTPUT, argument, None) for argument in made],
    )
    examples: tuple[tuple[Any, ...], dict[str, Any]] = (tuple(node.meta["val"] for node in inputs), {})
    unnamed: list[Any] = [TensorArgument("") for _ in outputs]  # torch would look for the old names in the new graph
    specs = (pytree.tree_flatten(examples)[1], pytree.tree_flatten(tuple(outputs))[1])
    call = ModuleCallEntry("", ModuleCallSignature(given, unnamed, *specs, [node.name for node in inputs]))
    return ExportedProgram(torch.nn.Module(), graph, signature, {}, {}, [call], examples, {})


def _read(
    done: ExportedProgram,
    calls: Sequence[Call],
    own: Sequence[Sequence[fx.Node]],
    results: Sequence[Sequence[fx.Node]],
    inputs: Sequence[fx.Node],
) -> tuple[Decomposition, ...]:
    nodes = list(done.graph.nodes)
    after = [node for node in nodes if node.op == "placeholder"]
    outputs = nodes[-1].args[0]
    if len(after) != len(inputs) or len(outputs) != sum(map(len, results)):
        raise NotFoldable("an operator changes its input")
    placed = dict(zip(inputs, after, strict=True))
    remaining = iter(outputs)
    made = [[next(remaining) for _ in group] for group in results]
    parts = _by_call(nodes, len(calls))
    _require_plain_names(nodes)
    return tuple(
        _one(parts[number], [placed[node] for node in own[number]], made[number], isinstance(call.yields, tuple))
        for number, call in enumerate(calls)
    )


def _by_call(nodes: Sequence[fx.Node], count: int) -> list[list[fx.Node]]:
    parts: list[list[fx.Node]] = [[] for _ in range(count)]
    for node in nodes:
        if node.op == "call_function":
            origin = node.meta["from_node"][-1].name
            if not origin.startswith(_CALL):
                raise NotFoldable(f"{node.name} comes from no call")
            parts[int(origin.removeprefix(_CALL))].append(node)
        elif node.op not in ("placeholder", "output"):
            raise NotFoldable(f"{node.name} is {node.op}")
    return parts


def _one(nodes: Sequence[fx.Node], inputs: Sequence[fx.Node], made: Sequence[fx.Node], several: bool) -> Decomposition:
    references: dict[fx.Node, Any] = {node: Given(number) for number, node in enumerate(inputs)}

    def reference(value: Any) -> Any:
        if isinstance(value, fx.Node) and value not in references:
            raise NotFoldable(f"{value.name} is used by another call")
        return references[value] if isinstance(value, fx.Node) else value

    steps: list[Step] = []
    for node in nodes:
        if node.target is operator.getitem:
            source, part = node.args
            references[node] = Made(reference(source).step, int(part))  # type: ignore[arg-type]  # a constant
            continue
        if not isinstance(node.target, OpOverload):
            raise NotFoldable(f"{node.target} is no operator")
        arguments, keywords = map_aggregate((node.args, node.kwargs), reference)
        references[node] = Made(len(steps))
        steps.append(Step(node.target, arguments, keywords, yielded(node.meta["val"])))
    found = tuple(map(reference, made))
    return Decomposition(tuple(steps), found if several else found[0])


def _require_plain_names(nodes: Sequence[fx.Node]) -> None:
    """torch numbers nodes of one base name in order, parts of a result included, whether used or not."""
    names = _Namespace()
    parts: Mapping[fx.Node, list[str]] = {}
    for node in nodes:
        if node.op != "call_function":
            continue
        if node.target is operator.getitem:
            expected = parts[node.args[0]][node.args[1]]  # type: ignore[index]  # a node, and a constant
        else:
            expected = names.create_name(base_name(node.target), None)
            if isinstance(node.meta["val"], (tuple, list)):
                parts = {**parts, node: [names.create_name("getitem", None) for _ in node.meta["val"]]}
        if node.name != expected:
            raise NotFoldable(f"{node.name} would be named {expected}")


@cache
def base_name(target: Any) -> str:
    """What torch calls a node of an operator before it numbers it."""
    return fx.Graph()._target_to_str(target.overloadpacket.__name__)


def _hashable(value: Any) -> Any:
    """1 and True and 1.0 are different arguments."""
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *map(_hashable, value))
    if isinstance(value, dict):
        return tuple((name, _hashable(part)) for name, part in sorted(value.items()))
    return (type(value), value)
