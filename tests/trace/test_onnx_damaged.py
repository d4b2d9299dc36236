"""Damaged files: an answer or one clear line, in little time and memory, whatever onnx's C++ does with them."""

import random
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, parser
from onnx.backend.test import loader

from opscan import render
from opscan.backends import load
from opscan.core.errors import NoAnswer
from opscan.core.gate_report import gate_reports
from opscan.core.inventory import Inventory
from opscan.core.judge import compare
from opscan.core.reports import inventory_head, operator_table, site_table
from opscan.core.table import Report
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from opscan.serde.reading import inventory_from_json
from opscan.sources import resolve
from tests.fakes import gate_of

from .onnx_models import RICH

# What a person waits, with room for a busy machine; and what opscan may allocate while reading a small file.
SECONDS, BYTES = 20, 50_000_000

REAL = [
    RICH.SerializeToString(),
    *(
        path.read_bytes()
        for path in sorted(Path(loader.DATA_DIR).glob("*/*/model.onnx"))
        if path.parent.name in ("test_Conv2d_groups", "test_sequence_model4", "test_operator_symbolic_override_nested")
    ),
]


def answer(content: bytes, folder: Path) -> Inventory | str:
    """What `opscan inspect` and `opscan check` say of a file of that content."""
    path = folder / "damaged.onnx"
    path.write_bytes(content)
    try:
        inventory = capture(resolve(str(path)), None, Options())
    except NoAnswer as error:
        text = str(error)
    else:
        _render(inventory)
        return inventory
    assert text.startswith(f"{path}: ")
    assert len(text.splitlines()) == 1
    return text


def _render(inventory: Inventory) -> None:
    """In every format, without control characters, and through JSON and back."""
    gate = gate_of(compare(inventory, load("onnxruntime-cpu")))
    report = Report(
        data=inventory_json(inventory, sites=True),
        head=inventory_head(inventory),
        tables=(operator_table(inventory), site_table(inventory), *(r.tables[0] for r in gate_reports(gate))),
    )
    for form in render.formats():
        text = render.render(form, [report], render.Style())
        assert all(character.isprintable() or character == "\n" for character in text)
    again = inventory_from_json(encode(inventory_json(inventory, sites=True)).encode(), "m")
    assert inventory_json(again, sites=True) == inventory_json(inventory, sites=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.mark.parametrize("content", REAL)
def test_the_undamaged_files_are_answered(content, folder):
    assert isinstance(answer(content, folder), Inventory)


# where in the file, as a share of it; what is done there
edits = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 255)),
        st.tuples(st.just("flip"), st.sampled_from([1 << bit for bit in range(8)])),
        st.tuples(st.just("cut"), st.integers(1, 8)),
        st.tuples(st.just("insert"), st.binary(min_size=1, max_size=6)),
    ),
)


def edited(content: bytes, changes) -> bytes:
    data = bytearray(content)
    for share, (kind, what) in changes:
        at = int(share * len(data))
        match kind:
            case "set":
                data[at : at + 1] = bytes([what])
            case "flip":
                data[at : at + 1] = bytes([data[at] ^ what]) if data else b""
            case "cut":
                del data[at : at + what]
            case "insert":
                data[at:at] = what
    return bytes(data)


@settings(max_examples=400)
@given(st.sampled_from(REAL), st.lists(edits, min_size=1, max_size=4))
def test_changed_bytes_give_an_answer_or_one_line(folder, content, changes):
    started = time.monotonic()
    answer(edited(content, changes), folder)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("content", REAL, ids=len)
