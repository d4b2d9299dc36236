"""What a person sees while a command works."""

import time

from opscan.cli import _terminal as terminal


def test_slow_work_is_said_where_no_bar_shows_it(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_MOMENT", 0.01)
    monkeypatch.delenv("OPSCAN_QUIET")
    said = ""
    with terminal.progress(1, "reading model.onnx"):
        until = time.monotonic() + 30
        while not said and time.monotonic() < until:
            time.sleep(0.01)
            said = capsys.readouterr().err
    assert said == "opscan: reading model.onnx …\n"


def test_quick_work_says_nothing(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_MOMENT", 0.2)
    monkeypatch.delenv("OPSCAN_QUIET")
    with terminal.progress(1, "reading model.onnx"):
        pass
    time.sleep(0.4)
    assert capsys.readouterr().err == ""


def test_nothing_is_said_where_nobody_wants_it(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_MOMENT", 0.01)
    monkeypatch.setenv("OPSCAN_QUIET", "1")
    with terminal.progress(1, "reading model.onnx"):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""
