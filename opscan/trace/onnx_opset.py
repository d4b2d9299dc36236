"""Converting an exported model to an opset older than the exporter implements."""

import onnx
import onnx.version_converter
import onnx_ir as ir
from onnx import ModelProto, NodeProto
from onnx_ir.passes.common import LiftConstantsToInitializersPass

# Stored tensors up to this many elements are values that the converter looks into: axes, shapes.
_VALUE_ELEMENTS = 64


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
    converted = ir.serde.deserialize_model(onnx.version_converter.convert_version(_convertible(model, weights), opset))
    graph = converted.graph
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


def _convertible(model: ir.Model, weights: dict[str, ir.TensorProtocol]) -> ModelProto:
    """The graph as protobuf: weights as inputs, small stored tensors as Constant nodes."""
    values = {name: value for name, value in model.graph.initializers.items()}
    try:
        for name in weights:
            model.graph.initializers.pop(name)
        proto: ModelProto = ir.serde.serialize_model(model)
    finally:
        for value in values.values():
            model.graph.initializers.setdefault(str(value.name), value)
    graph = proto.graph
    stored = [onnx.helper.make_node("Constant", [], [t.name], value=t) for t in graph.initializer]
    nodes: list[NodeProto] = [*stored, *graph.node]
    del graph.initializer[:]
    del graph.node[:]
    graph.node.extend(nodes)
    for name, tensor in weights.items():
        graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.dtype.value, list(tensor.shape.numpy())))
    return proto
