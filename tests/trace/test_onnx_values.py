"""Types and attributes as plain values."""

import pytest
from onnx import TensorProto, helper

from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from opscan.serde.reading import inventory_from_json
from opscan.trace.onnx_file import inventory_of

# dimension as stored, as reported, what the row proves
DIMENSIONS = [
    (5, 5, "a number"),
    ("batch", "batch", "a symbol"),
    (None, "?", "nothing"),
    (0, 0, "zero is a number of elements"),
    (-1, "?", "some exporters write -1 where they do not know"),
]


@pytest.mark.parametrize(("stored", "reported", "proof"), DIMENSIONS, ids=[row[-1] for row in DIMENSIONS])
def test_dimensions(stored, reported, proof):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [stored, 2])]
    graph = helper.make_graph([helper.make_node("Fancy", ["x"], ["y"], domain="acme")], "g", inputs, [])
    (site,) = inventory_of(helper.make_model(graph), "m", "test")
    assert site.inputs[0].shape == (reported, 2), proof


ATTRIBUTES = [
    (1, 1, "an int"),
    (1e-5, 1e-5, "a float32 prints as it was written, not as its double"),
    (float("inf"), float("inf"), "infinity"),
    ("text", "text", "a string"),
    (b"\xff", "\ufffd", "bytes that are no text"),
    ([1, 2], (1, 2), "ints"),
    ([0.5, 0.1], (0.5, 0.1), "floats"),
    (["a", "b"], ("a", "b"), "strings"),
    (helper.make_tensor("t", TensorProto.INT64, [2], [3, 4]), (3, 4), "a short vector by value"),
    (helper.make_tensor("t", TensorProto.FLOAT, [], [0.5]), "0.5", "a scalar by value"),
    (helper.make_tensor("t", TensorProto.COMPLEX64, [1], [1j]), ("1j",), "complex numbers, which JSON has not"),
    (helper.make_tensor("t", TensorProto.STRING, [1], [b"a"]), ("a",), "strings in a tensor"),
    (helper.make_tensor("t", TensorProto.FLOAT, [4, 5], [0.0] * 20), "float32[4,5]", "a large tensor by type"),
    (helper.make_graph([], "inner", [], []), "inner", "a graph by name"),
    (helper.make_tensor_type_proto(TensorProto.FLOAT, [1]), "type_proto", "another kind by its kind"),
]


@pytest.mark.parametrize(("value", "plain", "proof"), ATTRIBUTES, ids=[row[-1] for row in ATTRIBUTES])
def test_attributes(value, plain, proof):
    node = helper.make_node("Fancy", [], ["y"], domain="acme", a=value)
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    inventory = inventory_of(model, "m", "test")
    assert inventory.sites[0].attributes["a"] == plain, proof
    assert inventory_from_json(encode(inventory_json(inventory, sites=True)).encode(), "m")


# Constant's attribute, type of its value, what the row proves
CONSTANT_VALUES = [
    ({"value_int": 1}, ((), "int64"), "an int is a scalar"),
    ({"value_ints": [1, 2, 3]}, ((3,), "int64"), "ints are a vector"),
    ({"value_float": 1.0}, ((), "float32"), "a float is a scalar"),
    ({"value_floats": [1.0]}, ((1,), "float32"), "floats are a vector"),
    ({"value_string": "a"}, ((), "string"), "a string is a scalar"),
    ({"value_strings": ["a", "b"]}, ((2,), "string"), "strings are a vector"),
    ({"value": helper.make_tensor("t", TensorProto.FLOAT16, [2, 1], [1, 2])}, ((2, 1), "float16"), "a tensor's own"),
    (
        {
            "sparse_value": helper.make_sparse_tensor(
                helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0]),
                helper.make_tensor("i", TensorProto.INT64, [1], [5]),
                [3, 4],
            )
        },
        ((3, 4), "float32"),
        "a sparse tensor's dense shape",
    ),
]


@pytest.mark.parametrize(("attribute", "expected", "proof"), CONSTANT_VALUES)
def test_types_of_constants(attribute, expected, proof):
    nodes = [helper.make_node("Constant", [], ["k"], **attribute), helper.make_node("Identity", ["k"], ["y"])]
    inventory = inventory_of(helper.make_model(helper.make_graph(nodes, "g", [], [])), "m", "test")
    (spec,) = inventory.sites[0].inputs
    assert ((spec.shape, spec.dtype), spec.constant) == (expected, True), proof
