"""A file that another process reads, which has loaded onnx meanwhile: the same inventory, however that process ends."""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.errors import NoAnswer
from opscan.core.source import OnnxSource
from opscan.trace import onnx_ahead, onnx_answers
from opscan.trace.onnx_file import capture_onnx_file

from .onnx_models import RICH, parsed
from .test_onnx_passes import children, crash, garble, leave, refuse

# a model, what the row proves
MODELS = [
    (RICH, "functions, bodies, metadata, stored shapes"),
    (parsed("g (float[2] x) => (float[2] y) <float[2] a> { a = Relu (x) y = Neg (a) }"), "nothing to infer"),
    (parsed("g (float[2,3] x) => (y) { a = LayerNormalization (x, x) y = Gelu (a) }", opset=20), "bodies of ONNX's"),
    (parsed("g (float[2] x) => (y) { y = Acme (x) }"), "an operator that nobody defines"),
    (parsed("g (float[2] x) => (y) { y = Relu (x) }", opset=99), "newer than onnx"),
    (parsed("g (float[2] x) => (y) { a = Shape (x) y = Reshape (x, a) }"), "the model as a whole"),
]


def captured(path, *, ahead):
    process = onnx_ahead.reader(path) if ahead else None
    assert (process is not None) == (ahead and path.exists())
    with ExitStack() as stack:
        if process is not None:
            stack.push(process)
        return capture_onnx_file(OnnxSource("m", path), process)


@pytest.fixture(params=MODELS, ids=[proof for _, proof in MODELS])
def path(request, tmp_path):
    found = tmp_path / "model.onnx"
    found.write_bytes(request.param[0].SerializeToString())
    return found


def same(one, other):
    """Function bodies are found when asked for: they are compared as well."""
    return one == other and dict(one.functions) == dict(other.functions)


def test_read_ahead_is_read(path):
    running = children()
    assert same(captured(path, ahead=True), captured(path, ahead=False))
    assert children() == running


FAILURES = [
    (kind, work)
    for kind in (*onnx_ahead._ANSWERS, *onnx_answers._ANSWERS)
    for work in (crash, refuse, garble, leave)
    # The file's own bytes tell nobody that they are others.
    if (kind, work) != (onnx_ahead.CONTENT, garble)
]


@pytest.mark.parametrize(
    ("kind", "work"), FAILURES, ids=[f"{kind.decode()}-{work.__name__}" for kind, work in FAILURES]
)
def test_a_process_that_fails_costs_nothing(kind, work, path, monkeypatch, capfd):
    expected, running = captured(path, ahead=False), children()
    module = onnx_ahead if kind in onnx_ahead._ANSWERS else onnx_answers
    monkeypatch.setattr(module, "_ANSWERS", module._ANSWERS | {kind: work})
    assert same(captured(path, ahead=True), expected)
    assert children() == running
    assert capfd.readouterr() == ("", "")


# what is at the path, what is said
FAULTS = [
    (None, "m: cannot be read: No such file or directory"),
    (b"", "m: is empty; export or copy it again"),
    (
        b"version https://git-lfs.github.com/spec/v1\n",
        "m: is a Git LFS pointer, not the file itself; run `git lfs pull`",
    ),
    (b"\xff" * 9, "m: not an ONNX file, or a damaged one; export or copy it again"),
]


@pytest.mark.parametrize(("content", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_faults_of_a_file_are_told_by_its_name(content, said, tmp_path):
    path, running = tmp_path / "model.onnx", children()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoAnswer) as error:
        captured(path, ahead=True)
    assert str(error.value) == said
    assert children() == running


def test_without_processes_the_file_is_read_here(path, monkeypatch):
    def refused():
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    assert onnx_ahead.reader(path) is None
    monkeypatch.delattr(os, "fork")
    assert onnx_ahead.reader(path) is None


# cores that the process may use, whether it need not wait, whether it loads onnx itself for two files, why
LOADED = [
    (2, True, ["False", "True"], "once all is imported there is nothing to do meanwhile"),
    (2, False, ["True", "True"], "who has to wait does it meanwhile"),
    (1, True, ["True", "True"], "two processes would take turns"),
]


@pytest.mark.parametrize(("cores", "ready", "loads", "why"), LOADED, ids=[why for *_, why in LOADED])
def test_another_process_loads_onnx_for_the_first_file(cores, ready, loads, why, path):
    code = f"""
import sys
from opscan.pipeline import ahead, captures
from opscan.pipeline.options import Options
from opscan.sources import resolve
from opscan.trace.apart import Apart
ahead.cores = lambda: {cores}
Apart.is_ready = lambda self: {ready}
for _ in range(2):
    captures.capture(resolve(sys.argv[1]), None, Options())
    print("onnx.onnx_cpp2py_export" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == loads, why


def outcome(path, *, ahead):
    """The inventory with its bodies, or what is said instead."""
    try:
        found = captured(path, ahead=ahead)
        return found, dict(found.functions)
    except NoAnswer as error:
        return str(error)


@given(st.sampled_from(MODELS), st.data())
def test_damage_means_the_same_to_both(model, data):
    content = bytearray(model[0].SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        assert outcome(path, ahead=True) == outcome(path, ahead=False)
