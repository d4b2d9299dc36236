"""The onnx dialect: the sites of an ONNX graph, control-flow bodies and local functions included."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from onnx.onnx_ml_pb2 import ModelProto, NodeProto

from opscan.core.dataflow import outer_name
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Attribute, FunctionBody, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import OpName
from opscan.core.sites import Row, Sites
from opscan.trace.apart import reason
from opscan.trace.onnx_binding import defaults, types
from opscan.trace.onnx_definitions import Definition, key_of
from opscan.trace.onnx_functions import Calls, expanded
from opscan.trace.onnx_inference import Inference, Open
from opscan.trace.onnx_library import Library
from opscan.trace.onnx_listing import Function, Graph, Listing, Nodes, listed, needed
from opscan.trace.onnx_nodes import FunctionKey, opsets
from opscan.trace.onnx_provenance import Place, Provenance
from opscan.trace.onnx_types import ABSENT, UNKNOWN, Scope, Types
from opscan.trace.onnx_values import attribute_value, constant_spec
from opscan.trace.provenance import SourceLines

# Outputs that differ, or in training may differ, from run to run even on constant inputs.
_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout")
)

_NO_VALUE = TensorSpec(None, None)

Attributes = dict[str, Attribute]


class Walked(NamedTuple):
    """What a graph does."""

    sites: Sites
    """In file order."""
    functions: Mapping[str, FunctionBody]
    """The bodies by which ONNX defines operators; see Site.function."""


def walked(listing: Listing, provenance: Provenance, library: Library, inference: Inference | None = None) -> Walked:
    """Every node of the graph and of the bodies it runs, with the types that the file states or else are inferred.

    Constant nodes are values, not operators. A call of a model-local function is replaced by the
    function's nodes. Functions must not call themselves. Raises what the inference raises.
    """
    calls, rows = Calls(), _Rows()
    _Walk(listing, provenance, listing.imports, library, calls, rows, inference).graph(listing.graph, {}, "")
    return Walked(rows.sites(), _Bodies(calls, listing.ir_version, library))


class _Bodies(Mapping[str, FunctionBody]):
    """The body of every kind of call, and of the calls in those bodies; found when somebody asks.

    Few do: it takes a process of onnx's, and judging needs the bodies of what a backend does not run itself.
    Raises NoAnswer where onnx makes a body of what makes no sense.
    """

    def __init__(self, calls: Calls, ir_version: int, library: Library) -> None:
        self._calls = calls
        self._ir_version = ir_version
        self._library = library
        self._found: dict[str, FunctionBody] | None = None

    def __getitem__(self, key: str) -> FunctionBody:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[object, ...]:
        """Another process gets the bodies."""
        return dict, (self._all(),)

    def _all(self) -> dict[str, FunctionBody]:
        if self._found is None:
            try:
                self._found = _function_bodies(self._calls, self._ir_version, self._library)
            except (ValueError, RecursionError) as error:
                raise NoAnswer(f"damaged ONNX graph: {reason(error)}") from error
        return self._found


def _function_bodies(calls: Calls, ir_version: int, library: Library) -> dict[str, FunctionBody]:
    """The bodies themselves."""
    found: dict[str, FunctionBody] = {}
    tried: set[str] = set()
    nobody = Provenance((), SourceLines({}, ()))
    listing = listed(ModelProto(ir_version=ir_version).SerializeToString())
    while new := {key: call for key, call in calls.by_key.items() if key not in tried}:
        tried |= new.keys()
        for key, function in expanded(new).items():
            call, rows = new[key], _Rows()
            if not function.doc_string:
                walk = _Walk(listing, nobody, call.imports, library, calls, rows)
                inputs = [ABSENT if spec is None else listing.types.number(spec) for spec in call.inputs]
                walk.function(listing.function(function.SerializeToString()), inputs, "")
            found[key] = FunctionBody(rows.sites(), function.doc_string)
    return found


class _Operator(NamedTuple):
    """An operator in graphs that import the same opsets."""

    name: OpName
    definition: Definition | None
    defaults: Mapping[str, Attribute] | None


class _Form(NamedTuple):
    """What nodes share that differ in names and places only: their number among the rows' forms, and what they make."""

    number: int
    makes: tuple[int, ...]
    """Types of the outputs."""


class _Rows:
    """The sites found so far."""

    def __init__(self) -> None:
        self.forms: list[Site] = []
        self.rows: list[Row] = []

    def sites(self) -> Sites:
        """All of them."""
        return Sites(self.forms, self.rows)

    def embed(self, start: int, names: Mapping[str, str], prefix: str) -> None:
        """Gives the rows from there on, which are those of a graph that stands in another, its names of values."""

        def renamed(found: Iterable[str]) -> list[str]:
            return [outer_name(name, names, prefix) if name else name for name in found]

        for position, (form, where, node, body, reads, makes) in enumerate(self.rows[start:], start):
            self.rows[position] = (form, where, node, body, renamed(reads), renamed(makes))


