"""One operator of a model as a model of its own."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from opscan.core.errors import UsageError
from opscan.pipeline.options import Options
from opscan.probe.extract import model_cases, operators_of
from tests.cli.test_commands import run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """x -> Reshape to a shape computed from x's own -> MatMul with a large weight, twice -> Relu."""
    path = tmp_path_factory.mktemp("models") / "model.onnx"
    weight = numpy_helper.from_array(np.eye(120, dtype=np.float32), "w")
    constants = {name: numpy_helper.from_array(np.array(v, np.int64)) for name, v in (("first", [0]), ("rest", [-1]))}
    nodes = [
        *(helper.make_node("Constant", [], [name], value=value) for name, value in constants.items()),
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "first"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["flat"], "to_rows"),
        helper.make_node("MatMul", ["flat", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [2, 3, 40]), ("y", [2, 120])))
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_computed_shape_is_a_constant_with_its_value(model):
    reshape = next(e for e in operators_of(str(model), Options()) if e.operator == "Reshape")
    (shape,) = reshape.model.graph.initializer
    assert numpy_helper.to_array(shape).tolist() == [2, -1]
    assert [i.name for i in reshape.model.graph.input] == ["x"]


def test_every_extract_is_valid_and_runs(model):
    extracted = operators_of(str(model), Options())
    assert [e.operator for e in extracted] == ["Shape", "Gather", "Concat", "Reshape", "MatMul", "MatMul", "Relu"]
    for extract in extracted:
        onnx.checker.check_model(extract.model, full_check=True)
        feeds = {
            i.name: np.ones([d.dim_value for d in i.type.tensor_type.shape.dim], np.float32)
            for i in extract.model.graph.input
        }
        ReferenceEvaluator(extract.model).run(None, feeds)


def test_a_large_weight_stays_a_constant_and_a_signature_is_probed_once(model):
    cases = [case for case in model_cases([str(model)], Options()) if case.operator == "MatMul"]
    assert len(cases) == 1
    (weight,) = onnx.ModelProto.FromString(cases[0].model).graph.initializer
    assert list(weight.dims) == [120, 120]


def test_an_inventory_has_no_values(model, tmp_path):
    saved = tmp_path / "model.json"
    run("inspect", model, "--sites", "--format", "json", "--output", saved)
    with pytest.raises(UsageError, match="give the model itself"):
        operators_of(str(saved), Options())