def test_a_file_cut_anywhere_gives_one_line(content, folder):
    """Protobuf says nothing of a file that ends between two fields: what is missing then must be missed."""
    whole = answer(content, folder)
    for end in range(0, len(content), max(1, len(content) // 150)):
        cut = answer(content[:end], folder)
        # After the graph only functions, metadata and imports follow; without those it says less, never more.
        assert isinstance(cut, str) or len(cut.sites) <= len(whole.sites)


def test_text_that_is_not_utf8_is_replaced(folder):
    content = RICH.SerializeToString()
    for word in (b"Relu", b"Conv2d", b"stem", b"scale", b"kernel_shape", b"batch", b"conv2d", b"net.py"):
        found = answer(content.replace(word, b"\xff" + word[1:]), folder)
        assert isinstance(found, Inventory), word
    found = answer(content.replace(b"Relu", b"Rel\xff"), folder)
    assert "Rel\ufffd" in [site.op.name for site in found]


def large(count: int) -> str:
    return f"g (float[{count}] x) => (y) {{ a = Softplus (x) b = Tanh (a) y = Mul (x, b) }}"


# graph (`none` is an input left out), whether the types of its last site are known all the same, what onnx 1.23 does
# when it is asked for them
HOSTILE = [
    ("g (float[3] x) => (y) { y = EyeLike <dtype = 11> (none) }", False, "segfault: an input is missing"),
    ('g () => (y) { y = RegexFullMatch <pattern = "a"> (none) }', False, "segfault: an input is missing"),
    ("g (float[2,3] x) => (y, m) { y, m = LayerNormalization <axis = 2147483648> (x) }", False, "segfault: an axis"),
    ("g (int64[2,3] x, int64[2,minus] i) => (y) { y = GatherND (x, i) }", False, "segfault: a negative dimension"),
    ("g (float[2,8] x) => (a, b, c) { a, b, c = Split <axis = 1, num_outputs = 1> (x) }", False, "abort: an output"),
    (large(2**40), True, "allocates an element each of a vector of 2^40"),
    (large(2**62), True, "throws on a vector of 2^62 elements"),
]


@pytest.mark.parametrize(("body", "typed", "proof"), HOSTILE, ids=[row[-1] for row in HOSTILE])
def test_hostile_graphs_are_survived(body, typed, proof, folder):
    model = parser.parse_model(f'<ir_version: 9, opset_import: ["" : 20]> {body}')
    for node in model.graph.node:
        node.input[:] = ["" if name == "none" else name for name in node.input]
    for dim in (d for value in model.graph.input for d in value.type.tensor_type.shape.dim):
        if dim.dim_param == "minus":
            dim.dim_value = -2
    started = time.monotonic()
    inventory = answer(model.SerializeToString(), folder)
    assert time.monotonic() - started < SECONDS, proof
    assert len(inventory.sites) == len(model.graph.node)
    assert (inventory.sites[-1].outputs[0].shape is not None) == typed


# a call whose shapes or attributes make no sense, what is wrong with it
SENSELESS = [
    ("Attention <q_num_heads = 4, kv_num_heads = 0> (x, x, x)", "no heads"),
    ('Einsum <equation = "abcd,ef->af"> (x, x)', "more indices than dimensions"),
    ("Gemm (v, v)", "vectors for matrices"),
    ("Conv (v, v)", "a weight without a window"),
    ("MatMul (x)", "an operand is missing"),
    ("LSTM (v, v, v)", "vectors for sequences"),
]


@pytest.mark.parametrize(("call", "wrong"), SENSELESS, ids=[row[-1] for row in SENSELESS])
def test_macs_of_what_makes_no_sense_are_unknown(call, wrong, folder):
    model = f'<ir_version: 11, opset_import: ["" : 23]> g (float[2,3,8] x, float[5] v) => (y) {{ y = {call} }}'
    assert answer(parser.parse_model(model).SerializeToString(), folder).macs is None, wrong


def huge(dims) -> list[ModelProto]:
    """Models that state these dimensions wherever a file can state dimensions."""
    tensor = TensorProto(name="t", dims=dims, data_type=TensorProto.FLOAT, raw_data=b"1234")
    empty = TensorProto(name="t", dims=dims, data_type=TensorProto.FLOAT)
    value = helper.make_tensor_value_info("t", TensorProto.FLOAT, dims)
    nodes = [helper.make_node("MatMul", ["t", "t"], ["u"]), helper.make_node("Add", ["u", "t"], ["y"])]
    fill = helper.make_node("ConstantOfShape", ["s"], ["y"], value=tensor)
    shape = helper.make_tensor("s", TensorProto.INT64, [len(dims)], list(dims))
    graphs = [
        helper.make_graph(nodes, "an initializer", [], [], [tensor]),
        helper.make_graph(nodes, "an empty initializer", [], [], [empty]),
        helper.make_graph(nodes, "an input", [value], []),
        helper.make_graph(nodes, "an inner value", [], [], value_info=[value]),
        helper.make_graph([fill], "a value and an attribute", [], [], [shape]),
        helper.make_graph([helper.make_node("Constant", [], ["t"], value=tensor), *nodes], "a constant", [], []),
    ]
    return [helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]) for graph in graphs]


