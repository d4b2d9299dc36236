"""opscan as a process: pipes, signals and files that cannot be written."""

import os
import signal
import subprocess
import sys
import time

import pytest

OPSCAN = [sys.executable, "-m", "opscan"]


def test_broken_pipe_is_quiet():
    result = subprocess.run(
        f"{sys.executable} -m opscan models | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert len(result.stdout.splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert "Broken" not in result.stderr


def children(pid):
    """Process ids of the living children of a process."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="children are listed by Linux's /proc")
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
    # Python's own resource tracker ends when it sees that its parent has.
    deadline = time.monotonic() + 10
    while (left := [pid for pid in workers if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


UNWRITABLE = [
    ("missing/report.md", "there is no folder", "a folder that is not there"),
    ("folder", "is a folder", "a folder instead of a file"),
]


@pytest.mark.parametrize(("name", "said", "why"), UNWRITABLE, ids=[row[2] for row in UNWRITABLE])
def test_unwritable_output_is_one_line_and_leaves_nothing(name, said, why, tmp_path):
    (tmp_path / "folder").mkdir()
    command = [*OPSCAN, "models", "--format", "markdown", "--output", str(tmp_path / name)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if name in line]
    assert len(lines) == 1
    assert said.lower() in lines[0].lower()
    assert "Traceback" not in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_unknown_model_offers_the_nearest():
    result = subprocess.run([*OPSCAN, "inspect", "vit_b61"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "vit_b16" in line


NAMES = [
    ("no\nsuch.onnx", r"no\nsuch.onnx: no such file", 3, "a line break in a file's name"),
    ("no\x1b[31m\r\n.onnx", r"no\x1b[31m\n.onnx: no such file", 3, "what a terminal would obey"),
    ("vit\nb16", r"unknown model 'vit\nb16': did you mean", 2, "a line break in a model's name"),
]


@pytest.mark.parametrize(("name", "said", "code", "why"), NAMES, ids=[row[3] for row in NAMES])
def test_a_name_does_not_break_the_line(name, said, code, why):
    result = subprocess.run([*OPSCAN, "inspect", name], capture_output=True, check=False)
    assert result.returncode == code
    assert result.stderr.count(b"\n") == 1
    assert result.stderr.decode().startswith(f"opscan: {said}"), why


# Sends itself Ctrl-C when a module is about to be imported.
INTERRUPTING = """
import os, signal, sys
moment = sys.argv.pop(1)
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
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


# what else is going on in the process, what is seen of it, why
LEFT = [
    ("atexit.register(print, 'later')", "later", "what was registered for the end is done"),
    ("sys.setprofile(lambda *_: None)", "ended by Python", "a profiler writes down what it saw"),
    ("threading.Thread(target=time.sleep, args=(0.5,)).start()", "ended by Python", "a thread is waited for"),
    ("", "", "otherwise nothing more is run"),
]


@pytest.mark.parametrize(("before", "seen", "why"), LEFT, ids=[row[-1] for row in LEFT])
def test_the_process_ends_when_all_is_said(before, seen, why):
    lines = [
        "import atexit, sys, threading, time",
        before,
        "from opscan.__main__ import run",
        "sys.argv = ['opscan', 'models']",
        "try: run()",
        "finally: print('ended by Python')",
    ]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    models = subprocess.run([*OPSCAN, "models"], capture_output=True, text=True, check=True)
    assert len(models.stdout) > 4096
    assert result.stdout == models.stdout + (f"{seen}\n" if seen else ""), why
