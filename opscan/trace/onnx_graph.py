"""The onnx dialect: the sites of an ONNX ModelProto, control-flow bodies and local functions included."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx.onnx_ml_pb2 import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto

from opscan.core.dataflow import embedded
from opscan.core.inventory import Attribute, FunctionBody, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import OpName
from opscan.trace.onnx_binding import defaults, schema_of, types
from opscan.trace.onnx_functions import Calls, expanded, has_body
from opscan.trace.onnx_provenance import Place, Provenance
from opscan.trace.onnx_values import Scope, attribute_value, constant_spec, declared, declared_values
from opscan.trace.provenance import SourceLines

# Outputs that differ, or in training may differ, from run to run even on constant inputs.
_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout")
)

_UNKNOWN = TensorSpec(None, None)

FunctionKey = tuple[str, str, str]
Attributes = dict[str, Attribute]


@dataclass(frozen=True, slots=True)
class Walked:
    """What a graph does."""

    sites: tuple[Site, ...]
    """In file order."""
    functions: Mapping[str, FunctionBody]
    """The bodies by which ONNX defines operators; see Site.function."""


def walked(model: ModelProto, provenance: Provenance) -> Walked:
    """Every node of the graph and of the bodies it runs.

    Constant nodes are values, not operators. A call of a model-local function is replaced by the
    function's nodes. Functions must not call themselves.
    """
    functions = {function_key(function): function for function in model.functions}
    calls = Calls()
    walk = _Walk(functions, provenance, opsets(model.opset_import), model.ir_version, calls)
    sites = tuple(walk.graph(model.graph, {}, {}, ""))
    return Walked(sites, _function_bodies(calls, model.ir_version))


def _function_bodies(calls: Calls, ir_version: int) -> dict[str, FunctionBody]:
    """The body of every kind of call, and of the calls in those bodies."""
    found: dict[str, FunctionBody] = {}
    tried: set[str] = set()
    while new := {key: call for key, call in calls.by_key.items() if key not in tried}:
        tried |= new.keys()
        for key, function in expanded(new).items():
            call = new[key]
            walk = _Walk({}, Provenance(ModelProto(), SourceLines({}, ())), call.imports, ir_version, calls, Place())
            sites = () if function.doc_string else tuple(walk.function_body(function, call.inputs))
            found[key] = FunctionBody(sites, function.doc_string)
    return found


def opsets(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Domain -> version, `""` for ai.onnx."""
    return {_domain(entry.domain): entry.version for entry in imports}


def function_key(function: FunctionProto) -> FunctionKey:
    """What a call of the function has as domain, operator and overload."""
    return _domain(function.domain), function.name, function.overload


def call_key(node: NodeProto) -> FunctionKey:
    """The function that the node calls, if the model has one of that name."""
    return _domain(node.domain), node.op_type, node.overload


def bodies(node: NodeProto) -> list[tuple[str, GraphProto]]:
    """The graphs that the node runs, with the attribute that holds them."""
    found: list[tuple[str, GraphProto]] = []
    for attribute in node.attribute:
        if attribute.HasField("g"):
            found.append((attribute.name, attribute.g))
        elif attribute.graphs:
            found += [(attribute.name, graph) for graph in attribute.graphs]
    return found


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


@dataclass(frozen=True, slots=True)
class _Kind:
    """An operator in graphs that import the same opsets."""

    name: OpName
    schema: Any
    """onnx.defs.OpSchema (untyped in onnx), or None."""
    defaults: Mapping[str, Attribute] | None
    is_function: bool


