"""The sites of a torch.fx graph: run on `meta` tensors, every tensor operator recorded."""

import inspect
import operator
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import fx, nn
from torch.fx.operator_schemas import normalize_function

from opscan.core.dataflow import embedded
from opscan.core.inventory import Attribute, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import SYNTAX, OpName
from opscan.trace.meta_calls import MetaCalls, call_key
from opscan.trace.torch_model import attribute, tensor_spec, tensors_in

# Python syntax that the author wrote, by the function that torch.fx records for it.
_SYMBOLS = {
    operator.matmul: "@",
    operator.add: "+",
    operator.iadd: "+=",
    operator.sub: "-",
    operator.isub: "-=",
    operator.mul: "*",
    operator.imul: "*=",
    operator.truediv: "/",
    operator.itruediv: "/=",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.neg: "-x",
    operator.invert: "~",
    operator.and_: "&",
    operator.or_: "|",
    operator.xor: "^",
    operator.eq: "==",
    operator.ne: "!=",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
}


# Names of leading arguments that a function takes as `*args`.
_VARIADIC = {torch.einsum: ("equation",)}


# Models have calls in common.
_CALLS = MetaCalls()


@dataclass(frozen=True, slots=True)
class Inside:
    """What happens in a module that was captured another way, with names of its own."""

    sites: tuple[Site, ...]
    inputs: tuple[str, ...]
    """Names of its tensor arguments."""
    outputs: tuple[str, ...]
    """Names of the tensors it returns."""


class OpaqueModules(Protocol):
    """The modules that are captured another way."""

    def __contains__(self, module: nn.Module) -> bool: ...

    def inside(self, path: str, arguments: tuple[Any, ...]) -> Inside:
        """What the module at `path` does with these arguments."""
        ...


