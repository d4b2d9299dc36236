"""The graphs that the control-flow operators of generated models run. They only hand values on."""

from collections.abc import Callable, Sequence

import numpy as np
from onnx import GraphProto, NodeProto, ValueInfoProto, helper, numpy_helper

from opscan.probe.types import container, element, inner, numpy_dtype, type_proto

Shape = tuple[int, ...]
Body = Callable[[str, Sequence[Shape]], GraphProto]

# Counter and condition of a loop; onnxruntime fails when their shape is not stated.
_LOOP_SCALARS = (("i", "int64"), ("go", "bool"), ("on", "bool"))


def body(name: str, type_text: str, shapes: Sequence[Shape]) -> GraphProto:
    """The graph of that name for values of a type; `shapes` are those of the node's inputs.

    Raises KeyError for a name that there is not.
    """
    return _BODIES[name](type_text, shapes)


def _value(name: str, type_text: str, shape: Shape | None = None) -> ValueInfoProto:
    return helper.make_value_info(name, type_proto(type_text, shape))


def _identity(source: str, target: str) -> NodeProto:
    return helper.make_node("Identity", [source], [target])


def _constant(number: int) -> Body:
    """A graph without inputs that gives a constant: a branch of If."""

    def graph(type_text: str, _shapes: Sequence[Shape]) -> GraphProto:
        sequence = container(type_text) == "seq"
        values = _filled(number, element(inner(type_text) if sequence else type_text))
        node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(values))
        nodes = [node, helper.make_node("SequenceConstruct" if sequence else "Identity", ["c"], ["branch"])]
        return helper.make_graph(nodes, f"branch{number}", [], [_value("branch", type_text, (2, 3))])

    return graph


def _filled(number: int, name: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    shape = (2, 3)
    return np.full(shape, str(number), object) if name == "string" else np.full(shape, number).astype(numpy_dtype(name))


def _loop(*, collect: bool) -> Body:
    def graph(type_text: str, shapes: Sequence[Shape]) -> GraphProto:
        scalars = [_value(name, f"tensor({t})", ()) for name, t in _LOOP_SCALARS]
        carried = [_value(name, type_text, shapes[-1]) for name in ("v", "w", "each")]
        nodes = [_identity("go", "on"), _identity("v", "w")]
        inputs, outputs = [*scalars[:2], carried[0]], [scalars[2], carried[1]]
        if collect:
            nodes.append(_identity("v", "each"))
            outputs.append(carried[2])
        return helper.make_graph(nodes, "loop_body", inputs, outputs)

    return graph


def _scan(type_text: str, shapes: Sequence[Shape]) -> GraphProto:
    state, scanned = shapes[0], shapes[1][1:]
    inputs = [_value("s", type_text, state), _value("x", type_text, scanned)]
    outputs = [_value("t", type_text, state), _value("y", type_text, scanned)]
    return helper.make_graph([_identity("s", "t"), _identity("x", "y")], "scan_body", inputs, outputs)


def _map(count: int) -> Body:
    def graph(type_text: str, shapes: Sequence[Shape]) -> GraphProto:
        tensor_type = inner(type_text)
        inputs = [_value(f"x{n}", tensor_type, shapes[0]) for n in range(count)]
        return helper.make_graph([_identity("x0", "y")], "map_body", inputs, [_value("y", tensor_type, shapes[0])])

    return graph


_BODIES: dict[str, Body] = {
    "then": _constant(1),
    "else": _constant(0),
    "accumulate": _loop(collect=False),
    "collect": _loop(collect=True),
    "hand_on": _scan,
    "map_identity": _map(1),
    "map_two": _map(2),
}