class _Walk:
    """Walks graphs that share one list of imported opsets: the model's, or a function's."""

    def __init__(
        self,
        functions: Mapping[FunctionKey, FunctionProto],
        provenance: Provenance,
        imported: Mapping[str, int],
        ir_version: int,
        calls: Calls,
        caller: Place | None = None,
    ) -> None:
        self._functions = functions
        self._provenance = provenance
        self._opsets = imported
        self._ir_version = ir_version
        self._calls = calls
        self._caller = caller
        self._kinds: dict[FunctionKey, _Kind] = {}

    def graph(self, graph: GraphProto, outer: Scope, given: Attributes, body: str) -> Iterator[Site]:
        """Sites of a graph that sees the values of `outer`; `given` are the parameters of the function around it."""
        wanted = [value.name for value in graph.output]
        yield from self._nodes(graph.node, outer | declared(graph, self._ir_version), given, body, wanted)

    def function_body(self, function: FunctionProto, inputs: Sequence[TensorSpec | None]) -> Iterator[Site]:
        """Sites of a function that is called with these inputs."""
        scope = declared_values(function.value_info) | _arguments(function, inputs)
        return self._nodes(function.node, scope, {}, "", function.output)

    def _nodes(
        self, nodes: Sequence[NodeProto], scope: Scope, given: Attributes, body: str, wanted: Iterable[str]
    ) -> Iterator[Site]:
        """`wanted` are the values that the graph yields."""
        needed = _needed(nodes, wanted)
        for number, node in enumerate(nodes):
            function = self._functions.get(call_key(node))
            if function is not None:
                yield from self._call(node, function, scope, given, body)
            elif node.op_type == "Constant" and _domain(node.domain) == "":
                scope |= {name: constant_spec(node, name, scope.get(name)) for name in node.output}
            else:
                yield self._site(node, scope, given, body, dead=number not in needed)
                yield from self._bodies(node, scope, given, body)

    def _site(self, node: NodeProto, scope: Scope, given: Attributes, body: str, *, dead: bool) -> Site:
        kind = self._kind(node)
        inputs = _specs(node.input, scope)
        constant = _is_constant(node, inputs) and node.op_type not in _RANDOM and not bodies(node)
        outputs = _outputs(node, scope, constant)
        attributes = _attributes(node, given)
        bound, unbound = types(kind.schema, inputs, outputs)
        place = self._place(node)
        return Site(
            op=kind.name,
            module=place.module,
            source=place.source,
            inputs=inputs,
            outputs=outputs,
            attributes=attributes,
            macs=macs(kind.name, inputs, outputs, attributes),
            node=node.name,
            body=body,
            since_version=kind.schema.since_version if kind.schema else None,
            types=bound,
            unbound=unbound,
            defaults=kind.defaults,
            is_function=kind.is_function,
            function=self._calls.key(node, inputs, self._opsets) if kind.is_function else "",
            constant=constant,
            dead=dead,
        )

    def _kind(self, node: NodeProto) -> _Kind:
        """What all nodes of an operator share, looked up once."""
        key = call_key(node)
        if key not in self._kinds:
            domain, operator, _ = key
            opset = self._opsets.get(domain, 0)
            self._kinds[key] = _Kind(
                OpName(*key),
                schema_of(operator, domain, opset),
                defaults(operator, domain, opset),
                has_body(operator, domain, opset, self._opsets.get("", opset)),
            )
        return self._kinds[key]

    def _place(self, node: NodeProto) -> Place:
        return self._provenance.of(node) or self._caller or Place()

    def _bodies(self, node: NodeProto, scope: Scope, given: Attributes, body: str) -> Iterator[Site]:
        inner = bodies(node)
        for number, (attribute, graph) in enumerate(inner):
            label = f"{node.name or node.op_type}.{attribute}"
            path = f"{label}[{number}]" if sum(name == attribute for name, _ in inner) > 1 else label
            yield from self.graph(graph, scope, given, _below(body, path))

    def _call(
        self, node: NodeProto, function: FunctionProto, scope: Scope, given: Attributes, body: str
    ) -> Iterator[Site]:
        """The nodes of a function that was not inlined: it sees its arguments only."""
        parameters = {a.name: attribute_value(a) for a in function.attribute_proto} | _attributes(node, given)
        inner = declared_values(function.value_info) | _arguments(function, _specs(node.input, scope))
        walk = _Walk(
            self._functions,
            self._provenance,
            opsets(function.opset_import),
            self._ir_version,
            self._calls,
            self._place(node),
        )
        outside = dict(zip(function.input, node.input, strict=False))
        outside |= dict(zip(function.output, node.output, strict=False))
        path = _below(body, node.name or node.op_type)
        for site in walk._nodes(function.node, inner, parameters, path, function.output):
            yield embedded(site, outside, next(filter(None, node.output), node.name))
        for formal, output in zip(function.output, node.output, strict=False):
            known, result = scope.get(output), inner.get(formal, TensorSpec(None, None))
            stated = known or result
            scope[output] = TensorSpec(stated.shape, stated.dtype, output, result.constant)


def _below(body: str, path: str) -> str:
    return f"{body}/{path}" if body else path


def _attributes(node: NodeProto, given: Attributes) -> Attributes:
    """Plain values; a reference to a parameter of the function around the node takes the caller's."""
    own = {a.name: attribute_value(a) for a in node.attribute if not a.ref_attr_name}
    return own | {a.name: given[a.ref_attr_name] for a in node.attribute if a.ref_attr_name in given}


def _specs(names: Iterable[str], scope: Scope) -> tuple[TensorSpec | None, ...]:
    return tuple(scope.get(name, TensorSpec(None, None, name)) if name else None for name in names)


def _outputs(node: NodeProto, scope: Scope, constant: bool) -> tuple[TensorSpec, ...]:
    """A node's outputs, which are then in scope; one that is left out has no name and no type, none at the end."""
    names = list(node.output)
    while names and not names[-1]:
        names.pop()
    for name in filter(None, names):
        known = scope.get(name, _UNKNOWN)
        if known.constant != constant or known.name != name:
            scope[name] = TensorSpec(known.shape, known.dtype, name, constant)
    return tuple(scope[name] if name else _UNKNOWN for name in names)


def _arguments(function: FunctionProto, inputs: Iterable[TensorSpec | None]) -> Scope:
    """The function's parameters with the types of what it is called with."""
    return {
        formal: TensorSpec(actual.shape, actual.dtype, formal, actual.constant)
        for formal, actual in zip(function.input, inputs, strict=False)
        if actual is not None
    }


def _needed(nodes: Sequence[NodeProto], wanted: Iterable[str]) -> set[int]:
    """Numbers of the nodes that a wanted value depends on, through their bodies as well."""
    makers = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    found: set[int] = set()
    waiting = [makers[name] for name in wanted if name in makers]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += [makers[name] for name in _reads(nodes[number]) if name in makers]
    return found


def _reads(node: NodeProto) -> Iterator[str]:
    """Names that the node or its bodies mention."""
    yield from node.input
    for _, graph in bodies(node):
        yield from (value.name for value in graph.output)
        for inner in graph.node:
            yield from _reads(inner)


def _is_constant(node: NodeProto, inputs: tuple[TensorSpec | None, ...]) -> bool:
    """All inputs are constants, or only their static shapes are asked for."""
    present = [spec for spec in inputs if spec is not None]
    if node.op_type in ("Shape", "Size") and present:
        return present[0].constant or _is_static(node, present[0])
    return all(spec.constant for spec in present)


def _is_static(node: NodeProto, spec: TensorSpec) -> bool:
    """Whether the sizes are known that a Shape or Size asks for."""
    if spec.shape is None:
        return False
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    return all(isinstance(size, int) for size in spec.shape[ends.get("start") : ends.get("end")])
