"""Ctrl-C: one line, exit code 130, and no process that outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from onnx import parser

from opscan import cli

OPSCAN = [sys.executable, "-m", "opscan"]
# These run in a folder of their own.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with one model."""
    monkeypatch.chdir(tmp_path)
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3] x) => (y) { a = Relu (x) y = Softmax (a) }""")
    Path("small.onnx").write_bytes(model.SerializeToString())
    return tmp_path


def children(parent: int) -> set[int]:
    """Processes below that one."""
    found = set()
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child), *children(int(child))}
    return found


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def interrupted(command, ready) -> tuple[subprocess.Popen, str, str, set[int]]:
    """The command, sent SIGINT once `ready(its children)`, and the children it had."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True)
    end = time.monotonic() + 60
    try:
        while not ready(below := children(process.pid)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()  # one that does not end would outlive the test
    return process, out, err, below


def ends(processes: set[int]) -> bool:
    end = time.monotonic() + 10
    while any(map(running, processes)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(running, processes))


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks /proc for the processes")


@linux
def test_ctrl_c_while_a_file_is_read(folder):
    os.mkfifo("pipe.onnx")  # nobody ever writes into it
    started = time.monotonic()
    process, out, err, _ = interrupted(
        [sys.executable, "-m", "opscan", "inspect", "pipe.onnx"], lambda _: time.monotonic() > started + 3
    )
    assert (process.returncode, out, err) == (130, "", "opscan: interrupted\n")


# what another process does: where it is defined, and its name
APART = [
    ("onnx_bytes", "read_content"),
    ("onnx_compiled", "load"),
    ("onnx_compiled", "infer_outputs"),
    ("onnx_compiled", "infer_shapes"),
]


@linux
@pytest.mark.parametrize("run", ["__main__.run()", "cli.main()"], ids=["begun early", "begun late"])
@pytest.mark.parametrize(("module", "name"), APART, ids=[name for _, name in APART])
def test_ctrl_c_while_another_process_works(module, name, run, folder):
    """It ends too."""
    code = (
        "import sys, time, pathlib; from opscan import __main__, cli\n"
        f"from opscan.trace import onnx_compiled, {module}\n"
        "def work(*_, **__): pathlib.Path('asked').touch(); time.sleep(99)\n"
        "def refuse(*_): raise RuntimeError\n"
        "onnx_compiled.infer_outputs = refuse  # the model as a whole is asked about then\n"
        f"{module}.{name} = work\n"
        f"sys.argv = ['opscan', 'inspect', 'small.onnx']; {run}"
    )
    process, out, err, below = interrupted([sys.executable, "-c", code], lambda _: Path("asked").exists())
    assert (process.returncode, out, err) == (130, "", "opscan: interrupted\n")
    assert below
    assert ends(below)


@linux
def test_interrupt_exits_with_130_and_leaves_no_process(tmp_path):
    environment = os.environ | {"OPSCAN_CACHE_DIR": str(tmp_path)}
    command = [*OPSCAN, "survey", "vit_l16", "swin_b", "--all-dialects", "--jobs", "2", "--format", "csv"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 30
    try:
        while len(workers := children(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(workers) >= 2
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, errors = process.communicate(timeout=30)
    finally:
        if process.poll() is None:  # it and its workers would outlive the test
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in output  # what was not done has its row
    assert ends(workers)  # Python's own resource tracker when it sees that its parent has


# Sends itself Ctrl-C when a module is about to be imported.
INTERRUPTING = """
import os, signal, sys
moment = sys.argv.pop(1)
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
            print("goes on", file=sys.stderr)
sys.meta_path.insert(0, Interrupting())
from opscan.__main__ import run
run()
"""
MOMENTS = [
    ("opscan.cli", "before anything of opscan is there"),
    ("click.core", "while the command line is imported"),
    ("opscan.cli.inspect", "while the command is imported"),
    ("torch._C", "while torch is imported"),
    ("ml_dtypes", "where numpy makes another error of it"),
]


@pytest.mark.parametrize(("module", "why"), MOMENTS, ids=[row[1] for row in MOMENTS])
def test_ctrl_c_while_importing(module, why):
    command = [sys.executable, "-c", INTERRUPTING, module, "inspect", "deit_ti", "--dialect", "onnx", "--no-cache"]
    result = subprocess.run(command, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"opscan: interrupted\n"), why


@pytest.mark.parametrize("module", ["onnx.onnx_ml_pb2", "onnx.onnx_cpp2py_export"])
def test_ctrl_c_waits_for_compiled_code_to_be_loaded(module, folder):
    """An exception there crashes the process. On one core no other one loads it."""
    one_core = "from opscan.pipeline import ahead; ahead.cores = lambda: 1\n"
    command = [sys.executable, "-c", one_core + INTERRUPTING, module, "inspect", "small.onnx"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "goes on\nopscan: interrupted\n")
