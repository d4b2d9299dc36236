"""The onnx dialect: the sites of an ONNX ModelProto, control-flow bodies and local functions included."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import onnx
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto

from opscan.core.inventory import Attribute, Site, TensorSpec
from opscan.core.macs import macs
from opscan.core.operator import OpName
from opscan.trace.onnx_provenance import Place, Provenance
from opscan.trace.onnx_values import Scope, attribute_value, constant_spec, declared, declared_values

# Outputs that differ, or in training may differ, from run to run even on constant inputs.
_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout")
)

FunctionKey = tuple[str, str, str]
Attributes = dict[str, Attribute]


def sites(model: ModelProto, provenance: Provenance) -> tuple[Site, ...]:
    """Every node of the graph and of the bodies it runs, in file order.

    Constant nodes are values, not operators. A call of a model-local function is replaced by the
    function's nodes. Functions must not call themselves.
    """
    functions = {function_key(function): function for function in model.functions}
    walk = _Walk(functions, provenance, opsets(model.opset_import), model.ir_version)
    return tuple(walk.graph(model.graph, {}, {}, ""))


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
    return [(a.name, g) for a in node.attribute for g in ([a.g] if a.HasField("g") else list(a.graphs))]


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


@cache
def _schema(op_type: str, domain: str, opset: int) -> Any:
    """onnx.defs.OpSchema (untyped in onnx), None where the operator has no schema at that opset."""
    try:
        return onnx.defs.get_schema(op_type, opset, domain)
    except Exception:  # onnx raises its own SchemaError from C++
        return None


def _bind_types(formals: Iterable[Any], actuals: list[TensorSpec | None]) -> Iterator[tuple[str, str | None]]:
    """Type variable -> dtype of the parameters that are present; the last formal may repeat."""
    formals = list(formals)
    for position, actual in enumerate(actuals):
        formal = formals[min(position, len(formals) - 1)] if formals else None
        if actual is not None and formal is not None and formal.is_homogeneous:
            yield formal.type_str, actual.dtype


class _Walk:
    """Walks graphs that share one list of imported opsets: the model's, or a function's."""

    def __init__(
        self,
        functions: Mapping[FunctionKey, FunctionProto],
        provenance: Provenance,
        imported: Mapping[str, int],
        ir_version: int,
        caller: Place | None = None,
    ) -> None:
        self._functions = functions
        self._provenance = provenance
        self._opsets = imported
        self._ir_version = ir_version
        self._caller = caller

    def graph(self, graph: GraphProto, outer: Scope, given: Attributes, body: str) -> Iterator[Site]:
        """Sites of a graph that sees the values of `outer`; `given` are the parameters of the function around it."""
        yield from self._nodes(graph.node, outer | declared(graph, self._ir_version), given, body)

    def _nodes(self, nodes: Iterable[NodeProto], scope: Scope, given: Attributes, body: str) -> Iterator[Site]:
        for node in nodes:
            function = self._functions.get(call_key(node))
            if function is not None:
                yield from self._call(node, function, scope, given, body)
            elif node.op_type == "Constant" and _domain(node.domain) == "":
                scope |= {name: constant_spec(node, name, scope.get(name)) for name in node.output}
            else:
                yield self._site(node, scope, given, body)
                yield from self._bodies(node, scope, given, body)

    def _site(self, node: NodeProto, scope: Scope, given: Attributes, body: str) -> Site:
        domain = _domain(node.domain)
        name = OpName(domain, node.op_type, node.overload)
        inputs = _specs(node.input, scope)
        constant = not bodies(node) and node.op_type not in _RANDOM and _is_constant(node, inputs)
        for output in filter(None, node.output):
            known = scope.get(output, TensorSpec(None, None, output))
            scope[output] = TensorSpec(known.shape, known.dtype, output, constant)
        outputs = tuple(scope[output] for output in node.output if output)
        attributes = _attributes(node, given)
        schema = _schema(node.op_type, domain, self._opsets.get(domain, 0))
        types, unbound = _types(schema, node, scope)
        place = self._place(node)
        return Site(
            op=name,
            module=place.module,
            source=place.source,
            inputs=inputs,
            outputs=outputs,
            attributes=attributes,
            macs=macs(name, inputs, outputs, attributes),
            node=node.name,
            body=body,
            since_version=schema.since_version if schema else None,
            types=types,
            unbound=unbound,
            is_function=bool(schema and (schema.has_function or schema.has_context_dependent_function)),
            constant=constant,
        )

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
        inner = declared_values(function.value_info)
        inner |= {
            formal: TensorSpec(actual.shape, actual.dtype, formal, actual.constant)
            for formal, actual in zip(function.input, _specs(node.input, scope), strict=False)
            if actual is not None
        }
        walk = _Walk(
            self._functions, self._provenance, opsets(function.opset_import), self._ir_version, self._place(node)
        )
        yield from walk._nodes(function.node, inner, parameters, _below(body, node.name or node.op_type))
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


def _types(schema: Any, node: NodeProto, scope: Scope) -> tuple[dict[str, str], tuple[str, ...]]:
    """The dtype of each type variable, and the variables whose dtype is not known."""
    if schema is None:
        return {}, ("*",)
    variables = {constraint.type_param_str for constraint in schema.type_constraints}
    outputs = [scope.get(output) for output in node.output]
    bound = [*_bind_types(schema.inputs, list(_specs(node.input, scope))), *_bind_types(schema.outputs, outputs)]
    known = {variable: dtype for variable, dtype in bound if variable in variables and dtype}
    unknown = {variable for variable, dtype in bound if variable in variables and not dtype}
    return dict(sorted(known.items())), tuple(sorted(unknown - known.keys()))


def _specs(names: Iterable[str], scope: Scope) -> tuple[TensorSpec | None, ...]:
    return tuple(scope.get(name, TensorSpec(None, None, name)) if name else None for name in names)


def _is_constant(node: NodeProto, inputs: tuple[TensorSpec | None, ...]) -> bool:
    """All inputs are constants, or only their static shapes are asked for."""
    present = [spec for spec in inputs if spec is not None]
    if node.op_type in ("Shape", "Size") and present:
        return present[0].constant or present[0].static_shape is not None
    return all(spec.constant for spec in present)
