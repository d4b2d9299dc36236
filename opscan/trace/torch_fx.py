"""The torch dialect: what the author wrote.

The ladder: torch.fx.symbolic_trace; where a module's forward cannot be traced, that module becomes
a leaf and is captured by torch.export with the inputs it gets; where the root cannot be traced or
run on `meta`, torch.export captures the whole model.
"""

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import fx, nn

from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory, Rung, Uncaptured
from opscan.core.source import TorchSource
from opscan.trace.aten import export_program, exported
from opscan.trace.exported import sites as exported_sites
from opscan.trace.exported import source_name, tensor_names
from opscan.trace.fx_sites import Inside, SiteRecorder, module_path
from opscan.trace.provenance import SourceLines
from opscan.trace.torch_model import (
    build_weightless,
    count_parameters,
    example_inputs,
    give_untouched_memory,
    one_line,
    source_lines,
)

_PLAIN = (type(None), bool, int, float, str)


class _Proxy(fx.Proxy):
    """A proxy that keeps Python's in-place operators apart: torch.fx itself records `x += y` as `x + y`."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.iadd, other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.isub, other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._in_place(operator.itruediv, other)

    def _in_place(self, function: Callable[..., Any], other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})


class _Tracer(fx.Tracer):
    """Symbolic tracing that keeps the author's line and module, and stops at modules known to be untraceable."""

    proxy_buffer_attributes = True

    def __init__(self, model: nn.Module, lines: SourceLines, leaves: Iterable[type[nn.Module]]) -> None:
        super().__init__()
        self._lines = lines
        self._leaves = tuple(leaves)
        self._stored = {tensor: name for name, tensor in (*model.named_buffers(), *model.named_parameters())}

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_arg(self, a: Any) -> Any:
        """As torch.fx does it, which asks much of each plain value before."""
        if isinstance(a, fx.Proxy):
            return a.node
        return a if type(a) in _PLAIN else super().create_arg(a)

    def create_node(self, *call: Any, **settings: Any) -> fx.Node:
        """Without the whole stack trace, which costs more than all else of a node."""
        node = self.graph.create_node(*call, **settings)
        node.meta["source"] = self._lines.running(sys._getframe(1), fx.Tracer.trace.__code__)
        if self.module_stack:
            node.meta["module"], _ = next(reversed(self.module_stack.values()))
        return node

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, fx.Proxy]) -> Any:
        """A parameter, and a buffer too: operators on it are the author's; by default torch.fx runs them at once."""
        if not isinstance(attr_val, torch.Tensor):
            return attr_val
        name = self._stored.get(attr_val)
        if name is None:  # its forward may have registered it
            return super().getattr(attr, attr_val, parameter_proxy_cache)
        if name not in parameter_proxy_cache:
            parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
        return parameter_proxy_cache[name]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self._leaves) or super().is_leaf_module(m, module_qualified_name)


def _culprit(traceback: TracebackType | None) -> nn.Module | None:
    """The innermost module whose forward was running."""
    found = None
    while traceback is not None:
        module = traceback.tb_frame.f_locals.get("self")
        if traceback.tb_frame.f_code.co_name == "forward" and isinstance(module, nn.Module):
            found = module
        traceback = traceback.tb_next
    return found


def _trace(model: nn.Module, lines: SourceLines) -> tuple[fx.Graph, dict[type[nn.Module], str]]:
    """The graph, and the module types that could not be traced with their reasons.

    Raises what torch.fx raised when the root itself cannot be traced.
    """
    leaves: dict[type[nn.Module], str] = {}
    while True:
        try:
            return _Tracer(model, lines, leaves).trace(model), leaves
        except Exception as error:  # fx runs the model's own code
            culprit = _culprit(error.__traceback__)
            if culprit is None or culprit is model or type(culprit) in leaves:
                raise
            leaves[type(culprit)] = one_line(error)


class _OpaqueModules:
    """Captures, by torch.export, the modules that torch.fx could not see into."""

    def __init__(self, source: TorchSource, reasons: dict[type[nn.Module], str]) -> None:
        self._source = source
        self._reasons = reasons
        self._model: nn.Module | None = None
        self.rungs: list[Rung] = []
        self.uncaptured: list[Uncaptured] = []

    def __contains__(self, module: nn.Module) -> bool:
        return isinstance(module, tuple(self._reasons))

    def inside(self, path: str, arguments: tuple[Any, ...]) -> Inside:
        """What the module at `path` does with `arguments`, whose values do not matter."""
        if self._model is None:
            self._model = build_weightless(self._source)  # the traced one has lost its buffers' values
            give_untouched_memory(self._model)
        module = self._model.get_submodule(path)
        reason = self._reasons[next(t for t in self._reasons if isinstance(module, t))]
        try:
            program = export_program(module, torch.utils._pytree.tree_map(_on_cpu, arguments))
        except Exception as error:  # the module's own code
            self.uncaptured.append(Uncaptured(path, f"torch.fx: {reason}; torch.export: {one_line(error)}"))
            return Inside((), (), ())
        self.rungs.append(Rung(path, "torch.export", f"torch.fx: {reason}"))
        sites = exported_sites(program, source_name, source_lines(self._source), prefix=path)
        return Inside(sites, *tensor_names(program))


