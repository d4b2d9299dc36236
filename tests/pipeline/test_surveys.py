"""Surveys of several models: whatever happens to one costs its own row only."""

import pytest

from opscan.core.dialect import Dialect
from opscan.pipeline.options import Options
from opscan.pipeline.surveys import survey
from opscan.sources import bundled

MODELS = """
import os, time
from torch import nn
INPUTS = {"x": {"shape": [1, 4]}}
def fine():
    return nn.Sequential(nn.Linear(4, 4), nn.GELU())
def crashing():
    os._exit(7)
def endless():
    time.sleep(600)
def hungry():
    raise MemoryError
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "factories_of_test.py").write_text(MODELS)


def test_a_crash_and_a_time_out_cost_their_own_row(factories):
    names = [f"factories_of_test:{name}" for name in ("endless", "crashing", "hungry", "fine")]
    options = Options(jobs=2, timeout=20)
    entries = dict(survey(names, [Dialect.TORCH], options))
    reasons = [entries[number].primary.reason for number in range(4)]
    assert reasons[:2] == ["took longer than 20 s; give it more with --timeout", "its process died (exit code 7)"]
    assert "MemoryError" in reasons[2]
    assert entries[3].special == ("gelu",)


def test_a_warm_survey_starts_no_process(factories, monkeypatch):
    options = Options(jobs=1)
    first = list(survey(["resnet50"], [Dialect.TORCH], options))
    from opscan.pipeline import processes

    monkeypatch.setattr(processes, "run", None)
    assert list(survey(["resnet50"], [Dialect.TORCH], options)) == first
    assert first[0][1].primary.found.params == next(
        d.variant.params for d in bundled.definitions() if d.name == "resnet50"
    )


def test_the_longest_begin(monkeypatch):
    """By the work that definitions state; a model that states none may be the longest of all."""
    begun = []

    def run(function, work, jobs, timeout):
        begun.extend(task[0] for task in work)
        return iter(())

    from opscan.pipeline import processes

    monkeypatch.setattr(processes, "run", run)
    list(survey(["deit_ti", "vit_l16", "os:getcwd", "vit_b16"], [Dialect.TORCH], Options(cache=False)))
    assert begun == ["os:getcwd", "vit_l16", "vit_b16", "deit_ti"]
