"""A file that the command line names is begun before anybody asks for it, and nobody has to."""

import os
import subprocess
import sys

import pytest

from opscan.core.errors import UsageError
from opscan.pipeline import ahead
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.sources import resolve
from tests.trace.onnx_models import parsed
from tests.trace.test_onnx_passes import children

# command line, what is begun, why
LINES = [
    ("inspect m.onnx", ["m.onnx"], "a file"),
    ("check -b acme m.onnx", ["m.onnx"], "after the value of an option"),
    ("check --exit-zero m.onnx n.onnx", ["m.onnx"], "the first of them"),
    ("diff m.json m.onnx", ["m.onnx"], "after one of another kind"),
    ("inspect none.onnx", [], "there is none"),
    ("inspect pipe.onnx", [], "a pipe can be read once"),
    ("export vit_b16 -o m.onnx", [], "a file that will be written"),
    ("extract n.json --output m.onnx", [], "and one by the option's long name"),
    ("m.onnx", [], "no command"),
    ("", [], "nothing"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("m.onnx", "n.onnx"):
        model = parsed("g (float[2] x) => (y) { y = Relu (x) }")
        (tmp_path / name).write_bytes(model.SerializeToString())
    os.mkfifo(tmp_path / "pipe.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    monkeypatch.setattr(ahead, "_begun", {})


@pytest.mark.parametrize(("line", "begun", "why"), LINES, ids=[why for *_, why in LINES])
def test_the_first_file_is_begun(line, begun, why, folder):
    running = children()
    ahead.begin(line.split())
    assert [os.path.basename(path) for path in ahead._begun] == begun
    assert len(children() - running) == len(begun)
    ahead._give_up()
    assert children() == running


def test_one_core_does_one_thing_at_a_time(folder, monkeypatch):
    monkeypatch.setattr(ahead, "cores", lambda: 1)
    ahead.begin(["inspect", "m.onnx"])
    assert not ahead._begun


def test_what_was_begun_is_taken_once(folder, monkeypatch):
    expected = capture(resolve("n.onnx"), None, Options())
    ahead.begin(["diff", "n.onnx", "m.onnx"])
    monkeypatch.setattr(ahead.onnx_ahead, "reader", lambda path: None)
    running = children()
    assert capture(resolve("m.onnx"), None, Options()).model == "m.onnx"
    assert children() == running
    for left in (len(running) - 1,) * 2:
        assert capture(resolve("n.onnx"), None, Options()) == expected
        assert len(children()) == left


def test_a_process_that_nobody_asked_ends_with_the_program(folder):
    code = (
        "import sys; from opscan import __main__; from opscan.trace import onnx_ahead\n"
        "import os; fork = os.fork\n"
        "def told():\n"
        "    child = fork()\n"
        "    if child: print(child, flush=True)\n"
        "    return child\n"
        "os.fork = told; __main__.run()"
    )
    done = subprocess.run([sys.executable, "-c", code, "check", "m.onnx"], check=False, capture_output=True, text=True)
    assert done.returncode == UsageError.exit_code
    assert done.stderr.startswith("opscan: name a backend")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
