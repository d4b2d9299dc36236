"""What an ONNX file says, held against plain counts over its protobuf and against onnx itself."""

import itertools
import os
import string
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser
from onnx.backend.test import loader

from opscan import serde
from opscan.core.inventory import Inventory
from opscan.core.operator import OpName
from opscan.pipeline import Options, capture
from opscan.sources import resolve
from opscan.trace.onnx_file import inventory_of, read_model

# onnx's own files: single operators, and whole networks of the first opsets without weights.
DATA = sorted(Path(loader.DATA_DIR).glob("*/*/model.onnx")) + sorted(Path(loader.DATA_DIR).glob("light/*.onnx"))
NEWEST = onnx.defs.onnx_opset_version()


def inspected(model: ModelProto, folder: Path) -> Inventory:
    """The inventory of the model, by way of a file."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return capture(resolve(str(path)), None, Options())


def parsed(body: str, opset: int = 17, ir: int = 8, domains: str = "") -> ModelProto:
    """A model in ONNX's textual form, without its header."""
    return parser.parse_model(f'<ir_version: {ir}, opset_import: ["" : {opset}{domains}]> {body}')


def operators(inventory: Inventory) -> list[str]:
    return [str(site.op) for site in inventory]


def last(inventory: Inventory):
    return inventory.sites[-1]


def shapes(inventory: Inventory) -> list[tuple | None]:
    return [output.shape for site in inventory for output in site.outputs]


def only(operator: str, inventory: Inventory):
    (found,) = [site for site in inventory if str(site.op) == operator]
    return found


BRANCHES = """g (float[2,3] x, bool c) => (float[2,3] y) {
    y = If (c) <then_branch = t () => (float[2,3] a) { k = Relu (x) a = Neg (k) },
                else_branch = e () => (float[2,3] b) { b = Exp (x) }>
}"""
LOOP = """g (float[2] x, int64 n, bool c) => (float[2] y) {
    y = Loop (n, c, x) <body = b (int64 i, bool go, float[2] s) => (bool again, float[2] t) {
        again = Identity (go) t = Add (s, x)
    }>
}"""
SCAN = """g (float[2] s, float[5,2] x) => (float[2] y, float[5,2] z) {
    y, z = Scan <num_scan_inputs = 1, body = b (float[2] a, float[2] e) => (float[2] o, float[2] p) {
        o = Add (a, e) p = Identity (o)
    }> (s, x)
}"""
NESTED_FUNCTIONS = """g (float[2,3] x, bool c) => (y) { y = my.Outer (x, c) }
<domain: "my", opset_import: ["" : 17, "my" : 1]>
Outer (a, c) => (b) {
    q = my.Inner (a)
    b = If (c) <then_branch = t () => (z) { z = Neg (q) }, else_branch = e () => (w) { w = my.Inner (q) }>
}
<domain: "my", opset_import: ["" : 17]>
Inner (a) => (b) { t = Relu (a) b = Mul (t, t) }"""
# A function of another opset is one that onnx cannot inline.
OLD_FUNCTION = """g (float[2,3] x) => (y) { k = my.Old <steps = 3> (x) y = Relu (k) }
<domain: "my", opset_import: ["" : 11, "my" : 1]>
Old <steps, mode = "m"> (a) => (b) {
    s = Shape (a)
    e = Softmax <axis: int = @steps> (a)
    b = my.Deeper (e)
}
<domain: "my", opset_import: ["" : 11]>
Deeper (a) => (b) { b = Exp (a) }"""
QDQ = """g (float[1,3,8,8] x) => (float[1,4,8,8] y)
<float scale = {0.1}, uint8 zero = {0}, int8[4,3,1,1] w = {1,2,3,4,5,6,7,8,9,10,11,12},
 float[4] ws = {1,1,1,1}, int8[4] wz = {0,0,0,0}> {
    xq = QuantizeLinear (x, scale, zero)
    xd = DequantizeLinear (xq, scale, zero)
    wd = DequantizeLinear <axis = 0> (w, ws, wz)
    y = Conv (xd, wd)
}"""
SYMBOLIC = """g (float[batch, 3, height, 8] x, float[3, 5] w) => (float[batch, p] y) {
    a = ReduceMean <axes = [2, 3], keepdims = 0> (x)
    y = MatMul (a, w)
}"""
CONSTANTS = """g (float[2,3] x, float[n] z) => (float[?] y) <float[3] w = {1, 2, 3}> {
    k = Constant <value = float[3] {1, 2, 3}> ()
    a = Neg (k)
    b = Add (a, w)
    s = Shape (x)
    t = Shape (z)
    r = RandomUniformLike (b)
    u = Add (b, r)
    y = Mul (x, b)
}"""

