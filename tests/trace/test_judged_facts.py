# ruff: noqa: E501 -- one row per case
"""What a walker must note so that profiles can be judged without onnx and torch."""

import os

import networkx
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from torch import nn

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import UsageError
from opscan.core.inventory import TensorSpec
from opscan.core.source import InputSpec, TorchSource
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from opscan.serde.reading import inventory_from_json
from opscan.trace import onnx_functions
from opscan.trace.onnx_file import inventory_of
from opscan.trace.onnx_listing import Call, Nodes, needed
from opscan.trace.session import TorchSession

F32, F64, I64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64


def model(nodes, inputs, outputs=("y",), opset=17, functions=(), initializers=()):
    values = [helper.make_tensor_value_info(name, dtype, shape) for name, (dtype, shape) in inputs.items()]
    results = [helper.make_tensor_value_info(name, F32, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", values, results, list(initializers))
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("own", 1)],
        ir_version=9,
        functions=functions,
    )


def captured(*args, **facts):
    return inventory_of(model(*args, **facts), "m", "ONNX file")


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


X = {"x": (F32, [1, 4, 8, 8])}


def test_defaults_of_attributes_that_are_left_out():
    (site,) = captured([node("AveragePool", "x", "y", kernel_shape=[2, 2])], X).sites
    assert site.defaults == {"auto_pad": "NOTSET", "ceil_mode": 0, "count_include_pad": 0}
    (foreign,) = captured([helper.make_node("Op", ["x"], ["y"], domain="own")], X).sites
    assert foreign.defaults is None, "without a schema nobody knows"


def test_outputs_keep_their_positions():
    dropout = helper.make_node("BatchNormalization", ["x"] * 5, ["y", "", "z"], training_mode=1)
    (site,) = captured([dropout], {"x": (F32, [4])}).sites
    assert [spec.name for spec in site.outputs] == ["y", "", "z"]
    assert site.outputs[1] == TensorSpec(None, None)
    (last,) = captured([helper.make_node("MaxPool", ["x"], ["y", ""], kernel_shape=[2, 2])], X).sites
    assert [spec.name for spec in last.outputs] == ["y"]


