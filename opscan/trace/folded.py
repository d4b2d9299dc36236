"""Decomposing an exported program by decomposing each distinct operator call once.

A network repeats its blocks, so most of its calls are the same: same operator, same types, same
arguments. `decompositions` has torch decompose each distinct one; here the results are put
together, in order, under the names and with the places that torch would have given them. A program
that does not fit the assumptions is decomposed as a whole.
"""

import copy
import operator
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import fx
from torch._export.utils import _check_valid_to_preserve
from torch._ops import OpOverload
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, InputSpec, OutputSpec, TensorArgument
from torch.fx.node import map_aggregate

from opscan.trace.decompositions import (
    Call,
    Decomposition,
    Given,
    Made,
    NotFoldable,
    Step,
    TensorType,
    base_name,
    undecomposed,
)
from opscan.trace.known_calls import FakeTensors, core_table, known_by
from opscan.trace.views import Changed

# Where an operator call is in the author's code.
_PLACE = ("stack_trace", "nn_module_stack", "torch_fn")
_aten = torch.ops.aten
_TAKES_NO_VIEW = frozenset(
    (_aten.conv2d.default, _aten.batch_norm.default, _aten.max_pool2d.default, _aten.adaptive_avg_pool2d.default)
)
_DROPOUT_IN_PLACE = torch.ops.aten.dropout_.default
# Types are those of the program itself, then those that its decomposition turns out to have.
_ROUNDS = 4


class FoldedProgram(ExportedProgram):
    """An exported program that decomposes each distinct call once."""

    @classmethod
    def of(cls, program: ExportedProgram) -> "FoldedProgram":
        """The same program, sharing everything."""
        folded = copy.copy(program)
        folded.__class__ = cls
        return folded  # type: ignore[return-value]  # it is now

    def run_decompositions(
        self, decomp_table: Any = None, decompose_custom_triton_ops: bool = False
    ) -> ExportedProgram:
        """What ExportedProgram would give."""
        try:
            return _folded(self, decomp_table)
        except Exception:  # NotFoldable, or whatever torch objects to in a program made of single calls
            whole: ExportedProgram = super().run_decompositions(decomp_table, decompose_custom_triton_ops)
            return whole


def _folded(program: ExportedProgram, table: Any) -> ExportedProgram:
    """Raises NotFoldable."""
    table = core_table() if table is None else table
    operators = frozenset(table)
    known = known_by(operators)
    inputs = _ordered_inputs(program)
    tensors = FakeTensors(_fake_mode(program))
    for _ in range(_ROUNDS):
        walk = _Walk(operators, known.decompositions, tensors)
        walk.run(program.graph, [spec.arg.name for spec in inputs])
        if not walk.missing:
            return walk.program(program, inputs)
        known.add(list(walk.missing.values()), table, tensors)
    raise NotFoldable("the types of the decomposition do not settle")


def _ordered_inputs(program: ExportedProgram) -> list[InputSpec]:
    """In the order that torch gives them: parameters, then buffers, each as the program's module lists them."""
    kinds = (InputKind.PARAMETER, InputKind.BUFFER)
    specs = program.graph_signature.input_specs
    order = _listed([str(spec.target) for spec in specs if spec.kind in kinds])
    rank = {name: number for number, name in enumerate(order)}

    def key(spec: InputSpec) -> tuple[int, int]:
        return (kinds.index(spec.kind), rank[str(spec.target)]) if spec.kind in kinds else (len(kinds), 0)

    return sorted(specs, key=key)


def _listed(names: Sequence[str]) -> Iterator[str]:
    """Dotted names as a module made of them in this order lists them: its own, then those of each child."""
    children: dict[str, list[str]] = {}
    for name in names:
        child, inside, _ = name.partition(".")
        if inside:
            children.setdefault(child, []).append(name)
        else:
            yield name
    for child, below in children.items():
        yield from (f"{child}.{name}" for name in _listed([name.removeprefix(f"{child}.") for name in below]))


def _fake_mode(program: ExportedProgram) -> FakeTensorMode:
    modes: set[FakeTensorMode] = {
        node.meta["val"].fake_mode for node in program.graph.nodes if isinstance(node.meta.get("val"), FakeTensor)
    }
    if len(modes) != 1:
        raise NotFoldable(f"{len(modes)} fake tensor modes")
    return next(iter(modes))


