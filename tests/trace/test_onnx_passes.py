"""onnx's C++ run apart: however it ends, only the types are lost."""

import os
import resource
from pathlib import Path

import pytest
from onnx import helper

from opscan.trace import apart, onnx_passes

from .onnx_models import RICH, inspected, operators, parsed


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
    """Process ids of what this process started and did not yet take leave of (proc(5))."""
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
    ("g (float[2] x) => (float[2] y) { a = Relu (x) y = Neg (a) }", 1, "one value without type"),
    ("g (float[2] x) => (float[2] y) { a = Constant <value_float = 2.0> () y = Mul (x, a) }", 0, "a constant has one"),
    (BRANCHES.replace("RESULT", "float[2] v"), 0, "so have the values of bodies"),
    (BRANCHES.replace("RESULT", "v"), 1, "a body without types"),
]


@pytest.mark.parametrize(("body", "passes", "proof"), TYPED, ids=[row[-1] for row in TYPED])
def test_types_are_inferred_where_the_file_lacks_them(body, passes, proof, tmp_path, monkeypatch):
    run = []
    monkeypatch.setattr(onnx_passes, "apart", lambda work, model: run.append(work) or apart.apart(work, model))
    inventory = inspected(parsed(body), tmp_path)
    assert len(run) == passes, proof
    assert all(spec.shape is not None for site in inventory for spec in (*site.inputs, *site.outputs) if spec), proof
