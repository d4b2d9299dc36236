"""The onnx dialect: the sites of an ONNX ModelProto, control-flow bodies and local functions included."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx.onnx_ml_pb2 import FunctionProto, GraphProto, ModelProto, NodeProto

from opscan.core.dataflow import embedded
from opscan.core.inventory import Attribute, FunctionBody, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import OpName
from opscan.trace.onnx_binding import defaults, schema_of, types
from opscan.trace.onnx_functions import Calls, expanded, has_body
from opscan.trace.onnx_nodes import FunctionKey, Node, call_key, function_key, listed, needed, opsets
from opscan.trace.onnx_provenance import Place, Provenance
from opscan.trace.onnx_values import Scope, attribute_value, constant_spec, declared, declared_values
from opscan.trace.provenance import SourceLines

# Outputs that differ, or in training may differ, from run to run even on constant inputs.
_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout")
)

_UNKNOWN = TensorSpec(None, None)

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


@dataclass(frozen=True, slots=True)
class _Kind:
    """An operator in graphs that import the same opsets."""

    name: OpName
    schema: Any
    """onnx.defs.OpSchema (untyped in onnx), or None."""
    since_version: int | None
    defaults: Mapping[str, Attribute] | None
    is_function: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What nodes share that differ in names and places only; as in Site."""

    kind: _Kind
    attributes: Attributes
    types: Mapping[str, str]
    unbound: tuple[str, ...]
    macs: int | None
    function: str
    constant: bool


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
        self._facts: dict[Hashable, _Facts] = {}

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
        found = listed(nodes)
        alive = needed(found, wanted)
        for number, listed_node in enumerate(found):
            node = listed_node.proto
            key = call_key(node)
            function = self._functions.get(key)
            if function is not None:
                yield from self._call(node, function, scope, given, body)
            elif key[1] == "Constant" and key[0] == "":
                scope |= {name: constant_spec(node, name, scope.get(name)) for name in listed_node.outputs}
            else:
                yield self._site(listed_node, key, scope, given, body, dead=number not in alive)
                if listed_node.bodies:
                    yield from self._bodies(listed_node, scope, given, body)

    def _site(
        self,
        node: Node,
        key: FunctionKey,
        scope: Scope,
        given: Attributes,
        body: str,
        *,
        dead: bool,
    ) -> Site:
        names = node.outputs
        inputs = _specs(node.inputs, scope)
        stated = [scope.get(name, _UNKNOWN) for name in names]
        if node.bodies or given:  # few nodes have any, and what they hold may be large
            facts = self._new_facts(node, key, inputs, stated, given)
        else:
            facts = self._shared_facts(node, key, inputs, stated)
        place = self._place(node.proto)
        kind = facts.kind
        return Site(
            op=kind.name,
            module=place.module,
            source=place.source,
            inputs=inputs,
            outputs=_outputs(names, stated, scope, facts.constant),
            attributes=facts.attributes,
            macs=facts.macs,
            node=node.proto.name,
            body=body,
            since_version=kind.since_version,
            types=facts.types,
            unbound=facts.unbound,
            defaults=kind.defaults,
            is_function=kind.is_function,
            function=facts.function,
            constant=facts.constant,
            dead=dead,
        )

    def _shared_facts(
        self, node: Node, key: FunctionKey, inputs: tuple[TensorSpec | None, ...], stated: Sequence[TensorSpec]
    ) -> _Facts:
        """What follows from the operator, its attributes and the types of its values: found once for equal ones."""
        equal = (
            key,
            tuple([attribute.SerializeToString() for attribute in node.proto.attribute[:]]),
            tuple([spec and (spec.shape, spec.dtype, spec.constant) for spec in inputs]),
            tuple([name and (spec.shape, spec.dtype) for name, spec in zip(node.outputs, stated, strict=True)]),
        )
        facts = self._facts.get(equal)
        if facts is None:
            facts = self._facts[equal] = self._new_facts(node, key, inputs, stated, {})
        return facts

    def _new_facts(
        self,
        node: Node,
        key: FunctionKey,
        inputs: tuple[TensorSpec | None, ...],
        stated: Sequence[TensorSpec],
        given: Attributes,
    ) -> _Facts:
        kind = self._kind(key)
        attributes = _attributes(node.proto, given)
        typed = zip(node.outputs, stated, strict=True)
        outputs = tuple(TensorSpec(spec.shape, spec.dtype, name) if name else _UNKNOWN for name, spec in typed)
        bound, unbound = types(kind.schema, inputs, outputs)
        return _Facts(
            kind=kind,
            attributes=attributes,
            types=bound,
            unbound=unbound,
            macs=macs(kind.name, inputs, outputs, attributes),
            function=self._calls.key(node.proto, inputs, self._opsets) if kind.is_function else "",
            constant=_is_constant(node.proto, inputs) and key[1] not in _RANDOM and not node.bodies,
        )

    def _kind(self, key: FunctionKey) -> _Kind:
        """What all nodes of an operator share, looked up once."""
        if key not in self._kinds:
            domain, operator, _ = key
            opset = self._opsets.get(domain, 0)
            schema = schema_of(operator, domain, opset)
            self._kinds[key] = _Kind(
                OpName(*key),
                schema,
                schema.since_version if schema else None,
                defaults(schema),
                has_body(operator, domain, opset, self._opsets.get("", opset)),
            )
        return self._kinds[key]

    def _place(self, node: NodeProto) -> Place:
        return self._provenance.of(node) or self._caller or Place()

    def _bodies(self, node: Node, scope: Scope, given: Attributes, body: str) -> Iterator[Site]:
        inner = node.bodies
        for number, (attribute, graph) in enumerate(inner):
            label = f"{node.proto.name or node.proto.op_type}.{attribute}"
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
    return tuple([(scope.get(name) or TensorSpec(None, None, name)) if name else None for name in names])


def _outputs(
    names: Sequence[str], stated: Sequence[TensorSpec], scope: Scope, constant: bool
) -> tuple[TensorSpec, ...]:
    """The outputs, which are then in scope; one that is left out has no name and no type."""
    for name, known in zip(names, stated, strict=True):
        if name and (known.constant != constant or known.name != name):
            scope[name] = TensorSpec(known.shape, known.dtype, name, constant)
    return tuple([scope[name] if name else _UNKNOWN for name in names])


def _arguments(function: FunctionProto, inputs: Iterable[TensorSpec | None]) -> Scope:
    """The function's parameters with the types of what it is called with."""
    return {
        formal: TensorSpec(actual.shape, actual.dtype, formal, actual.constant)
        for formal, actual in zip(function.input, inputs, strict=False)
        if actual is not None
    }


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
