"""Inventories of ONNX files against plain counts over the protobuf, and against onnx itself."""

import itertools
import os
from collections import Counter
from functools import cache
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.backend.test import loader

from opscan.core.inventory import Inventory
from opscan.core.operator import OpName
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from opscan.serde.reading import inventory_from_json
from opscan.sources import resolve
from opscan.trace.onnx_file import inventory_of

from .onnx_models import operators

# onnx's own files: single operators, and whole networks of the first opsets without weights.
DATA = sorted(Path(loader.DATA_DIR).glob("*/*/model.onnx")) + sorted(Path(loader.DATA_DIR).glob("light/*.onnx"))
NEWEST = onnx.defs.onnx_opset_version()


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
        document = encode(inventory_json(inventory, sites=True))
        again = inventory_from_json(document.encode(), case.name)
        assert encode(inventory_json(again, sites=True)) == document, case.name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_inferred_types_never_contradict_what_numpy_computed(monkeypatch):
    """The node tests declare the outputs that onnx's reference computed; here they are taken away and inferred."""
    monkeypatch.delattr(os, "fork")  # as where there is none: two thousand forks of a large process take minutes
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
