"""What the nodes of an ONNX graph say: bodies, functions, constants, versions, multiply-accumulates."""

import string

import pytest

from opscan.core.inventory import Inventory
from opscan.core.reports import inventory_head
from opscan.core.sites import forms
from opscan.core.views import control_flow
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from opscan.trace import onnx_graph

from .onnx_models import RICH, inspected, operators, parsed


def last(inventory: Inventory):
    return inventory.sites[-1]


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
    (
        parsed(OLD_FUNCTION, domains=', "my" : 1'),
        lambda i: {str(s.op): [*(v.name for v in s.inputs), *(v.name for v in s.outputs)] for s in i},
        {"Shape": ["x", "k/s"], "Softmax": ["x", "k/e"], "Exp": ["k/e", "k"], "Relu": ["k", "y"]},
        "a function's values are those of its caller, its own are kept apart from all others",
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


# model, how its control flow is counted, what the row proves
CONTROL_FLOW = [
    (parsed(BRANCHES), "If: both branches count: totals are not those of one forward", "branches"),
    (parsed(LOOP), "Loop: a body counts once, however often it runs: totals are not those of one forward", "a loop"),
    (parsed(SCAN), "Scan: a body counts once, however often it runs: totals are not those of one forward", "a scan"),
    (parsed(SYMBOLIC), "", "nothing to say where there is none"),
]


@pytest.mark.parametrize(("model", "said", "proof"), CONTROL_FLOW, ids=[row[-1] for row in CONTROL_FLOW])
def test_how_control_flow_is_counted_is_said(model, said, proof, tmp_path):
    inventory = inspected(model, tmp_path)
    assert control_flow(inventory) == said, proof
    assert dict(inventory_head(inventory)).get("control flow", "") == said
    assert inventory_json(inventory, sites=False).control_flow == said


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


# Pairs of nodes that differ in one thing each, and twice the same node.
ALIKE = parsed(
    """g (float[2,4] x, float[4,2] t, double[2,4] d, float[n,4] s)
    => (y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, ya, yb, yc)
    <float[2,4] w = {1, 2, 3, 4, 5, 6, 7, 8}> {
        y0 = Softmax <axis = 0> (x)
        y1 = Softmax <axis = 1> (x)
        y2 = Softmax (x)
        y3 = Softmax <axis = 1> (t)
        y4 = Softmax <axis = 1> (d)
        y5 = Softmax <axis = 1> (s)
        y6 = Softmax <axis = 1> (w)
        y7 = my.Softmax <axis = 1> (x)
        y8 = Softmax <axis = 1> (x)
        y9, mask = Dropout (x)
        ya = Dropout (x)
        one = Constant <value_float = 1.0> ()
        yb = Clip (x, , one)
        yc = Clip (x, one, )
        unread = Softmax <axis = 1> (x)
    }""",
    domains=', "my" : 1',
)


@pytest.mark.parametrize(
    "model", [ALIKE, RICH, parsed(LOOP), parsed(BRANCHES)], ids=["alike", "rich", "loop", "branches"]
)
def test_what_equal_nodes_share_is_what_each_has(model, tmp_path, monkeypatch):
    shared = inspected(model, tmp_path)
    never = property(lambda walk: {}, lambda walk, facts: None)  # nothing is found there again
    monkeypatch.setattr(onnx_graph._Walk, "_facts", never, raising=False)
    assert inspected(model, tmp_path) == shared


def test_nodes_that_differ_in_one_thing_share_nothing(tmp_path):
    sites = {site.outputs[0].name: site for site in inspected(ALIKE, tmp_path)}
    assert sites["y1"].attributes is sites["y8"].attributes
    differing = [sites[f"y{number}"].attributes for number in "0134567"]
    assert len({id(found) for found in differing}) == len(differing)


class Forgetful(dict):
    """Remembers nothing: every node is looked at as if it were the first."""

    def get(self, key, default=None):
        return default


REPEATING = """g (float[2,3] x, bool c) => (float[2,3] y) <float[3] w = {1, 2, 3}> {
    a = Add (x, w) b = Relu (a) d = Add (b, w) e = Relu (d) f = Add (w, w) h = Add (e, f) unused = Relu (h)
    i = my.Twice (h) j = my.Twice (i) k = Constant <value_float = 2.0> () l = Mul (j, k) m = Mul (l, k)
    n, o = Dropout (m) p = Dropout (n)
    y = If (c) <then_branch = t () => (q) { q = Relu (p) }, else_branch = e () => (r) { s = Relu (p) r = Relu (s) }>
}
<domain: "my", opset_import: ["" : 11]>
Twice (a) => (b) { t = Relu (a) b = Add (t, a) }"""


@pytest.mark.parametrize("body", [REPEATING, BRANCHES, LOOP, SCAN, NESTED_FUNCTIONS, OLD_FUNCTION, QDQ, CONSTANTS])
def test_sites_that_share_a_form_are_those_of_each_node_by_itself(body, tmp_path, monkeypatch):
    model = parsed(body, domains=', "my" : 1')
    shared = inspected(model, tmp_path)
    walk = onnx_graph._Walk.__init__

    def forgetting(self, *args, **facts):
        walk(self, *args, **facts)
        self._forms = Forgetful()

    monkeypatch.setattr(onnx_graph._Walk, "__init__", forgetting)
    alone = inspected(model, tmp_path)
    assert len(forms(alone.sites)) == len(alone.sites) >= len(forms(shared.sites))
    assert shared == alone
    assert encode(inventory_json(shared, sites=True)) == encode(inventory_json(alone, sites=True))