def test_dead_nodes():
    then = helper.make_graph(
        [node("Abs", "kept", "t"), node("Sign", "x", "u")], "then", [], [helper.make_tensor_value_info("t", F32, None)]
    )
    other = helper.make_graph([node("Abs", "x", "o")], "else", [], [helper.make_tensor_value_info("o", F32, None)])
    nodes = [
        node("Neg", "x", "kept"),
        node("Exp", "x", "a"),
        node("Log", "a", "b"),
        helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    sites = captured(nodes, X | {"c": (TensorProto.BOOL, [])}).sites
    assert [str(site.op) for site in sites if site.dead] == ["Exp", "Log", "Sign"]
    assert not next(site for site in sites if str(site.op) == "Neg").dead, "a body reads it"


@given(st.lists(st.sets(st.integers(0, 11), max_size=3), max_size=12), st.sets(st.integers(0, 11)), st.randoms())
def test_what_is_needed_in_any_order(read, wanted, random):
    """Node n makes two values, one of them left out, and reads what some make, itself and later ones included."""
    order = list(range(len(read)))
    random.shuffle(order)
    nodes = Nodes(
        names=[""] * len(order),
        scopes=[],
        stacks=[],
        calls=[Call(helper.make_node("Acme", [], []), (), ())] * len(order),
        inputs=[["", *(f"v{source}" for source in read[n])] for n in order],
        outputs=[["", f"v{n}"] for n in order],
        bodies={},
    )
    graph = networkx.DiGraph([(source, n) for n, sources in enumerate(read) for source in sources])
    graph.add_edges_from((n, "wanted") for n in wanted)
    alive = networkx.ancestors(graph, "wanted") if wanted else set()
    assert list(needed(nodes, [f"v{n}" for n in wanted])) == [n in alive for n in order]


SHAPES = [
    ({}, [1, 4, "N", 8], False, "a symbol among all sizes"),
    ({"start": 0, "end": 2}, [1, 4, "N", 8], True, "none among those asked for"),
    ({"start": -1}, [1, 4, "N", 8], True, "from the end"),
    ({"start": 1, "end": -1}, [1, 4, "N", 8], False, "the symbol is among them"),
]


@pytest.mark.parametrize(("attributes", "shape", "constant", "why"), SHAPES)
def test_shape_arithmetic_is_constant(attributes, shape, constant, why):
    nodes = [
        node("Shape", "x", "s", **attributes),
        node("Concat", "s s", "c", axis=0),
        node("Slice", "c one two", "r"),
        node("Reshape", "x r", "y"),
    ]
    stored = [helper.make_tensor(name, I64, [1], [n]) for n, name in enumerate(("one", "two"))]
    sites = captured(nodes, {"x": (F32, shape)}, initializers=stored).sites
    assert sites[-1].inputs[1].constant is constant, why
    assert [site.constant for site in sites] == [constant] * 3 + [False]


def test_the_model_as_a_whole():
    function = helper.make_function("own", "F", ["a"], ["b"], [node("Abs", "a", "b")], [helper.make_opsetid("", 17)])
    call = helper.make_node("F", ["x"], ["y"], domain="own")
    stored = [helper.make_tensor("w", F32, [1], [0])]
    found = captured([call], {"x": (F32, ["N", 3]), "w": (F32, [1])}, functions=[function], initializers=stored)
    assert found.ir_version == 9
    assert [str(spec) for spec in found.inputs] == ["float32[N,3]"], "not what is stored"
    assert found.local_functions == ("own::F",)
    assert [str(site.op) for site in found.sites] == ["Abs"], "inlined"


# operator, opset, inputs, the operators of its body with their versions (None: no valid body), what it proves
BODIES = [
    ("HardSwish", 17, {"x": (F32, [2])}, {}, ["HardSigmoid 6", "Mul 14"], "a body for every call"),
    ("LeakyRelu", 17, {"x": (F64, [2])}, {}, ["CastLike 15", "CastLike 15", "Less 13", "Mul 14", "Where 16"], "whose types are those of the call"),
    ("LeakyRelu", 20, {"x": (F64, [2])}, {}, None, "not valid once an operator in it has changed"),
    ("Relu", 17, {"x": (F32, [2])}, {}, None, "nor before the opset that it is written for"),
    ("Softmax", 20, {"x": (F32, [2, 3])}, {"axis": 0}, ["ReduceMax 20", "Sub 14", "Exp 13", "ReduceSum 13", "Div 14"], "a body that depends on the call, at the model's opset"),
    ("Clip", 17, {"x": (F32, [2]), "min": (F32, [])}, {}, ["Less 13", "Where 16"], "and on the inputs that are there"),
    ("Clip", 17, {"x": (F32, [2])}, {}, ["Identity 16"], "which may be none"),
    ("Add", 17, {"x": (F32, [2]), "z": (F32, [2])}, {}, None, "no function at all"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "opset", "inputs", "attributes", "body", "why"), BODIES, ids=[row[-1] for row in BODIES]
)
def test_function_bodies(operator, opset, inputs, attributes, body, why):
    found = captured([helper.make_node(operator, list(inputs), ["y"], **attributes)], inputs, opset=opset)
    (site,) = found.sites
    assert site.is_function == (body is not None), why
    if body is None:
        assert (site.function, found.functions) == ("", {})
    else:
        inner = found.functions[site.function]
        assert (inner.fault, [f"{s.op} {s.since_version}" for s in inner.sites]) == ("", body), why
        dtype = site.inputs[0].dtype
        assert {s.types["T"] for s in inner.sites if "T" in s.types} <= {dtype}


def test_a_body_that_is_valid_for_other_types_only():
    found = captured([node("MeanVarianceNormalization", "x", "y")], {"x": (F64, [1, 2, 3, 3])}, opset=13)
    (body,) = found.functions.values()
    assert "is float64 and float32" in body.fault
    assert body.sites == ()


def test_bodies_in_bodies_come_along_and_each_once():
    nodes = [node("HardSwish", "x", "a"), node("HardSwish", "a", "b"), node("HardSwish", "b", "y")]
    found = captured(nodes, X, opset=18)
    assert len({site.function for site in found.sites}) == 1
    operators = {str(s.op) for body in found.functions.values() for s in body.sites}
    assert {"HardSigmoid", "CastLike", "Cast"} <= operators, "the body of HardSigmoid, and of CastLike in it"
    assert all(s.function in found.functions for body in found.functions.values() for s in body.sites if s.is_function)


def test_a_body_that_onnx_cannot_make_is_no_refusal(monkeypatch):
    monkeypatch.setattr(onnx_functions, "_expand", lambda data: os.abort())
    found = captured([node("HardSwish", "x", "y")], X)
    (site,) = found.sites
    assert (site.is_function, found.functions) == (True, {})
    assert site.function, "and it is known which body is missing"


def test_a_body_needs_types():
    untyped = helper.make_node("Op", ["x"], ["a"], domain="own")
    found = captured([untyped, node("HardSwish", "a", "y")], X)
    assert (found.sites[1].is_function, found.sites[1].function, found.functions) == (True, "", {})


def test_constants_are_so_in_the_body_as_well():
    stored = helper.make_tensor("low", F32, [], [0])
    found = captured([node("Clip", "x low", "y")], X, initializers=[stored])
    (body,) = found.functions.values()
    assert [spec.constant for spec in body.sites[0].inputs] == [False, True]


def test_all_of_it_reads_back():
    found = captured([node("HardSwish", "x", "a"), node("AveragePool", "a", "y", kernel_shape=[2, 2])], X, opset=18)
    again = inventory_from_json(encode(inventory_json(found, sites=True)).encode(), "m")
    assert again == found
    assert again.sites[1].defaults == found.sites[1].defaults
    assert all(s.defaults is not None for body in again.functions.values() for s in body.sites)


def test_every_function_of_onnx_has_a_body_in_some_model():
    """The onnx library can expand what it says it can."""
    for schema in (
        s for s in onnx.defs.get_all_schemas_with_history() if s.has_function and not s.has_context_dependent_function
    ):
        body = onnx.FunctionProto.FromString(schema.get_function_with_opset_version(schema.function_opset_versions[-1]))
        assert body.node, schema.name


# --- aten ---------------------------------------------------------------------------------------


def torch_session():
    build = lambda: nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1))  # noqa: E731
    return TorchSession(TorchSource(name="net", build=build, inputs={"x": InputSpec((2, 4))}))


def test_levels_of_aten():
    session = torch_session()
    whole = session.capture(Dialect.ATEN, level=AtenLevel.EXPORT)
    core = session.capture(Dialect.ATEN)
    assert (whole.level, core.level) == (AtenLevel.EXPORT, AtenLevel.CORE)
    assert [str(site.op) for site in whole.sites] == ["aten::linear", "aten::softmax.int"]
    assert [str(site.op) for site in core.sites] == ["aten::permute", "aten::addmm", "aten::_softmax"]
    with pytest.raises(UsageError, match="core stands for it"):
        session.capture(Dialect.ATEN, level=AtenLevel.EDGE)


def test_defaults_of_aten():
    addmm = torch_session().capture(Dialect.ATEN).sites[1]
    assert addmm.defaults == {"beta": 1, "alpha": 1}
