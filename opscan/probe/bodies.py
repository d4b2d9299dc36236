"""The graphs that the control-flow operators of generated models run. They only hand values on."""

from collections.abc import Callable

import numpy as np
from onnx import GraphProto, NodeProto, ValueInfoProto, helper, numpy_helper

from opscan.probe.types import container, element, inner, numpy_dtype, type_proto

# Counter and condition of a loop; onnxruntime fails when their shape is not stated.
_LOOP_SCALARS = (("i", "int64"), ("go", "bool"), ("on", "bool"))


def body(name: str, type_text: str) -> GraphProto:
    """The graph of that name for values of a type. Raises KeyError for a name that there is not."""
    return _BODIES[name](type_text)


def _value(name: str, type_text: str) -> ValueInfoProto:
    return helper.make_value_info(name, type_proto(type_text, None))


def _identity(source: str, target: str) -> NodeProto:
    return helper.make_node("Identity", [source], [target])


def _constant(number: int) -> Callable[[str], GraphProto]:
    """A graph without inputs that gives a constant: a branch of If."""

    def graph(type_text: str) -> GraphProto:
        tensor_type = inner(type_text) if container(type_text) == "seq" else type_text
        held = element(tensor_type)
        values = np.full((2, 3), str(number), object) if held == "string" else np.full((2, 3), number).astype(numpy_dtype(held))
        node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(values))
        wrap = "SequenceConstruct" if container(type_text) == "seq" else "Identity"
        nodes = [node, helper.make_node(wrap, ["c"], ["branch"])]
        return helper.make_graph(nodes, f"branch{number}", [], [_value("branch", type_text)])

    return graph


def _loop(*, collect: bool) -> Callable[[str], GraphProto]:
    def graph(type_text: str) -> GraphProto:
        scalars = [helper.make_value_info(n, type_proto(f"tensor({t})", ())) for n, t in _LOOP_SCALARS]
        inputs, outputs = [*scalars[:2], _value("v", type_text)], [scalars[2], _value("w", type_text)]
        nodes = [_identity("go", "on"), _identity("v", "w")]
        if collect:
            nodes.append(_identity("v", "each"))
            outputs.append(_value("each", type_text))
        return helper.make_graph(nodes, "loop_body", inputs, outputs)

    return graph


def _scan(type_text: str) -> GraphProto:
    inputs, outputs = ([_value(n, type_text) for n in names] for names in (("s", "x"), ("t", "y")))
    return helper.make_graph([_identity("s", "t"), _identity("x", "y")], "scan_body", inputs, outputs)


def _map(count: int) -> Callable[[str], GraphProto]:
    def graph(type_text: str) -> GraphProto:
        tensor_type = inner(type_text)
        inputs = [_value(f"x{n}", tensor_type) for n in range(count)]
        return helper.make_graph([_identity("x0", "y")], "map_body", inputs, [_value("y", tensor_type)])

    return graph


_BODIES: dict[str, Callable[[str], GraphProto]] = {
    "then": _constant(1),
    "else": _constant(0),
    "accumulate": _loop(collect=False),
    "collect": _loop(collect=True),
    "hand_on": _scan,
    "map_identity": _map(1),
    "map_two": _map(2),
}