class SiteRecorder(fx.Interpreter):
    """Runs a graph and keeps a site for each operator on tensors, in order, in `sites`."""

    def __init__(self, model: nn.Module, graph: fx.Graph, opaque: OpaqueModules) -> None:
        super().__init__(model, garbage_collect_values=True, graph=graph)
        self.extra_traceback = False
        self.sites: list[Site] = []
        self._opaque = opaque
        self._constant: dict[fx.Node, bool] = {}
        self._values: dict[fx.Node, tuple[str, ...]] = {}
        """Names of the tensors in each node's result."""

    def run_node(self, n: fx.Node) -> Any:
        """Runs one node and records it."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        calls = n.op.startswith("call_")
        # Arguments are described before the call, which may change them in place.
        inputs = self._inputs(n) if calls else ()
        key = self._key(n, args, kwargs) if calls else None

        def call() -> Any:
            return getattr(self, n.op)(n.target, args, kwargs)

        result = _CALLS.result(key, call, (args, kwargs))
        tensors = tensors_in(result)
        self._constant[n] = self._is_constant(n, tensors)
        self._values[n] = self._names(n, args, tensors)
        if calls and tensors:
            self.sites += self._record(n, args, kwargs, inputs, tensors, key)
        return result

    def fetch_attr(self, target: str) -> Any:
        """A module or tensor of the model by its path."""
        return self.submodules[target] if target in self.submodules else super().fetch_attr(target)

    def _key(self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
        if node.target in (getattr, operator.getitem):
            return None
        module = self.fetch_attr(str(node.target)) if node.op == "call_module" else None
        return call_key(node, module, args, kwargs)

    def _is_constant(self, node: fx.Node, results: tuple[torch.Tensor, ...]) -> bool:
        """Input shapes are fixed, so sizes are constants."""
        if node.op == "placeholder":
            return False
        return not results or all(self._constant[before] for before in node.all_input_nodes)

    def _names(self, node: fx.Node, args: tuple[Any, ...], results: tuple[torch.Tensor, ...]) -> tuple[str, ...]:
        """What is picked from a tuple keeps its name; what a node makes is named after it."""
        if _picks_from_tuple(node, args):
            made = {id(t): name for t, name in zip(tensors_in(args[0]), self._values[_node(node.args[0])], strict=True)}
            return tuple(made.get(id(tensor), "") for tensor in results)
        if len(results) == 1:
            return (node.name,)
        return tuple(f"{node.name}.{number}" for number in range(len(results)))

    def _inputs(self, node: fx.Node) -> tuple[TensorSpec, ...]:
        """Specs of the tensor arguments, those of a module call followed by its parameters."""
        specs = [
            tensor_spec(tensor, name=name, constant=self._constant[before])
            for before in _nodes_in((node.args, node.kwargs))
            for tensor, name in zip(tensors_in(self.env[before]), self._values[before], strict=True)
        ]
        if node.op == "call_module":
            module = self.fetch_attr(str(node.target))
            specs += [
                tensor_spec(p, name=f"{node.target}.{name}", constant=True) for name, p in module.named_parameters()
            ]
        return tuple(specs)

    def _record(
        self,
        node: fx.Node,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: tuple[TensorSpec, ...],
        results: tuple[torch.Tensor, ...],
        key: Hashable | None,
    ) -> Iterator[Site]:
        if _picks_from_tuple(node, args):
            return
        if node.target is operator.getitem:
            yield from self._index(node, args[0], args[1], inputs)
        elif node.op == "call_module" and self.fetch_attr(str(node.target)) in self._opaque:
            yield from self._inside(node, args, inputs)
        else:
            name, attributes = _CALLS.description(key, lambda: self._named(node, args, kwargs))
            outputs = tuple(
                tensor_spec(tensor, name=value, constant=self._constant[node])
                for tensor, value in zip(results, self._values[node], strict=True)
            )
            yield self._site(node, name, inputs, outputs, attributes)

    def _inside(self, node: fx.Node, args: tuple[Any, ...], inputs: tuple[TensorSpec, ...]) -> tuple[Site, ...]:
        """The sites of an opaque module, their values named as in the graph around it."""
        inside = self._opaque.inside(str(node.target), args)
        outer = dict(zip(inside.inputs, (spec.name for spec in inputs), strict=False))
        if len(inside.outputs) == len(self._values[node]):
            self._values[node] = tuple(outer.get(name, f"{node.name}/{name}") for name in inside.outputs)
        return tuple(embedded(site, outer, node.name) for site in inside.sites)

    def _named(
        self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[OpName, dict[str, Attribute]]:
        if node.op == "call_module":
            return _module_name(self.fetch_attr(str(node.target))), _settings(self.fetch_attr(str(node.target)))
        if node.op == "call_method":
            return OpName("Tensor", str(node.target)), _method_arguments(str(node.target), args, kwargs)
        if node.target is getattr:  # x.mT, x.real
            return OpName("Tensor", args[1]), {}
        name = _function_name(node.target)
        if name.domain == SYNTAX:
            return name, _left_number(args)
        return name, _function_arguments(node.target, args, kwargs)

    def _index(self, node: fx.Node, tensor: torch.Tensor, index: Any, inputs: tuple[TensorSpec, ...]) -> Iterator[Site]:
        """`x[a, b]` component by component: `x[:, 0]` is a slice and a select.

        An index that holds tensors or lists selects all at once and stays one operator.
        """
        components = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (torch.Tensor, list)) for part in components):
            indexed = tensor[index]
            outputs = (tensor_spec(indexed, name=node.name, constant=self._constant[node]),)
            yield self._site(node, OpName(SYNTAX, "x[tensor]"), inputs, outputs, {"index": str(node.args[1])})
            return
        current, dimension, before, number = tensor, 0, inputs[:1], 0
        count = sum(part is not Ellipsis for part in components)
        for place, part in enumerate(components):
            if part is Ellipsis:  # an operator of its own it is not
                taken = sum(p is not None for p in components[place + 1 :])
                dimension = current.dim() - taken
                continue
            name, attributes, current = _apply(current, dimension, part)
            dimension += name != "x[i]"
            label = node.name if number == count - 1 else f"{node.name}.{number}"
            outputs = (tensor_spec(current, name=label, constant=self._constant[node]),)
            attributes |= {"component": number, "of": count}
            number += 1
            yield self._site(node, OpName(SYNTAX, name), before, outputs, attributes)
            before = outputs

    def _site(
        self,
        node: fx.Node,
        name: OpName,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        attributes: dict[str, Attribute],
    ) -> Site:
        return Site(
            op=name,
            module=module_path(node),
            source=node.meta.get("source"),
            inputs=inputs,
            outputs=outputs,
            attributes=attributes,
            macs=macs(name, inputs, outputs, attributes),
            node=node.name,
            constant=self._constant[node],
        )


def _picks_from_tuple(node: fx.Node, args: tuple[Any, ...]) -> bool:
    """By number or, as from what `torch.max` returns, by name: no operator."""
    return node.target in (operator.getitem, getattr) and not isinstance(args[0], torch.Tensor)


def _node(argument: Any) -> fx.Node:
    """An argument that is known to be a node's result."""
    assert isinstance(argument, fx.Node)
    return argument