def _on_cpu(value: Any) -> Any:
    return torch.zeros(value.shape, dtype=value.dtype) if isinstance(value, torch.Tensor) else value


@dataclass(frozen=True, slots=True)
class Written:
    """What a model's author wrote, as torch.fx sees it."""

    inventory: Inventory
    calls: tuple[tuple[str, str], ...]
    """Each call's module path, and what is called with which plain arguments; in between, tensors that the code makes
    of no input. Empty without torch.fx."""
    blocks: Mapping[str, tuple[str, ...]]
    """The model's lists of modules: module path -> names in the list."""
    buffers: Mapping[str, int]
    """A number for each buffer, the same for equal ones."""


def capture_torch(source: TorchSource) -> Written:
    """All operators of a model as its author wrote them. Raises NoAnswer where every rung fails."""
    model = build_weightless(source)
    buffers = _numbered(model)
    model.to("meta")
    try:
        graph, untraceable = _trace(model, source_lines(source))
        opaque = _OpaqueModules(source, untraceable)
        recorder = SiteRecorder(model, graph, opaque)
        with torch.no_grad():
            recorder.run(*example_inputs(source.inputs, "meta"))
    except Exception as error:  # whatever the model's code meets on a proxy or on meta
        return Written(_capture_by_export(source, one_line(error)), (), {}, {})
    method = "torch.fx with leaf modules" if untraceable else "torch.fx"
    inventory = Inventory(
        model=source.name,
        dialect=Dialect.TORCH,
        sites=tuple(recorder.sites),
        uncaptured=tuple(opaque.uncaptured),
        params=count_parameters(model),
        rungs=(Rung("", method), *opaque.rungs),
    )
    return Written(inventory, tuple(_calls(model, graph)), _lists(model), buffers)


def _lists(model: nn.Module) -> dict[str, tuple[str, ...]]:
    return {
        path: tuple(module._modules)
        for path, module in model.named_modules()
        if isinstance(module, (nn.ModuleList, nn.Sequential))
    }


def _numbered(model: nn.Module) -> dict[str, int]:
    """Equal buffers by a number: their values themselves may be large."""
    distinct: dict[object, list[tuple[int, torch.Tensor]]] = {}
    numbers: dict[str, int] = {}
    for path, buffer in model.named_buffers(remove_duplicate=False):
        alike = distinct.setdefault((buffer.dtype, buffer.shape, buffer.device, buffer.layout), [])
        number = next((number for number, other in alike if _equal(buffer, other)), len(numbers))
        if number == len(numbers):
            alike.append((number, buffer))
        numbers[path] = number
    return numbers


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors of one type hold the same; two that torch cannot compare do not."""
    has_values = one.device.type == "cpu" and one.layout is torch.strided
    return one is other or (has_values and torch.equal(one, other))


def _calls(model: nn.Module, graph: fx.Graph) -> Iterator[tuple[str, str]]:
    for node in graph.nodes:
        if node.op.startswith("call_"):
            called = "" if node.op == "call_module" else getattr(node.target, "__name__", str(node.target))
            plain = fx.node.map_arg((node.args, node.kwargs), lambda _: "(computed)")
            yield module_path(node), f"{called}{plain}"
        elif node.op == "get_attr" and (made := _constant_of_code(model, str(node.target))) is not None:
            yield module_path(node), f"{made.dtype} {made.tolist()}"


def _constant_of_code(model: nn.Module, name: str) -> torch.Tensor | None:
    """A tensor that the code makes of no input, as torch.fx keeps it."""
    kept = getattr(model, name, None)
    stored = name in model._parameters or name in model._buffers
    return kept if isinstance(kept, torch.Tensor) and not stored else None


def _capture_by_export(source: TorchSource, reason: str) -> Inventory:
    """The last rung."""
    try:
        model, program = exported(source)
    except NoAnswer as error:
        raise NoAnswer(f"{error}; torch.fx failed too: {reason}") from error
    return Inventory(
        model=source.name,
        dialect=Dialect.TORCH,
        sites=exported_sites(program, source_name, source_lines(source)),
        params=count_parameters(model),
        rungs=(Rung("", "torch.export", f"torch.fx: {reason}"),),
    )