# model, question, answer, what the row proves
STRUCTURE = [
    (parsed(BRANCHES), operators, ["If", "Relu", "Neg", "Exp"], "both branches of an If are walked, after it"),
    (
        parsed(BRANCHES),
        lambda i: [s.body for s in i],
        ["", "If.then_branch", "If.then_branch", "If.else_branch"],
        "a site names the body it sits in",
    ),
    (parsed(BRANCHES), lambda i: i.sites[1].inputs[0].shape, (2, 3), "a body sees the values around it"),
    (parsed(LOOP), operators, ["Loop", "Identity", "Add"], "the body of a Loop is walked"),
    (parsed(SCAN), operators, ["Scan", "Add", "Identity"], "the body of a Scan is walked"),
    (parsed(SCAN), lambda i: only("Add", i).outputs[0].shape, (2,), "types inside a body are known"),
    (
        parsed(NESTED_FUNCTIONS, domains=', "my" : 1'),
        operators,
        ["Relu", "Mul", "If", "Neg", "Relu", "Mul"],
        "a call is replaced by the function's nodes: of a function that calls one, and with an If inside",
    ),
    (
        parsed(NESTED_FUNCTIONS, domains=', "my" : 1'),
        lambda i: {s.outputs[0].shape for s in i if str(s.op) == "Mul"},
        {(2, 3)},
        "types inside an inlined function are known",
    ),
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        operators,
        ["Shape", "Softmax", "Exp", "Relu"],
        "a function that cannot be inlined, and one it calls, are walked all the same",
    ),
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        lambda i: [s.since_version for s in i],
        [1, 11, 6, 14],
        "operators of a function are of the opset that the function imports",
    ),
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        lambda i: dict(only("Softmax", i).attributes),
        {"axis": 3},
        "a parameter of a function has the caller's value",
    ),
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        lambda i: (only("Softmax", i).inputs[0].shape, only("Shape", i).constant),
        ((2, 3), True),
        "a function knows the types of its arguments",
    ),
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        lambda i: [s.body for s in i],
        ["Old", "Old", "Old/Deeper", ""],
        "a site names the functions it sits in",
    ),
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        lambda i: (only("Exp", i).types, only("Exp", i).unbound),
        ({}, ("T",)),
        "a type that nobody inferred is unbound, not absent",
    ),
    (parsed(QDQ), lambda i: [s.constant for s in i], [False, False, True, False], "a quantized weight is a constant"),
    (parsed(QDQ), lambda i: last(i).macs, 4 * 8 * 8 * 3, "a convolution between Q and DQ is counted"),
    (parsed(QDQ), lambda i: (i.sites[0].types, i.params), ({"T1": "float32", "T2": "uint8"}, 22), "types and params"),
    (
        parsed(SYMBOLIC),
        lambda i: i.sites[0].inputs[0].shape,
        ("batch", 3, "height", 8),
        "symbolic dimensions keep their symbol",
    ),
    (
        parsed(SYMBOLIC),
        lambda i: (last(i).macs, i.macs, i.known_macs, i.sites_without_macs),
        (None, None, 0, 1),
        "MACs on a symbolic dimension are unknown, not zero",
    ),
    (
        parsed(CONSTANTS),
        lambda i: {f"{s.op} {s.inputs[0].name}": s.constant for s in i},
        {
            "Neg k": True,
            "Add a": True,
            "Shape x": True,
            "Shape z": False,
            "RandomUniformLike b": False,
            "Add b": False,
            "Mul x": False,
        },
        "constants come from Constant nodes, initializers and static shapes, never from random operators",
    ),
    (
        parsed("g (float[2] x) => (float[2] y) { y = acme.Fancy <level = 3> (x) }", domains=', "acme" : 1'),
        lambda i: (operators(i), last(i).since_version, last(i).unbound, dict(last(i).attributes)),
        (["acme::Fancy"], None, ("*",), {"level": 3}),
        "an operator without schema is one whose types nobody knows",
    ),
    (
        parsed("g (float[2] x) => (y) { y = ai.onnx.Relu (x) }"),
        lambda i: (operators(i), last(i).since_version, i.opset),
        (["Relu"], 14, 17),
        "ai.onnx is the default domain",
    ),
    (
        parsed("g (float[2,4] x) => (a, b) { a, b = Split <axis = 1> (x) }", opset=11),
        lambda i: [o.shape for o in last(i).outputs],
        [(2, 2), (2, 2)],
        "several outputs",
    ),
    (
        parsed("g (float[1,1,4,4] x) => (y) { y = Resize (x, , s) }".replace(" s)", " x)"), opset=13),
        lambda i: [spec is not None for spec in last(i).inputs],
        [True, False, True],
        "an optional input that is left out keeps its place",
    ),
]


