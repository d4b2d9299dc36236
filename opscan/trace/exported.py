"""The sites of a graph that torch.export made, before or after decomposition."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument

from opscan.core.inventory import Attribute, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import SYNTAX, OpName
from opscan.trace.provenance import SourceLines
from opscan.trace.torch_model import attribute, output_specs, tensor_spec, tensors_in

# Python syntax by the method that it calls, and the parts of `x[...]` by what they become.
_SYNTAX = {
    "__invert__": "~",
    "__and__": "&",
    "__or__": "|",
    "__xor__": "^",
    "__floordiv__": "//",
    "__rpow__": "**",
    "__rsub__": "-",
    "__rtruediv__": "/",
    "__mod__": "%",
}
_INDEXING = {"slice": "x[:]", "select": "x[i]", "unsqueeze": "x[None]", "index": "x[tensor]"}

Naming = Callable[[fx.Node, OpName], OpName]


def aten_name(node: fx.Node, name: OpName) -> OpName:
    """ATen's own name."""
    return name


def source_name(node: fx.Node, name: OpName) -> OpName:
    """What the author called, as far as torch.export remembers it: `F.linear`, `Tensor.transpose`."""
    kind, _, function = (node.meta.get("torch_fn") or ("", ""))[1].partition(".")
    if name.name in _INDEXING and function in ("", "__getitem__"):
        return OpName(SYNTAX, _INDEXING[name.name])
    if function in _SYNTAX:
        return OpName(SYNTAX, _SYNTAX[function])
    if kind == "method_descriptor":
        return OpName("Tensor", function)
    if function and hasattr(torch.nn.functional, function):
        return OpName("F", function)
    if function and hasattr(torch, function):
        return OpName("torch", function)
    return name


def sites(program: ExportedProgram, naming: Naming, lines: SourceLines, prefix: str = "") -> tuple[Site, ...]:
    """Every operator of the program in order, module paths below `prefix`.

    Picking from a tuple, arithmetic on sizes and assertions are no operators.
    """
    constants = {*program.graph_signature.parameters, *program.graph_signature.buffers}
    constants |= {*program.constants}
    stored = {
        spec.arg.name: str(spec.target)
        for spec in program.graph_signature.input_specs
        if spec.target is not None and str(spec.target) in constants
    }
    return tuple(_GraphWalk(naming, lines, prefix, stored).walk(program.graph, ""))


def tensor_names(program: ExportedProgram) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the program's tensor arguments and of the tensors that it returns."""
    signature = program.graph_signature
    inputs = (spec.arg for spec in signature.input_specs if spec.kind is InputKind.USER_INPUT)
    outputs = (spec.arg for spec in signature.output_specs if spec.kind is OutputKind.USER_OUTPUT)
    return (
        tuple(argument.name for argument in inputs if isinstance(argument, TensorArgument)),
        tuple(argument.name for argument in outputs if isinstance(argument, TensorArgument)),
    )


