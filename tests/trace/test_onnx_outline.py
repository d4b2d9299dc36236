"""Outlines: what protobuf makes of the same bytes by ONNX's own schema, and what is left closed."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TypeProto, ValueInfoProto, helper

from opscan.trace.onnx_file import inventory_of
from opscan.trace.onnx_listing import listed
from opscan.trace.onnx_outline import attribute_outline, model_outline, type_outline

from .onnx_models import RICH
from .test_onnx_wire import field


def test_an_outline_has_the_fields_of_the_model():
    whole, outline = RICH.graph, model_outline(RICH.SerializeToString()).graph
    for node, drawn in zip(whole.node, outline.node, strict=True):
        assert (node.name, node.op_type, node.domain) == (drawn.name, drawn.op_type, drawn.domain)
        assert (list(node.input), list(node.output)) == (list(drawn.input), list(drawn.output))
        assert [attribute.SerializeToString() for attribute in node.attribute] == list(drawn.attribute)
        assert [a.name for a in node.attribute] == [attribute_outline(text).name for text in drawn.attribute]
    for value, drawn in zip(whole.input, outline.input, strict=True):
        assert [value.type.SerializeToString()] == list(drawn.type)
        assert type_outline(drawn.type[0]).SerializeToString() == drawn.type[0]
    assert [tensor.SerializeToString() for tensor in whole.initializer] == [
        tensor.SerializeToString() for tensor in outline.initializer
    ]


BOLD = TypeProto(tensor_type=TypeProto.Tensor(elem_type=1)).SerializeToString()
SHAPED = helper.make_tensor_type_proto(0, [2, "n"]).SerializeToString()


@pytest.mark.parametrize("parts", [(BOLD, SHAPED), (SHAPED, BOLD), (BOLD,), ()])
def test_a_type_that_is_stated_in_parts_is_what_protobuf_makes_of_them(parts):
    content = field(1, b"x") + b"".join(field(2, part) for part in parts)
    model = ModelProto(ir_version=9)
    model.graph.input.add().MergeFromString(content)
    text = ModelProto(ir_version=9).SerializeToString() + field(7, field(11, content))
    listing = listed(text)
    whole = listed(model.SerializeToString())
    assert ValueInfoProto.FromString(content).type == model.graph.input[0].type
    assert [listing.types.specs[n] for _, n in listing.graph.inputs] == [
        whole.types.specs[n] for _, n in whole.graph.inputs
    ]


def relu(**attributes: bytes) -> bytes:
    """A model of one node with such parts of an attribute or of its input's type."""
    node = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
    node += b"".join(field(5, content) for content in attributes.values())
    return ModelProto(ir_version=9, opset_import=[helper.make_opsetid("", 17)]).SerializeToString() + field(
        7, field(1, node)
    )


# an attribute, what is wrong with it
CLOSED = [
    (field(1, b"\xff") + field(4, b"s") + b"\xa0\x01\x03", "its name is no UTF-8"),
    (field(1, b"g") + field(6, field(2, b"\xff")), "nor is a name in a graph that it holds"),
    (field(1, b"g") + field(6, field(1, field(5, field(1, b"\xff")))), "nor is one in an attribute there"),
    (b"\x0a\x7f", "it ends too early"),
]


@pytest.mark.parametrize(("attribute", "why"), CLOSED, ids=[row[1] for row in CLOSED])
def test_faults_in_what_is_closed_are_found(attribute, why):
    model_outline(relu(attribute=attribute))
    with pytest.raises(DecodeError):
        listed(relu(attribute=attribute))


@given(st.binary(max_size=20))
def test_any_attribute_is_damaged_for_the_listing_where_it_is_for_protobuf(attribute):
    content = relu(attribute=attribute)
    try:
        whole = ModelProto.FromString(content)
    except DecodeError:
        with pytest.raises(DecodeError):
            listed(content)
        return
    inventory_of(whole, "m", "test")