class _Walk:
    """Builds the decomposed graph from decompositions that are known, and lists the calls of which none is."""

    def __init__(self, operators: frozenset[Any], known: Mapping[Any, Decomposition], tensors: FakeTensors) -> None:
        self._operators = operators
        self._known = known
        self._tensors = tensors
        self._graph = fx.Graph()
        self._new: dict[fx.Node, Any] = {}
        self._guessed: dict[fx.Node, Any] = {}
        self._results: Any = None
        self._changed = Changed(self._add)
        self.missing: dict[Any, Call] = {}

    def run(self, graph: fx.Graph, inputs: list[str]) -> None:
        """Takes the placeholders in the order of `inputs`. Raises NotFoldable for what is no plain operator call."""
        placeholders = {node.name: node for node in graph.nodes if node.op == "placeholder"}
        for name in inputs:
            self._new[placeholders[name]] = self._graph.placeholder(name)
            self._new[placeholders[name]].meta = dict(placeholders[name].meta)
        for node in graph.nodes:
            match node.op:
                case "placeholder":
                    pass
                case "call_function" if node.target is operator.getitem:
                    self._pick(node, *node.args)
                case "call_function" if node.target is _DROPOUT_IN_PLACE and node.args[2] is False:
                    self._pass(node, node.all_input_nodes[0])
                case "call_function" if isinstance(node.target, OpOverload):
                    self._call(node)
                case "output" if not self.missing:
                    self._results = map_aggregate(node.args, self._renewed)
                case "output":
                    pass
                case _:
                    raise NotFoldable(f"{node.name} is {node.op} {node.target}")

    def program(self, before: ExportedProgram, inputs: list[InputSpec]) -> ExportedProgram:
        """The decomposed program, with everything else of the one before."""
        (results,) = self._results
        for result in results:
            self._changed.require_up_to_date(result)
        self._graph.output(results)
        self._graph.eliminate_dead_code()
        specs = before.graph_signature.output_specs
        if len(specs) != len(results) or not all(isinstance(result, fx.Node) for result in results):
            raise NotFoldable("an output is no tensor")
        outputs = [
            OutputSpec(spec.kind, TensorArgument(result.name), spec.target)
            for spec, result in zip(specs, results, strict=True)
        ]
        return ExportedProgram(
            root=before.graph_module,
            graph=self._graph,
            graph_signature=ExportGraphSignature(inputs, outputs),
            state_dict=before.state_dict,
            range_constraints=before.range_constraints,
            module_call_graph=before.module_call_graph,
            example_inputs=before.example_inputs,
            constants=before.constants,
        )

    def _renewed(self, value: Any) -> Any:
        return self._new[value] if isinstance(value, fx.Node) else value

    def _call(self, node: fx.Node) -> None:
        inputs = node.all_input_nodes
        call = self._described(node, inputs)
        decomposition = self._known.get(call.key)
        settled = all(before in self._new for before in inputs)
        if decomposition is None and settled and self._is_kept(call, inputs):
            decomposition = undecomposed(call)
        if decomposition is not None and settled:
            _require_same(node, decomposition, call)
            self._new[node] = self._place(node, decomposition, [self._new[before] for before in inputs])
            if node.target is not call.target and not _never_viewed(node):
                self._changed.change(self._new[node])
            return
        if decomposition is None and (settled or not self._keeps(call.target)):
            self.missing.setdefault(call.key, call)
        if call.types != self._recorded(inputs):
            self._guessed[node] = self._tensors.run(call)

    def _pass(self, node: fx.Node, source: fx.Node) -> None:
        """Nothing happens to the tensor."""
        if source in self._new:
            self._new[node] = self._new[source]
        elif source in self._guessed:
            self._guessed[node] = self._guessed[source]

    def _pick(self, node: fx.Node, source: Any, part: Any) -> None:
        """One of several results."""
        if source in self._new:
            self._new[node] = self._new[source][part]
        elif source in self._guessed:
            self._guessed[node] = self._guessed[source][part]

    def _value(self, node: fx.Node) -> Any:
        """A tensor of the type that a node has in the decomposed graph, as far as that is known."""
        return self._new[node].meta["val"] if node in self._new else self._guessed.get(node, node.meta["val"])

    def _described(self, node: fx.Node, inputs: list[fx.Node]) -> Call:
        numbers = {before: Given(number) for number, before in enumerate(inputs)}

        def given(value: Any) -> Any:
            return numbers[value] if isinstance(value, fx.Node) else value

        arguments, keywords = map_aggregate((node.args, node.kwargs), given)
        types = tuple(self._tensors.type(self._value(before)) for before in inputs)
        return Call(self._functional(node), arguments, keywords, types, self._tensors.types(node.meta["val"]))

    def _is_kept(self, call: Call, inputs: list[fx.Node]) -> bool:
        """Whether torch leaves the call as it is, and what it yields is what the program says."""
        return self._keeps(call.target) and call.types == self._recorded(inputs)

    def _recorded(self, nodes: list[fx.Node]) -> tuple[TensorType, ...]:
        """The types that they have in the program."""
        return tuple(self._tensors.type(node.meta["val"]) for node in nodes)

    def _keeps(self, target: OpOverload) -> bool:
        return target not in self._operators and _preservable(target)

    def _functional(self, node: fx.Node) -> OpOverload:
        """The operator that yields what this one writes into its first argument, if it is one of these.

        Only where nobody else sees the argument: it is new, and used here and nowhere else.
        """
        target: OpOverload = node.target  # type: ignore[assignment]  # as the caller made sure
        if not target._schema.is_mutable:
            return target
        functional = _functional_of(target)
        changed = node.args[0]
        if functional is None or not isinstance(changed, fx.Node) or list(changed.users) != [node]:
            raise NotFoldable(f"{node.name} changes a tensor in place")
        if changed in self._new and not _is_new(self._new[changed]):
            raise NotFoldable(f"{node.name} changes a tensor that others may see")
        return functional

    def _place(self, node: fx.Node, decomposition: Decomposition, inputs: list[fx.Node]) -> Any:
        """Adds the steps to the graph; the nodes of the results."""
        made: list[Any] = []

        def placed(value: Any) -> Any:
            match value:
                case Given(number):
                    return inputs[number]
                case Made(step, None):
                    return made[step]
                case Made(step, part):
                    return made[step][part]
                case _:
                    return value

        place = {key: node.meta[key] for key in _PLACE if key in node.meta}
        if self._changed.concerns(inputs):
            made = self._changed.place(decomposition, inputs, place)
            return map_aggregate(decomposition.results, placed)
        for step in decomposition.steps:
            made.append(self._add(step, *map_aggregate((step.arguments, step.keywords), placed), place))
        return map_aggregate(decomposition.results, placed)

    def _add(self, step: Step, arguments: Any, keywords: Any, place: Mapping[str, Any]) -> Any:
        """The node of a step, or those of its parts, which torch numbers whether they are used or not."""
        new = self._graph.create_node("call_function", step.target, arguments, keywords, base_name(step.target))
        new.meta = {**place, "val": map_aggregate(step.yields, self._tensors.of)}
        if not isinstance(step.yields, tuple):
            return new
        parts = [self._graph.call_function(operator.getitem, (new, number)) for number in range(len(step.yields))]
        for number, part in enumerate(parts):
            part.meta = {**place, "val": new.meta["val"][number]}
        return tuple(parts)