class _GraphWalk:
    def __init__(self, naming: Naming, lines: SourceLines, prefix: str, stored: dict[str, str]) -> None:
        self._naming = naming
        self._lines = lines
        self._prefix = prefix
        self._stored = stored
        self._constant: set[fx.Node] = set()
        self._seen: dict[fx.Node, tuple[TensorSpec, ...]] = {}

    def walk(self, graph: fx.Graph, body: str) -> Iterator[Site]:
        for node in graph.nodes:
            if node.op == "placeholder":
                if not body and node.name in self._stored:
                    self._constant.add(node)
            elif node.op == "get_attr" or (node.op == "call_function" and self._depends_on_constants(node)):
                self._constant.add(node)
            if node.op == "call_function" and tensors_in(node.meta.get("val")):
                yield from self._site(node, body)

    def _depends_on_constants(self, node: fx.Node) -> bool:
        return all(
            before in self._constant or not tensors_in(before.meta.get("val")) for before in node.all_input_nodes
        )

    def _site(self, node: fx.Node, body: str) -> Iterator[Site]:
        target = node.target
        if isinstance(target, torch._ops.HigherOrderOperator):
            name = OpName("torch", str(target))
            inputs: tuple[TensorSpec | None, ...] = tuple(
                spec for operand in node.all_input_nodes for spec in self._specs(operand)
            )
            attributes: dict[str, Attribute] = {}
            defaults: Mapping[str, Attribute] | None = None
        elif isinstance(target, torch._ops.OpOverload):
            name = _name(target)
            inputs, attributes = self._arguments(node, target)
            defaults = _defaults(target)
        else:  # getitem on a tuple, arithmetic on symbolic sizes
            return
        outputs = output_specs(node, node.meta["val"], constant=node in self._constant)
        yield Site(
            op=self._naming(node, name),
            module=self._module(node),
            source=self._lines.innermost(node.meta.get("stack_trace")),
            inputs=inputs,
            outputs=outputs,
            attributes=attributes,
            defaults=defaults,
            macs=macs(name, inputs, outputs, attributes),
            node=node.name,
            body=body,
            constant=node in self._constant,
        )
        for operand in node.all_input_nodes:
            if operand.op == "get_attr":  # the body of a control-flow operator
                graph_module = getattr(node.graph.owning_module, str(operand.target), None)
                if isinstance(graph_module, fx.GraphModule):
                    yield from self.walk(graph_module.graph, f"{body}/{node.name}.{operand.target}".lstrip("/"))

    def _arguments(
        self, node: fx.Node, target: torch._ops.OpOverload
    ) -> tuple[tuple[TensorSpec | None, ...], dict[str, Attribute]]:
        """Tensor arguments as specs in the schema's order, the others as attributes by name."""
        inputs: list[TensorSpec | None] = []
        attributes: dict[str, Attribute] = {}
        args, kwargs = node.args, node.kwargs
        for position, (name, holds_tensors) in enumerate(_formals(target)):
            given = position < len(args)
            value = args[position] if given else kwargs.get(name)
            if holds_tensors:
                parts = value if isinstance(value, (list, tuple)) else (value,)
                inputs += [spec for part in parts for spec in self._optional(part)]
            elif given or name in kwargs:
                attributes[name] = _plain(value)
        while inputs and inputs[-1] is None:
            inputs.pop()
        return tuple(inputs), attributes

    def _optional(self, value: Any) -> tuple[TensorSpec | None, ...]:
        return self._specs(value) if isinstance(value, fx.Node) else (None,)

    def _specs(self, node: fx.Node) -> tuple[TensorSpec, ...]:
        """Of what a node before yields, as all that read it see it."""
        if node not in self._seen:
            name = self._stored.get(node.name, node.name)
            tensors, constant = tensors_in(node.meta.get("val")), node in self._constant
            self._seen[node] = tuple([tensor_spec(tensor, name=name, constant=constant) for tensor in tensors])
        return self._seen[node]

    def _module(self, node: fx.Node) -> str:
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path = str(stack[-1][0]) if stack else ""
        return ".".join(part for part in (self._prefix, path) if part)


@cache
def _formals(target: torch._ops.OpOverload) -> tuple[tuple[str, bool], ...]:
    """Each argument's name, and whether it holds tensors."""
    return tuple((formal.name, "Tensor" in str(formal.type)) for formal in target._schema.arguments)


@cache
def _name(target: torch._ops.OpOverload) -> OpName:
    namespace, _, base = target._schema.name.partition("::")
    return OpName(namespace, base, target._schema.overload_name)


@cache
def _defaults(target: torch._ops.OpOverload) -> Mapping[str, Attribute]:
    """What arguments that are no tensors stand for where a call leaves them out."""
    return {
        formal.name: _plain(formal.default_value)
        for formal in target._schema.arguments
        if formal.has_default_value() and "Tensor" not in str(formal.type)
    }


def _plain(value: Any) -> Attribute:
    if isinstance(value, fx.Node):  # a symbolic size
        return str(value.meta.get("val", value.name))
    if isinstance(value, (tuple, list)):
        return tuple(_plain(part) for part in value)
    return attribute(value)
