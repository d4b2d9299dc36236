"""ONNX files as people have them: of any version, with external data, large, newer than the library."""

import os
import sys

import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from opscan.core.inventory import Inventory
from opscan.trace.onnx_read import read_model

from .onnx_models import inspected, operators, parsed

NEWEST = onnx.defs.onnx_opset_version()


def shapes(inventory: Inventory) -> list[tuple | None]:
    return [output.shape for site in inventory for output in site.outputs]


def weighted(ir: int, listed: bool) -> ModelProto:
    """A layer whose weight is an initializer, `listed` as an input too."""
    weight = numpy_helper.from_array(numpy_helper.np.ones((3, 4), "float32"), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])]
    if listed:
        inputs.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 4]))
    nodes = [helper.make_node("Neg", ["w"], ["v"]), helper.make_node("MatMul", ["x", "v"], ["y"])]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", inputs, [output], [weight])
    return helper.make_model(graph, ir_version=ir, opset_imports=[helper.make_opsetid("", 8)])


# IR version, whether the initializer is an input too, whether it is a constant, what the row proves
INITIALIZERS = [
    (3, True, True, "IR 3 lists every initializer as an input"),
    (8, False, True, "since IR 4 a constant is an initializer only"),
    (8, True, False, "since IR 4 an initializer that is an input is a default that the caller may replace"),
]


@pytest.mark.parametrize(("ir", "listed", "constant", "proof"), INITIALIZERS)
def test_initializers(ir, listed, constant, proof, tmp_path):
    inventory = inspected(weighted(ir, listed), tmp_path)
    assert inventory.sites[0].constant is constant, proof
    assert (inventory.params, inventory.macs, shapes(inventory)) == (12, 2 * 3 * 4, [(3, 4), (2, 4)])


def external(location: str) -> ModelProto:
    """A layer, and a Reshape whose shape is known to the external file only."""
    model = parsed(
        "g (float[2,3] x) => (y) <float[3,40] w, int64[3] s> { a = MatMul (x, w) b = Reshape (a, s) y = Relu (b) }"
    )
    for tensor in model.graph.initializer:
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    for name, dtype, dims in (("w", TensorProto.FLOAT, (3, 40)), ("s", TensorProto.INT64, (3,))):
        if name not in {tensor.name for tensor in model.graph.initializer}:
            tensor = model.graph.initializer.add(name=name, data_type=dtype, dims=dims)
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=location)
    return model


@pytest.mark.parametrize("present", [True, False])
def test_external_data_is_never_opened(present, tmp_path):
    """A pipe without a writer, which would block whoever opens it."""
    if present:
        os.mkfifo(tmp_path / "weights.bin")
    opened = []
    listening = True
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if listening and event == "open" else None)
    inventory = inspected(external("weights.bin"), tmp_path)
    listening = False
    assert any(name.endswith("model.onnx") for name in opened)
    assert not any("weights.bin" in name for name in opened)
    assert operators(inventory) == ["MatMul", "Reshape", "Relu"]
    assert inventory.macs == 2 * 3 * 40
    assert inventory.params == 123


def test_large_weights_are_dropped_and_small_values_kept(tmp_path):
    model = parsed("g (float[4,3] x) => (y) <int64[2] s = {2, 6}> { a = MatMul (x, w) y = Reshape (a, s) }")
    model.graph.initializer.append(numpy_helper.from_array(numpy_helper.np.ones((3, 1000), "float32"), "w"))
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    assert read_model(path, "m").ByteSize() < 1000 < path.stat().st_size
    assert inspected(model, tmp_path).params == 3002


# opset, IR version, other imports, what is said to be newer
NEWER = [
    (99, 8, "", ["ai.onnx 99"]),
    (17, 99, "", ["IR 99"]),
    (99, 99, ', "ai.onnx.ml" : 99, "acme" : 99', ["IR 99", "ai.onnx 99", "ai.onnx.ml 99"]),
    (2**40, 8, "", [f"ai.onnx {2**40}"]),
    (NEWEST, onnx.IR_VERSION, ', "acme" : 99', []),
]


@pytest.mark.parametrize(("opset", "ir", "domains", "newer"), NEWER)
def test_a_newer_file_is_answered_and_its_gap_is_said(opset, ir, domains, newer, tmp_path):
    model = parsed("g (float[2,3] x) => (y) { a = Relu (x) y = Softmax (a) }", domains=domains)
    model.opset_import[0].version = opset
    model.ir_version = ir
    inventory = inspected(model, tmp_path)
    assert operators(inventory) == ["Relu", "Softmax"]
    assert [gap.module for gap in inventory.uncaptured] == newer
    assert all(f"onnx {onnx.__version__}" in gap.reason for gap in inventory.uncaptured)
