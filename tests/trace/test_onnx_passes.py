"""onnx's C++ run apart: however it ends, only the types are lost."""

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from opscan.trace import apart, onnx_library, onnx_passes
from opscan.trace.onnx_graph import Walked, walked
from opscan.trace.onnx_inference import Inference, Open, inferable
from opscan.trace.onnx_library import Library
from opscan.trace.onnx_listing import Listing, listed
from opscan.trace.onnx_provenance import Provenance
from opscan.trace.provenance import SourceLines

from .onnx_models import RICH, inspected, operators, parsed

np = numpy_helper.np


def spin(model: bytes) -> bytes:
    while True:
        pass


def crash(model: bytes) -> bytes:
    os.write(2, b"what C++ says before it aborts")
    os.abort()


def hoard(model: bytes) -> bytes:
    return bytes(2**33)


def refuse(model: bytes) -> bytes:
    raise RuntimeError("\nfirst line\nsecond line")


def leave(model: bytes) -> bytes:
    os._exit(9)


def garble(model: bytes) -> bytes:
    return b"\xff" * 9


def children() -> set[str]:
    """Process ids of what this process started and did not yet take leave of (proc(5)), ending ones aside."""
    apart._take_leave()
    return {pid for thread in Path("/proc/self/task").iterdir() for pid in (thread / "children").read_text().split()}


# what the pass does, what the inventory says of it
DEATHS = [
    (spin, "onnx took too long"),
    (crash, "onnx crashed (SIGABRT)"),
    (hoard, "onnx ran out of memory"),
    (refuse, "first line"),
    (leave, "onnx gave no answer"),
    (garble, "onnx made no valid model of it"),
]


@pytest.mark.parametrize(("work", "said"), DEATHS, ids=[row[0].__name__ for row in DEATHS])
def test_a_pass_that_fails_costs_the_types_only(work, said, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(onnx_passes, "_infer_types", work)
    monkeypatch.setattr(onnx_passes, "_infer_types_and_values", work)
    monkeypatch.setattr(apart, "_SECONDS", 1)
    before, running = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, children()
    inventory = inspected(helper.make_model(RICH.graph), tmp_path)
    assert operators(inventory) == ["Conv", "Reshape", "my::Scale", "If", "Relu", "Neg"]
    assert inventory.rungs[0].reason == f"type inference failed: {said}"
    assert capfd.readouterr() == ("", "")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10
    assert children() == running  # nobody is left behind; other tests have children of their own


def test_inlining_that_fails_leaves_the_functions_to_the_walk(tmp_path, monkeypatch):
    whole = inspected(RICH, tmp_path)
    monkeypatch.setattr(onnx_passes, "_inline", crash)
    walked = inspected(RICH, tmp_path)
    assert [site.op for site in walked] == [site.op for site in whole]
    assert walked.rungs[0].reason == "local functions walked without type inference: onnx crashed (SIGABRT)"


def test_without_processes_the_types_are_missing(tmp_path, monkeypatch):
    def refuse():
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    opened = len(os.listdir("/proc/self/fd"))
    assert inspected(helper.make_model(RICH.graph), tmp_path).rungs[0].reason == (
        "type inference failed: no process for onnx could be started: Resource temporarily unavailable"
    )
    assert len(os.listdir("/proc/self/fd")) == opened


def test_without_fork_the_passes_run_here(tmp_path, monkeypatch):
    expected = inspected(RICH, tmp_path)
    monkeypatch.delattr(os, "fork")
    assert inspected(RICH, tmp_path) == expected


BRANCHES = """g (float[2] x, bool c) => (float[2] y) {
    y = If (c) <then_branch = t () => (float[2] u) { u = Relu (x) },
                else_branch = e () => (RESULT) { v = Neg (x) }>
}"""
# body, the passes that are run, what the row proves
TYPED = [
    ("g (float[2] x) => (float[2] y) <float[2] a> { a = Relu (x) y = Neg (a) }", 0, "as torch's exporter writes it"),
    ("g (float[2] x) => (float[2] y) { a = Relu (x) y = Neg (a) }", 0, "one value without type: of kinds of nodes"),
    ("g (float[2] x) => (y) { a = Shape (x) y = Reshape (x, a) }", 1, "a shape that was computed"),
    ("g (float[2] x) => (float[2] y) { a = Constant <value_float = 2.0> () y = Mul (x, a) }", 0, "a constant has one"),
    (BRANCHES.replace("RESULT", "float[2] v"), 0, "so have the values of bodies"),
    (BRANCHES.replace("RESULT", "v"), 1, "a body without types"),
]


@pytest.mark.parametrize(("body", "passes", "proof"), TYPED, ids=[row[-1] for row in TYPED])
def test_types_are_inferred_where_the_file_lacks_them(body, passes, proof, tmp_path, monkeypatch):
    run = []
    monkeypatch.setattr(
        onnx_passes, "apart", lambda work, model, real=onnx_passes.apart: run.append(work) or real(work, model)
    )
    inventory = inspected(parsed(body), tmp_path)
    assert len(run) == passes, proof
    assert all(spec.shape is not None for site in inventory for spec in (*site.inputs, *site.outputs) if spec), proof


# operator, its inputs ("" is the value before), attributes
STEPS = [
    ("Relu", ("",), {}),
    ("Add", ("", "bias"), {}),
    ("MatMul", ("", "weight"), {}),
    ("Transpose", ("",), {"perm": [1, 0, 2]}),
    ("Reshape", ("", "flat"), {}),
    ("Reshape", ("", "tall"), {}),
    ("Constant", (), {"value": numpy_helper.from_array(np.array([-1, 1], "int64"), "c")}),
    ("Reshape", ("x", ""), {}),
    ("Reshape", ("", "cube"), {}),
    ("Unsqueeze", ("", "axis"), {}),
    ("ReduceMean", ("", "axis"), {"keepdims": 0}),
    ("Split", ("",), {"axis": -1, "num_outputs": 2}),
    ("Cast", ("",), {"to": TensorProto.FLOAT16}),
    ("Shape", ("",), {}),
    ("Constant", (), {"value_ints": [4, 4]}),
    ("Dropout", ("",), {}),
    ("Acme", ("",), {}),
]
STORED = {
    "bias": np.ones(4, "float32"),
    "weight": np.ones((4, 4), "float32"),
    "flat": np.array([4, -1], "int64"),
    "tall": np.array([-1, 2], "int64"),
    "cube": np.array([2, 2, -1], "int64"),
    "axis": np.array([1], "int64"),
}


def places(listing: Listing) -> Provenance:
    return Provenance(listing.all_nodes(), SourceLines({}, ()))


def by_kinds(model: ModelProto) -> Walked | None:
    """The model with types inferred by kinds of nodes; None where these do not tell all."""
    listing = listed(model.SerializeToString())
    with Library() as library:
        if not inferable(listing, library):
            return None
        try:
            return walked(listing, places(listing), library, Inference(listing, library))
        except Open:
            return None


def as_a_whole(model: ModelProto) -> Walked:
    listing = listed(onnx_passes._infer_types_and_values(model.SerializeToString()))
    return walked(listing, places(listing), Library())


@given(
    st.lists(st.sampled_from(STEPS), max_size=8), st.sampled_from(["2", "N"]), st.booleans(), st.sampled_from([3, 9])
)
def test_types_of_kinds_are_those_of_the_whole_model(steps, first, repeated, ir):
    nodes, value = [], "x"
    for number, (operator, inputs, attributes) in enumerate(steps * (1 + repeated)):
        names = [name or value for name in inputs]
        outputs = [f"v{number}", f"w{number}"] if operator in ("Split", "Dropout") else [f"v{number}"]
        nodes.append(helper.make_node(operator, names, outputs, **attributes))
        value = outputs[0]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [int(first) if first.isdigit() else first, 2, 4])
    stored = [numpy_helper.from_array(array, name) for name, array in STORED.items()]
    graph = helper.make_graph(nodes, "g", [x], [ValueInfoProto(name=value)], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=ir)
    found = by_kinds(model)
    assert found is None or found.sites == as_a_whole(model).sites