@pytest.mark.parametrize(("model", "question", "answer", "proof"), STRUCTURE, ids=[row[-1] for row in STRUCTURE])
def test_structure(model, question, answer, proof, tmp_path):
    assert question(inspected(model, tmp_path)) == answer, proof


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


# operator with its attributes, shapes of the inputs, multiply-accumulates by hand, what the row proves
MACS = [
    ("Conv", [(2, 3, 8, 8), (4, 3, 3, 3)], 2 * 4 * 6 * 6 * 27, "batch x outputs x window"),
    ("Conv <group = 3>", [(1, 3, 8, 8), (6, 1, 3, 3)], 6 * 6 * 6 * 9, "a group sees its own channels only"),
    ("Conv <strides = [2, 2], pads = [1, 1, 1, 1]>", [(1, 3, 8, 8), (4, 3, 3, 3)], 4 * 4 * 4 * 27, "stride, padding"),
    ("Conv <dilations = [2]>", [(1, 3, 9), (5, 3, 3)], 5 * 5 * 9, "one dimension, dilated"),
    ("ConvTranspose <strides = [2, 2]>", [(1, 4, 5, 5), (4, 3, 2, 2)], 25 * 4 * 3 * 4, "each input element is spread"),
    ("Gemm", [(5, 7), (7, 3)], 5 * 7 * 3, "a matrix product"),
    ("Gemm <transA = 1, transB = 1>", [(7, 5), (3, 7)], 5 * 7 * 3, "the same, both transposed"),
    ("MatMul", [(2, 6, 5, 7), (7, 3)], 2 * 6 * 5 * 7 * 3, "a matrix product per batch"),
    ("MatMul", [(7,), (7, 3)], 7 * 3, "a vector is a matrix of one row"),
    ('Einsum <equation = "bij,bjk->bik">', [(2, 5, 7), (2, 7, 3)], 2 * 5 * 7 * 3, "an einsum that is a product"),
    ("Softmax", [(2, 5)], 0, "by convention"),
    ("Add", [(2, 5), (2, 5)], 0, "by convention"),
]


@pytest.mark.parametrize(("call", "inputs", "count", "proof"), MACS, ids=[f"{row[0]} {row[-1]}" for row in MACS])
def test_macs_of_inferred_shapes(call, inputs, count, proof, tmp_path):
    names = string.ascii_lowercase[: len(inputs)]
    declared = ", ".join(f"float[{','.join(map(str, dims))}] {name}" for name, dims in zip(names, inputs, strict=True))
    model = parsed(f"g ({declared}) => (y) {{ y = {call} ({', '.join(names)}) }}")
    assert inspected(model, tmp_path).macs == count, proof


