"""Where the nodes of an ONNX graph come from."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from opscan.trace.onnx_file import inventory_of


def named(operator: str, inputs: list[str], output: str, scopes: list[str] | None = None, line: int = 0, **facts):
    """A node with the metadata of torch's exporter, unless an optimizer dropped it."""
    node = helper.make_node(operator, inputs, [output], **facts)
    if scopes is not None:
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=repr([*scopes, "relu_1"]))
        trace = f'  File "{Path.cwd() / "net.py"}", line {line}, in forward\n    return f(x)\n'
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    return node


def branch(operator: str, module: str | None) -> onnx.GraphProto:
    """Both branches of an If may call their values the same."""
    return helper.make_graph([named(operator, ["x"], "z", None if module is None else ["", module])], "b", [], [])


def places(*nodes: onnx.NodeProto) -> list[tuple[str, str | None]]:
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])], [])
    return [(site.module, site.source) for site in inventory_of(helper.make_model(graph), "m", "test")]


# nodes, (module, source) of each, what the row proves
PLACES = [
    (
        [named("Relu", ["x"], "y", ["", "blocks.0", "blocks.0.attn"], 7)],
        [("blocks.0.attn", "net.py:7")],
        "the innermost module and the author's line, from the exporter's metadata",
    ),
    ([named("Relu", ["x"], "y", [""], 7)], [("", "net.py:7")], "the root module has no name"),
    ([named("Relu", ["x"], "y", ["", 'a"b', "it's"], 7)], [("it's", "net.py:7")], "a name with a quote in it"),
    ([named("Relu", ["x"], "y")], [("", None)], "nothing is known of a node without metadata"),
    (
        [named("Neg", ["x"], "a"), named("Exp", ["a"], "b"), named("Relu", ["b"], "y", ["", "head"], 7)],
        [("head", "net.py:7")] * 3,
        "a node without metadata takes the place of the one that uses its result",
    ),
    (
        [named("Relu", ["x"], "a", ["", "stem"], 3), named("Neg", ["a"], "b"), named("Exp", ["b"], "y")],
        [("stem", "net.py:3")] * 3,
        "else that of the one that makes its input",
    ),
    (
        [
            named("Relu", ["x"], "a", ["", "stem"], 3),
            named("Neg", ["a"], "b"),
            named("Exp", ["b"], "y", ["", "head"], 7),
        ],
        [("stem", "net.py:3"), ("head", "net.py:7"), ("head", "net.py:7")],
        "the one that uses it comes first",
    ),
    (
        [named("If", ["x"], "y", [""], 9, then_branch=branch("Neg", "a"), else_branch=branch("Exp", "b"))],
        [("", "net.py:9"), ("b", "net.py:0"), ("a", "net.py:0")],
        "values of the same name in two bodies are not taken for one",
    ),
    (
        [named("If", ["x"], "y", ["", "gate"], 9, then_branch=branch("Neg", None))],
        [("gate", "net.py:9")] * 2,
        "a body's node takes the place of the node that runs it",
    ),
    (
        [helper.make_node("MatMul", ["x", "x"], ["y"], name="/blocks/blocks.0/attn/MatMul")],
        [("blocks.0.attn", None)],
        "torch's older exporter wrote the scope into the name",
    ),
    ([helper.make_node("Add", ["x", "x"], ["y"], name="/Add_3")], [("", None)], "an operator of the root"),
    ([helper.make_node("Add", ["x", "x"], ["y"], name="Add_3")], [("", None)], "a name that is none of that exporter"),
]


@pytest.mark.parametrize(("nodes", "expected", "proof"), PLACES, ids=[row[-1] for row in PLACES])
def test_places(nodes, expected, proof):
    assert places(*nodes) == expected, proof


def test_nodes_of_a_function_have_the_callers_place():
    """Also where they are walked rather than inlined."""
    function = helper.make_function(
        "my", "F", ["a"], ["b"], [helper.make_node("Softmax", ["a"], ["b"])], [helper.make_opsetid("", 11)]
    )
    call = named("F", ["x"], "y", ["", "head"], 7, domain="my")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    graph = helper.make_graph([call], "g", [value], [])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=imports)
    (site,) = inventory_of(model, "m", "test")
    assert (site.module, site.source, site.body) == ("head", "net.py:7", "F")