class _Walk:
    """Walks graphs that share one list of imported opsets: the model's, or a function's."""

    def __init__(
        self,
        listing: Listing,
        provenance: Provenance,
        imported: Mapping[str, int],
        library: Library,
        calls: Calls,
        rows: _Rows,
        inference: Inference | None = None,
        given: Attributes | None = None,
        caller: Place | None = None,
    ) -> None:
        """`given` are the parameters of the function whose nodes are walked, `caller` the place of its call."""
        self._listing = listing
        self._types: Types = listing.types
        self._provenance = provenance
        self._opsets = imported
        self._library = library
        self._calls = calls
        self._rows = rows
        self._inference = inference
        self._given = given or {}
        self._caller = caller or Place()
        self._operators: dict[FunctionKey, _Operator] = {}
        self._forms: dict[Hashable, _Form | None] = {}
        """None where it depends on values as well, which are then part of the key."""

    def graph(self, graph: Graph, outer: Scope, body: str) -> None:
        """Adds the sites of a graph that sees the values of `outer`."""
        self._nodes(graph.nodes, self._listing.declared(graph, outer), body, graph.outputs)

    def function(self, function: Function, inputs: Sequence[int], body: str) -> Scope:
        """Adds the sites of a function that is called with values of these types; what is then known of its values."""
        arguments = zip(function.proto.input, inputs, strict=False)
        scope = function.stated | {formal: number for formal, number in arguments if number != ABSENT}
        scope[""] = ABSENT
        self._nodes(function.nodes, scope, body, function.proto.output)
        return scope

    def _nodes(self, nodes: Nodes, scope: Scope, body: str, wanted: Iterable[str]) -> None:
        """`wanted` are the values that the graph yields."""
        add, forms, known = self._rows.rows.append, self._forms, scope.get
        places, caller, alive = self._provenance.of(nodes), self._caller, needed(nodes, wanted)
        columns = zip(nodes.calls, nodes.inputs, nodes.outputs, nodes.names, places, alive, strict=True)
        for number, (call, inputs, outputs, name, place, is_alive) in enumerate(columns):
            if not call.is_plain and self._is_value_or_call(nodes, number, scope, body):
                continue
            key = (call, is_alive, len(inputs), *map(known, inputs + outputs))
            form, makes = forms.get(key) or self._found(key, nodes, number, scope, dead=not is_alive)
            if len(outputs) == 1:  # nearly always, and half the time
                (scope[outputs[0]],) = makes
            else:
                scope.update(zip(outputs, makes, strict=True))
            add((form, place or caller, name, body, inputs, outputs))
            if not call.is_plain:
                self._bodies(nodes, number, scope, body)

    def _found(self, key: Hashable, nodes: Nodes, number: int, scope: Scope, *, dead: bool) -> _Form:
        """The form of a node, found once for equal ones."""
        forms, inference = self._forms, self._inference
        if inference is not None:
            reads, makes = nodes.inputs[number], nodes.outputs[number]
            if key in forms and (form := forms.get((key, inference.values(reads)))):
                return form
            made, by_value = inference.made(nodes.calls[number], reads, makes, scope)
            _settle(makes, made, scope)
            if by_value:
                forms[key] = None
                key = (key, inference.values(reads))
        form = forms[key] = self._form(nodes, number, scope, dead=dead)
        return form

    def _form(self, nodes: Nodes, number: int, scope: Scope, *, dead: bool) -> _Form:
        """What follows from an operator, its attributes and the types of its values."""
        call, node = nodes.calls[number], nodes.calls[number].node
        inputs = self._specs(nodes.inputs[number], scope)
        stated = self._specs(nodes.outputs[number], scope)
        outputs = [_NO_VALUE if spec is None else TensorSpec(spec.shape, spec.dtype, spec.name) for spec in stated]
        operator, attributes = self._operator(call.key), _attributes(node, self._given)
        definition = operator.definition
        bound, unbound = types(definition, inputs, outputs)
        constant = _is_constant(node, inputs) and call.key[1] not in _RANDOM and number not in nodes.bodies
        makes = tuple(self._types.made(scope.get(name, UNKNOWN), constant) for name in nodes.outputs[number])
        site = Site(
            op=operator.name,
            module="",
            inputs=inputs,
            outputs=tuple(_NO_VALUE if made == ABSENT else self._types.named(made, "?") for made in makes),
            attributes=attributes,
            macs=macs(operator.name, inputs, outputs, attributes),
            since_version=definition.since_version if definition is not None else None,
            types=bound,
            unbound=unbound,
            defaults=operator.defaults,
            is_function=definition is not None and definition.is_function,
            function=self._function(definition, node, inputs, nodes.outputs[number]),
            constant=constant,
            dead=dead,
        )
        self._rows.forms.append(site)
        return _Form(len(self._rows.forms) - 1, makes)

    def _function(
        self,
        definition: Definition | None,
        node: NodeProto,
        inputs: Sequence[TensorSpec | None],
        outputs: Sequence[str],
    ) -> str:
        """The key of the body by which ONNX defines such a call; `""` where there is none."""
        if definition is None or not definition.is_function:
            return ""
        return self._calls.key(node, definition, inputs, outputs, self._opsets)

    def _operator(self, key: FunctionKey) -> _Operator:
        """What all nodes of an operator share, looked up once."""
        if key not in self._operators:
            definition = self._library.definition(key_of(key, self._opsets))
            self._operators[key] = _Operator(OpName(*key), definition, defaults(definition))
        return self._operators[key]

    def _specs(self, names: Iterable[str], scope: Scope) -> tuple[TensorSpec | None, ...]:
        return tuple([self._types.named(scope.get(name, UNKNOWN), name) if name else None for name in names])

    def _bodies(self, nodes: Nodes, number: int, scope: Scope, body: str) -> None:
        inner = nodes.bodies.get(number, ())
        for position, (attribute, graph) in enumerate(inner):
            label = f"{nodes.names[number] or nodes.calls[number].node.op_type}.{attribute}"
            path = f"{label}[{position}]" if sum(name == attribute for name, _ in inner) > 1 else label
            self.graph(graph, scope, _below(body, path))

    def _is_value_or_call(self, nodes: Nodes, number: int, scope: Scope, body: str) -> bool:
        """Whether a node is no operator but a Constant or a call of the model's own function, which is then done."""
        call = nodes.calls[number]
        if call.is_constant:
            spec = constant_spec(call.node)
            if self._inference is not None:
                _settle(nodes.outputs[number], [self._inference.constant(call, nodes.outputs[number])], scope)
            for name in nodes.outputs[number]:
                stated = self._types.made(scope.get(name, UNKNOWN), True)
                scope[name] = stated if spec is None or name == "" else self._types.number(spec)
            return True
        function = self._listing.functions.get(call.key)
        if function is not None:
            self._call(nodes, number, function, scope, body)
        return function is not None

    def _call(self, nodes: Nodes, number: int, function: Function, scope: Scope, body: str) -> None:
        """The nodes of a function that was not inlined: it sees its arguments only."""
        call, name, proto = nodes.calls[number], nodes.names[number], function.proto
        reads, makes = nodes.inputs[number], nodes.outputs[number]
        parameters = {a.name: attribute_value(a) for a in proto.attribute_proto} | _attributes(call.node, self._given)
        place = self._provenance.of(nodes)[number] or self._caller
        imported, first = opsets(proto.opset_import), len(self._rows.rows)
        walk = _Walk(
            self._listing, self._provenance, imported, self._library, self._calls, self._rows, None, parameters, place
        )
        inputs = [scope.get(value, UNKNOWN) for value in reads]
        inner = walk.function(function, inputs, _below(body, name or call.node.op_type))
        outside = dict(zip(proto.input, reads, strict=False)) | dict(zip(proto.output, makes, strict=False))
        self._rows.embed(first, outside, next(filter(None, makes), name))
        for formal, output in zip(proto.output, makes, strict=False):
            result = inner.get(formal, UNKNOWN)
            if output and result != ABSENT:
                scope[output] = self._types.made(scope.get(output, result), self._types.specs[result].constant)


def _settle(names: Iterable[str], made: Iterable[int], scope: Scope) -> None:
    """Adds inferred types to what is known. Raises Open where the file states others."""
    for name, number in zip(names, made, strict=True):
        if scope.get(name, UNKNOWN) not in (UNKNOWN, number):
            raise Open
        scope[name] = number


def _below(body: str, path: str) -> str:
    return f"{body}/{path}" if body else path


def _attributes(node: NodeProto, given: Attributes) -> Attributes:
    """Plain values; a reference to a parameter of the function around the node takes the caller's."""
    own = {a.name: attribute_value(a) for a in node.attribute if not a.ref_attr_name}
    return own | {a.name: given[a.ref_attr_name] for a in node.attribute if a.ref_attr_name in given}


def _is_constant(node: NodeProto, inputs: Sequence[TensorSpec | None]) -> bool:
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