@pytest.mark.parametrize("opset", range(7, NEWEST + 1))
def test_since_version_is_that_of_every_opset(opset, tmp_path):
    """Of all operators that the opset has, against onnx's registry."""
    names = sorted({schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain} - {"Constant"})
    graph = helper.make_graph([helper.make_node(name, [], [name.lower()]) for name in names], "g", [], [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    found = {site.op.name: site.since_version for site in inventory_of(model, "m", "test")}
    assert found == {name: _since(name, opset) for name in names}


def _since(name, opset, domain=""):
    try:
        return onnx.defs.get_schema(name, opset, domain).since_version
    except onnx.defs.SchemaError:
        return None


def test_what_onnx_calls_random_is_never_constant():
    random = [s.name for s in onnx.defs.get_all_schemas() if "NonDeterministic" in str(s.node_determinism)]
    leaves = [name for name in random if not onnx.defs.get_schema(name).has_function]
    assert "Multinomial" in leaves
    nodes = [helper.make_node(name, ["w"], [name.lower()]) for name in (*leaves, "Neg")]
    weight = numpy_helper.from_array(numpy_helper.np.ones(3, "float32"), "w")
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], [weight]))
    bodies = {"If", "Loop", "Scan", "SequenceMap"}  # never constant where they have a body
    constant = {site.op.name for site in inventory_of(model, "m", "test") if site.constant}
    assert constant - bodies == {"Neg"}


# --- plain counts -------------------------------------------------------------------------------


def plain_count(model: ModelProto) -> Counter:
    """Operators of a model, counted as simply as that can be done."""
    functions = {(f.domain, f.name): f for f in model.functions}
    counts: Counter = Counter()

    def visit(nodes):
        for node in nodes:
            if (node.domain, node.op_type) in functions:
                visit(functions[node.domain, node.op_type].node)
            elif node.op_type != "Constant":
                counts[str(OpName(node.domain, node.op_type, node.overload))] += 1
                for attribute in node.attribute:
                    visit(attribute.g.node)
                    for graph in attribute.graphs:
                        visit(graph.node)

    visit(model.graph.node)
    return counts


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.parent.name if path.stem == "model" else path.stem)
def test_onnx_files_give_the_plain_count(path):
    model = onnx.load(path, load_external_data=False)
    inventory = capture(resolve(str(path)), None, Options())
    assert Counter(operators(inventory)) == plain_count(model)
    assert inventory.opset_imports == {entry.domain: entry.version for entry in model.opset_import}
    _agrees_with_onnx(inventory, model)


def _agrees_with_onnx(inventory: Inventory, model: ModelProto) -> None:
    """Versions and types against onnx's registry and against what the file declares of its outputs."""
    for site in inventory:
        assert site.since_version == _since(site.op.name, inventory.opset_imports[site.op.domain], site.op.domain)
    declared = {value.name: value.type.tensor_type for value in (*model.graph.input, *model.graph.output)}
    for site in inventory:
        if site.body:
            continue
        for spec in (*filter(None, site.inputs), *site.outputs):
            if declared.get(spec.name) and declared[spec.name].elem_type:
                kind = declared[spec.name]
                name = TensorProto.DataType.Name(kind.elem_type).lower()
                assert spec.dtype == {"float": "float32", "double": "float64"}.get(name, name)
                if kind.HasField("shape"):
                    assert len(spec.shape) == len(kind.shape.dim)
                    for ours, theirs in zip(spec.shape, kind.shape.dim, strict=True):
                        # What the file leaves open, onnx gives a number or a symbol of its own.
                        assert ours == (theirs.dim_value if theirs.HasField("dim_value") else theirs.dim_param or ours)