@pytest.mark.parametrize("dims", [(2**62, 4), (2**32, 2**32), (0, 2**62), (-1, 3), (2**31,), (1,) * 5000], ids=len)
def test_huge_dimensions_cost_nothing(dims, folder):
    for model in huge(dims):
        content = model.SerializeToString()
        answer(content, folder)  # what is imported only once is not counted
        tracemalloc.start()
        assert isinstance(answer(content, folder), Inventory), model.graph.name
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < BYTES, model.graph.name


def functions(*bodies: list[str]) -> bytes:
    """F0 is called; each function calls those named in its list."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    made = [
        helper.make_function(
            "my",
            f"F{number}",
            ["x"],
            ["y"],
            [helper.make_node(callee, ["x"], [f"v{i}"], domain="my") for i, callee in enumerate(callees)],
            imports,
        )
        for number, callees in enumerate(bodies)
    ]
    graph = helper.make_graph([helper.make_node("F0", ["x"], ["y"], domain="my")], "g", [], [])
    return helper.make_model(graph, functions=made, opset_imports=imports).SerializeToString()


# functions by their callees, what is said of them, what the row proves
FUNCTIONS = [
    ([["F0"]], "my::F0 calls itself", "a function that calls itself"),
    ([["F1"], ["F2"], ["F0"]], "calls itself", "functions that call each other in a circle"),
    ([[f"F{n + 1}"] * 10 for n in range(12)] + [[]], "up to 500,000", "a few functions that stand for 10^12 nodes"),
    ([[f"F{n + 1}"] for n in range(3000)] + [[]], "damaged", "a chain of calls that no stack holds"),
]


@pytest.mark.parametrize(("callees", "said", "proof"), FUNCTIONS, ids=[row[-1] for row in FUNCTIONS])
def test_functions_without_end(callees, said, proof, folder):
    started = time.monotonic()
    found = answer(functions(*callees), folder)
    assert isinstance(found, str), proof
    assert said in found
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("text", ["[" * 100_000, "-" * 100_000 + "1", "['a', '" + "\\" * 9999, "1if 1else 1", "{1: 2}"])
def test_hostile_metadata_is_no_module(text, folder, capfd):
    model = ModelProto.FromString(REAL[0])
    for entry in model.graph.node[0].metadata_props:
        entry.value = text
    found = answer(model.SerializeToString(), folder)
    assert (found.sites[0].module, found.sites[0].source) == ("", None)
    assert capfd.readouterr() == ("", "")


def test_a_graph_in_a_graph_in_a_graph(folder):
    """As deep as protobuf goes, and deeper."""
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    for depth in range(60):
        graph = helper.make_graph([helper.make_node("Deeper", [], ["y"], domain="acme", body=graph)], "g", [], [])
        found = answer(helper.make_model(graph).SerializeToString(), folder)
        if isinstance(found, str):
            assert "damaged" in found
            assert depth > 20
            return
        assert len(found.sites) == depth + 2
    pytest.fail("protobuf has a limit of depth")


# --- the command --------------------------------------------------------------------------------


def damaged_files(count: int) -> list[bytes]:
    rng = random.Random(0)
    changes = [
        [(rng.random(), ("set", rng.randrange(256))) for _ in range(rng.randrange(1, 4))] for _ in range(count - 3)
    ]
    return [*(edited(REAL[0], change) for change in changes), REAL[0][: len(REAL[0]) // 2], b"", b"text\n" * 9]


@pytest.mark.slow
@pytest.mark.parametrize("content", damaged_files(12))
def test_the_command_answers_or_says_one_line(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "opscan", "inspect", str(path), "--sites"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 0:
        assert done.stderr == ""
        assert done.stdout.count("\n") > 5
    else:
        assert done.returncode == 3
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"opscan: {path}: ")