def _require_same(node: fx.Node, decomposition: Decomposition, call: Call) -> None:
    """A single result has the shape and dtype that the program says."""
    result = decomposition.results
    if isinstance(result, Given):
        found = call.types[result.number]
    elif isinstance(result, Made) and result.part is None:
        found = decomposition.steps[result.step].yields
    else:
        return
    if isinstance(call.yields, TensorType) and (found.shape, found.dtype) != (call.yields.shape, call.yields.dtype):
        raise NotFoldable(f"{node.name} yields another type than its decomposition")


@cache
def _preservable(target: OpOverload) -> bool:
    """Whether torch.export can leave an operator that is not in the table as it is; composite ones may be aliases."""
    name: str = target.name()  # type: ignore[no-untyped-call]
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")
    return not composite or bool(_check_valid_to_preserve(target))


@cache
def _functional_of(target: OpOverload) -> OpOverload | None:
    """`relu` for `relu_`; None where it is not as simple."""
    packet = target.overloadpacket
    name = packet.__name__
    plain = getattr(torch.ops.aten, name[:-1], None) if target.namespace == "aten" and name.endswith("_") else None
    functional = getattr(plain, target._overloadname, None)
    pointwise = isinstance(functional, OpOverload) and torch.Tag.pointwise in functional.tags
    return functional if pointwise else None


def _never_viewed(node: fx.Node) -> bool:
    """Whether all who use the tensor are known to take no view of it, inside either."""
    return all(
        user.op == "output"
        or user.target in _TAKES_NO_VIEW
        or (isinstance(user.target, OpOverload) and torch.Tag.pointwise in user.target.tags)
        or (user.target is _DROPOUT_IN_PLACE and _never_viewed(user))
        for user in node.users
    )


def _is_new(node: fx.Node) -> bool:
    """Whether an operator made the tensor, and not as a view of another."""
    source = node.args[0] if node.target is operator.getitem else node
    target = source.target if isinstance(source, fx.Node) else None
    return isinstance(target, OpOverload) and all(value.alias_info is None for value in target._schema.returns)