@cache
def node_tests():
    return loader.load_node_model_tests()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_node_test_of_onnx():
    """onnx's backend tests: every operator of the standard, in every form its specification describes."""
    assert len(node_tests()) > 1500
    for case in node_tests():
        inventory = inventory_of(case.model, case.name, "test")
        assert Counter(operators(inventory)) == plain_count(case.model), case.name
        _agrees_with_onnx(inventory, case.model)
        document = serde.encode(serde.inventory_json(inventory, sites=True))
        again = serde.inventory_from_json(document.encode(), case.name)
        assert serde.encode(serde.inventory_json(again, sites=True)) == document, case.name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_inferred_types_never_contradict_what_numpy_computed():
    """The node tests declare the outputs that onnx's reference computed; here they are taken away and inferred."""
    known = 0
    for case in node_tests():
        model = ModelProto()
        model.CopyFrom(case.model)
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        truth = {value.name: value.type.tensor_type.shape.dim for value in case.model.graph.output}
        for spec in itertools.chain.from_iterable(site.outputs for site in inventory_of(model, "m", "test")):
            if spec.name in truth and spec.shape is not None and len(truth[spec.name]):
                pairs = list(zip(spec.shape, (d.dim_value for d in truth[spec.name]), strict=True))
                assert all(ours in (theirs, "?") or isinstance(ours, str) for ours, theirs in pairs), case.name
                known += all(ours == theirs for ours, theirs in pairs)
    assert known > 1000


names = st.sampled_from(("Relu", "Neg", "Exp", "Constant"))
calls = st.sampled_from(("F0", "F1"))


@st.composite
def node_lists(draw: st.DrawFn, depth: int, callable_: int) -> list[onnx.NodeProto]:
    """A chain of nodes, some with bodies, some calls of the first `callable_` functions."""
    nodes = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.integers(0, 5))
        fresh = f"v{draw(st.integers(0, 10**9))}"
        if kind == 0 and depth:
            graphs = [
                helper.make_graph(draw(node_lists(depth - 1, callable_)), "b", [], [])
                for _ in range(draw(st.integers(1, 2)))
            ]
            nodes.append(helper.make_node("Many", ["x"], [fresh], domain="acme", bodies=graphs))
        elif kind == 1 and depth:
            body = helper.make_graph(draw(node_lists(depth - 1, callable_)), "b", [], [])
            nodes.append(helper.make_node("If", ["c"], [fresh], then_branch=body, else_branch=body))
        elif kind == 2 and callable_:
            nodes.append(helper.make_node(f"F{draw(st.integers(0, callable_ - 1))}", ["x"], [fresh], domain="my"))
        else:
            nodes.append(helper.make_node(draw(names), ["x"], [fresh]))
    return nodes


@st.composite
def models(draw: st.DrawFn) -> ModelProto:
    """Any nest of bodies and functions; a function calls those before it only, some import another opset."""
    functions = []
    for number in range(draw(st.integers(0, 3))):
        imports = [helper.make_opsetid("", draw(st.sampled_from((11, 17)))), helper.make_opsetid("my", 1)]
        imports.append(helper.make_opsetid("acme", 1))
        nodes = draw(node_lists(1, number))
        functions.append(helper.make_function("my", f"F{number}", ["x"], ["y"], nodes, imports))
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    graph = helper.make_graph(draw(node_lists(2, len(functions))), "g", [value], [])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1), helper.make_opsetid("acme", 1)]
    return helper.make_model(graph, functions=functions, opset_imports=imports)


@given(models())
def test_any_nest_gives_the_plain_count(model):
    assert Counter(operators(inventory_of(model, "m", "test"))) == plain_count(model)


# --- files --------------------------------------------------------------------------------------


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


# --- newer than the library ---------------------------------------------------------------------

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


# --- values -------------------------------------------------------------------------------------

# attribute, plain value, what the row proves
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
    assert serde.inventory_from_json(serde.encode(serde.inventory_json(inventory, sites=True)).encode(), "m")


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


# --- where nodes come from ----------------------------------------------------------------------


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
