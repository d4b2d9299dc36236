"""opscan as a process: pipes, signals and files that cannot be written."""

import subprocess
import sys

import pytest

OPSCAN = [sys.executable, "-m", "opscan"]


def test_broken_pipe_is_quiet():
    result = subprocess.run(
        f"{sys.executable} -m opscan models | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert len(result.stdout.splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert "Broken" not in result.stderr


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
