"""Converting an exported model to an opset older than the exporter implements."""

import contextlib
from collections.abc import Iterator

import onnx
import onnx.version_converter
import onnx_ir as ir
from onnx import ModelProto, NodeProto
from onnx_ir.passes.common import LiftConstantsToInitializersPass

# Stored tensors up to this many elements are values that the converter looks into: axes, shapes.
_VALUE_ELEMENTS = 64
_FOREIGN = "opscan.unchanged"
_NEVER = 1 << 30


def lowered(model: ir.Model, opset: int) -> ir.Model:
    """The model at `opset`, by ONNX's own version converter; weights are not copied.

    torch.onnx.export converts the same way, but keeps axes in initializers, where the converter
    does not find them, and loses the metadata of nodes. Raises what the converter raises.
    """
    weights = {
        name: value.const_value
        for name, value in model.graph.initializers.items()
        if value.const_value is not None and value.const_value.size > _VALUE_ELEMENTS
    }
    metadata = {node.outputs[0].name: dict(node.metadata_props) for node in model.graph.all_nodes() if node.outputs}
    _split_evenly(model)
    with _hidden(model, opset):
        proto = onnx.version_converter.convert_version(_convertible(model, weights), opset)
    converted = ir.serde.deserialize_model(proto)
    graph = converted.graph
    for node in graph.all_nodes():
        node.domain = "" if node.domain == _FOREIGN else node.domain
    graph.opset_imports.pop(_FOREIGN, None)
    for value in [value for value in graph.inputs if value.name in weights]:
        graph.inputs.remove(value)
        value.const_value = weights[str(value.name)]
        graph.register_initializer(value)
    for node in graph.all_nodes():
        node.metadata_props.update(metadata.get(node.outputs[0].name, {}) if node.outputs else {})
        _drop_newer_attributes(node, opset, model.graph.opset_imports[""])
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(converted)
    return converted


def _drop_newer_attributes(node: ir.Node, opset: int, before: int) -> None:
    """Removes what the converter leaves behind: attributes of the newer schema at their default."""
    if node.domain:
        return
    known = onnx.defs.get_schema(node.op_type, opset).attributes
    newer = onnx.defs.get_schema(node.op_type, before).attributes
    for name in [name for name in node.attributes if name not in known and name in newer]:
        if node.attributes[name].value != onnx.helper.get_attribute_value(newer[name].default_value):
            raise ValueError(f"{node.op_type} has no attribute {name} at opset {opset}")
        node.attributes.pop(name)


@contextlib.contextmanager
def _hidden(model: ir.Model, opset: int) -> Iterator[None]:
    """Nodes that are the same at the older opset, and for which ONNX has no adapter, under a foreign domain."""
    hidden = [node for node in model.graph.all_nodes() if not node.domain and _unchanged_since(node) <= opset]
    for node in hidden:
        node.domain = _FOREIGN
    try:
        yield
    finally:
        for node in hidden:
            node.domain = ""


def _split_evenly(model: ir.Model) -> None:
    """Drops `num_outputs` where the parts are equal: so a Split was defined before it had that attribute."""
    for node in model.graph.all_nodes():
        sizes = {str(output.shape) for output in node.outputs}
        if node.op_type == "Split" and len(sizes) == 1 and len(node.inputs) == 1:
            node.attributes.pop("num_outputs", None)


def _unchanged_since(node: ir.Node) -> int:
    """The oldest opset at which this node means the same, for the operators that need to be hidden."""
    match node.op_type:
        case "Pad" if not any(node.inputs[3:]):  # opset 18 added the input `axes`
            return 13
        case "Split" if "num_outputs" not in node.attributes:  # opset 18 added that attribute
            return 13
    return _NEVER


def _convertible(model: ir.Model, weights: dict[str, ir.TensorProtocol]) -> ModelProto:
    """The graph as protobuf: weights as inputs, small stored tensors as Constant nodes."""
    values = dict(model.graph.initializers)
    try:
        for name in weights:
            model.graph.initializers.pop(name)
        proto: ModelProto = ir.serde.serialize_model(model)
    finally:
        for value in values.values():
            model.graph.initializers.setdefault(str(value.name), value)
    proto.opset_import.append(onnx.helper.make_opsetid(_FOREIGN, 1))
    graph = proto.graph
    stored = [onnx.helper.make_node("Constant", [], [t.name], value=t) for t in graph.initializer]
    nodes: list[NodeProto] = [*stored, *graph.node]
    del graph.initializer[:]
    del graph.node[:]
    graph.node.extend(nodes)
    for name, tensor in weights.items():
        graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.dtype.value, list(tensor.shape.numpy())))
    return proto