def test_a_network_is_inferred_by_its_kinds(monkeypatch):
    """Thirty nodes of two kinds: two questions, and one more for what the shape says."""
    asked = []
    monkeypatch.setattr(
        apart.Apart, "ask", lambda self, data, ask=apart.Apart.ask: asked.append(data) or ask(self, data)
    )
    steps = " ".join(f"a{n} = Relu (b{n}) b{n + 1} = Reshape (a{n}, s)" for n in range(15))
    model = parsed(f"g (float[2,3] b0) => (b15) <int64[2] s = {{3, -1}}> {{ {steps} }}")
    found = by_kinds(model)
    assert found is not None
    assert found.sites == as_a_whole(model).sites
    assert len(asked) == 6  # on [2, 3] and on [3, 2]


def test_equal_types_with_other_values_are_inferred_for_themselves():
    """The same operator on the same types five times: what comes out depends on the values, stored or constant."""
    model = parsed(
        """g (float[2,6] x) => (a, b, c, d, e) <int64[2] s = {3, 4}, int64[2] t = {4, 3}, int64[2] u = {3, 4}> {
            v = Constant <value = int64[2] {1, 12}> ()
            w = Constant <value = int64[2] {12, 1}> ()
            a = Reshape (x, s) b = Reshape (x, t) c = Reshape (x, u) d = Reshape (x, v) e = Reshape (x, w)
        }"""
    )
    found = by_kinds(model)
    assert found is not None
    assert found.sites == as_a_whole(model).sites
    assert [site.outputs[0].shape for site in found.sites] == [(3, 4), (4, 3), (3, 4), (1, 12), (12, 1)]


def test_a_network_that_does_not_repeat_itself_is_inferred_as_a_whole():
    steps = " ".join(f"b{n + 1} = Concat <axis = 0> (b{n}, b0)" for n in range(120))
    model = parsed(f"g (float[2] b0) => (b120) {{ {steps} }}")
    assert by_kinds(model) is None


@pytest.mark.parametrize("work", [crash, refuse, garble, leave], ids=lambda work: work.__name__)
def test_where_kinds_cannot_be_asked_the_whole_model_is(work, tmp_path, monkeypatch):
    model = parsed("g (float[2] x) => (float[2] y) { a = Relu (x) y = Neg (a) }")
    expected, running = inspected(model, tmp_path), children()
    monkeypatch.setattr(onnx_library, "answer", work)
    assert inspected(model, tmp_path) == expected
    assert children() == running
