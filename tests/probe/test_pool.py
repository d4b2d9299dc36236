# ruff: noqa: E501 -- one row per case
"""A runtime that misbehaves costs its own model, and says so in one line."""

import sys

import pytest

from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Outcome
from opscan.probe import Bounds, Target, measure, pool
from opscan.probe.corpus import chosen
from opscan.runtimes import _command, names

BOUNDS = Bounds(seconds=2, written=2**20, jobs=1)

# What the compiler does after it was handed MODEL and, where it is asked for, OUTPUT; outcome; part of the message.
COMPILERS = [
    ("open(OUTPUT, 'w').write('ok')", Outcome.ACCEPTED, "", "a compiler that takes the model"),
    ("print('no such operator'); sys.exit(3)", Outcome.REJECTED, "exit code 3: no such operator", "one that refuses it"),
    ("sys.exit(1)", Outcome.REJECTED, "exit code 1", "one that refuses it without a word"),
    ("pass", Outcome.REJECTED, "no output file", "success without the file that was asked for"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", Outcome.CRASHED, "SIGSEGV", "a crash"),
    ("os.abort()", Outcome.CRASHED, "SIGABRT", "an abort"),
    ("time.sleep(60)", Outcome.TIMED_OUT, "stopped after 2 s", "a hang"),
    (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        Outcome.TIMED_OUT,
        "stopped after 2 s",
        "a hang that cannot be asked to end",
    ),
    (
        "[open(f'{n}.bin', 'wb').write(bytes(2**19)) for n in range(9)]; time.sleep(60)",
        Outcome.REJECTED,
        "wrote more than 1 MiB",
        "many files",
    ),
    ("open('big', 'wb').write(bytes(2**22))", Outcome.REJECTED, "File too large", "one file without end"),
    ("[print('x' * 1000) for _ in range(10**6)]", Outcome.REJECTED, "", "a flood on stdout"),
    (
        "sys.stdout.buffer.write(bytes(range(256)) * 99 + b'\\n\\x1b[31mred\\n'); sys.exit(2)",
        Outcome.REJECTED,
        "red",
        "garbage and terminal escapes",
    ),
    ("os.fork() or time.sleep(60); open(OUTPUT, 'w').write('ok')", Outcome.ACCEPTED, "", "children that are left behind"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cases():
    return chosen(Choice(operators=("Relu",), opsets=(17,), sample=2))


def compiler(tmp_path, body):
    """A command line that runs the statement."""
    script = tmp_path / "compiler.py"
    script.write_text(f"import os, signal, sys, time\nMODEL, OUTPUT = sys.argv[1:3]\n{body}\n")
    return Target(command=(sys.executable, str(script), "{model}", "{output}"))


@pytest.mark.parametrize(("body", "outcome", "message", "why"), COMPILERS, ids=[row[-1] for row in COMPILERS])
def test_a_compiler_that_misbehaves_gives_one_line(cases, tmp_path, body, outcome, message, why):
    (found,) = measure(cases[:1], compiler(tmp_path, body), BOUNDS).observations
    assert found.outcome is outcome, why
    assert message in found.message
    assert "\n" not in found.message
    assert len(found.message) < 600


def test_the_other_models_are_kept_when_one_crashes(cases, tmp_path):
    body = "'0.onnx' in MODEL; os.path.exists(sys.argv[0] + 'x') or (open(sys.argv[0] + 'x', 'w'), os.abort()); open(OUTPUT, 'w')"
    found = measure(cases, compiler(tmp_path, body), BOUNDS).observations
    assert [o.case for o in found] == [case.name for case in cases], "in the order in which they were given"
    assert sorted(o.outcome for o in found) == [Outcome.ACCEPTED, Outcome.CRASHED]


def test_a_model_at_which_a_process_died_is_tried_alone(cases, monkeypatch):
    """What an earlier model did to the process is no fault of its own."""
    tries = []

    def pooled(given, target, bounds, stages, models_per_process):
        tries.append((list(given), models_per_process))
        for number in given:
            died = len(tries) == 1 or number == 1
            yield number, ((Outcome.CRASHED, "SIGSEGV, running") if died else (Outcome.RUNS, ""))

    monkeypatch.setattr(pool, "_pooled", pooled)
    found = measure(cases, Target(runtime="onnxruntime"), BOUNDS).observations
    assert tries[1] == ([0, 1], 1)
    assert [o.outcome for o in found] == [Outcome.RUNS, Outcome.CRASHED]


def test_a_command_that_is_not_there_is_said_of_every_model(cases):
    found = measure(cases, Target(command=("no-such-compiler", "{model}")), BOUNDS).observations
    assert {o.outcome for o in found} == {Outcome.REJECTED}
    assert "cannot be started" in found[0].message


def test_the_network_is_out_of_reach(cases, tmp_path):
    body = "open(OUTPUT, 'w'); print(os.environ['https_proxy']); sys.exit(1)"
    (found,) = measure(cases[:1], compiler(tmp_path, body), BOUNDS).observations
    assert "127.0.0.1:9" in found.message


FAULTS = [
    ("", "is empty", "no command"),
    ("mycompiler -o {output}", "does not name {model}", "a command that is not handed the model"),
    ("mycompiler '{model}", "No closing quotation", "an open quote"),
]


@pytest.mark.parametrize(("text", "message", "why"), FAULTS, ids=[row[-1] for row in FAULTS])
def test_a_command_that_cannot_work_is_refused(text, message, why):
    with pytest.raises(UsageError) as error:
        _command.parsed(text)
    assert message in str(error.value), why


def test_a_runtime_is_one_file():
    assert set(names()) == {"iree", "onnxruntime", "openvino", "tract"}