def _nodes_in(value: Any) -> Iterator[fx.Node]:
    """The nodes in arguments, in the order in which `tensors_in` meets what they yield."""
    if isinstance(value, fx.Node):
        yield value
    elif isinstance(value, (tuple, list, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _nodes_in(part)


def _apply(tensor: torch.Tensor, dimension: int, part: Any) -> tuple[str, dict[str, Attribute], torch.Tensor]:
    """One component of an index: the operator, its attributes and the tensor it leaves."""
    if part is None:
        return "x[None]", {"dim": dimension}, tensor.unsqueeze(dimension)
    if isinstance(part, slice):
        indexed = tensor[(slice(None),) * dimension + (part,)]
        parts = {"start": part.start, "stop": part.stop, "step": part.step}
        return "x[:]", {"dim": dimension, **{k: attribute(v) for k, v in parts.items()}}, indexed
    return "x[i]", {"dim": dimension, "index": attribute(part)}, tensor.select(dimension, part)


def module_path(node: fx.Node) -> str:
    """Dotted path of the module that makes a call, for a module's call of that module."""
    return str(node.target) if node.op == "call_module" else str(node.meta.get("module", ""))


def _module_name(module: nn.Module) -> OpName:
    kind = type(module)
    if getattr(nn, kind.__name__, None) is kind:
        return OpName("nn", kind.__name__)
    return OpName(kind.__module__, kind.__qualname__)


def _settings(module: nn.Module) -> dict[str, Attribute]:
    """The public plain values that a module's constructor kept."""
    return {
        name: attribute(value)
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training" and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _function_name(target: Any) -> OpName:
    if target in _SYMBOLS:
        return OpName(SYNTAX, _SYMBOLS[target])
    name = getattr(target, "__name__", str(target))
    if getattr(torch, name, None) is target:
        return OpName("torch", name)
    if getattr(torch.nn.functional, name, None) is target:
        return OpName("F", name)
    module = getattr(target, "__module__", None) or "builtins"
    if module.startswith("torch._C._"):  # torch.fft.rfft, torch.linalg.norm: builtins of a submodule
        return OpName("torch", name)
    return OpName(module, name)


def _left_number(args: tuple[Any, ...]) -> dict[str, Attribute]:
    """The 1 of `1 - x`, named as ATen names it: which operand the tensor is matters."""
    return {} if tensors_in(args[0]) else {"self": attribute(args[0])}


def _function_arguments(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Attribute]:
    """The non-tensor arguments by name; by position where the function's signature is not known."""
    try:
        bound = _bound(target, args, kwargs)
    except (TypeError, ValueError):
        pair = normalize_function(target, args, kwargs, _types(args), normalize_to_only_use_kwargs=True)
        bound = pair.kwargs if pair else {**{f"arg{i}": a for i, a in enumerate(args)}, **kwargs}
    return {
        name: attribute(value) for name, value in bound.items() if not name.startswith("_") and not tensors_in(value)
    }


def _bound(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the names of a Python function's parameters, those of `*args` by position."""
    bound = inspect.signature(target).bind(*args, **kwargs).arguments
    names = _VARIADIC.get(target, ())
    for name, value in list(bound.items()):
        if inspect.signature(target).parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            del bound[name]
            bound |= {names[i] if i < len(names) else f"{name}{i}": part for i, part in enumerate(value)}
    return bound


def _types(args: tuple[Any, ...]) -> Any:
    """Types of positional arguments; torch annotates the parameter as a tuple of one."""
    return tuple(type(a) for a in args)


def _method_arguments(method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Attribute]:
    """As for the function of the same name, where torch has one."""
    function = getattr(torch, method, None)
    pair = None
    if callable(function):  # torch.float is a dtype
        pair = normalize_function(function, args, kwargs, _types(args), normalize_to_only_use_kwargs=True)
    if pair is not None:
        bound = dict(pair.kwargs)
    else:
        rest = args[1:]
        sizes = all(isinstance(a, int) for a in rest) and len(rest) > 1
        bound = {"arguments": rest, **kwargs} if sizes else {**{f"arg{i}": a for i, a in enumerate(rest)}, **kwargs}
    return {name: attribute(value) for name, value in bound.items() if not tensors_in(value)}
