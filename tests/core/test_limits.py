# ruff: noqa: E501 -- one row per case
"""What a backend demands of a model as a whole."""

import pytest

from opscan.core.judge import compare
from opscan.core.profile import ModelLimits, Newer, Rule, Treatment
from opscan.core.verdict import Support
from tests.fakes import inventory, profile, spec

NO, YES = Treatment.UNSUPPORTED, Treatment.SUPPORTED
DYNAMIC = {"inputs": (spec("N", 3, name="x"), spec(2, name="y"))}
LOCAL = {"local_functions": ("a::F", "a::G", "a::H", "a::I")}

# the model, the limits, the findings: rule, support, part of the reason
CASES = [
    ({"opset_imports": {"": 17}}, {"opset_min": 9, "opset_max": 20}, [], "within"),
    ({"opset_imports": {"": 7}}, {"opset_min": 9}, [("OPS120", "unsupported", "opset 7; allowed: 9 and newer; convert")], "too old"),
    ({"opset_imports": {"": 22}}, {"opset_max": 20}, [("OPS120", "unsupported", "opset 22; allowed: up to 20; export it at an older one")], "too new"),
    ({"opset_imports": {"": 22}}, {"opset_min": 7, "opset_max": 20, "opset_newer": Newer.WARN}, [("OPS120", "conditional", "allowed: 7 to 20; taken with a warning")], "with a warning"),
    ({"opset_imports": {"": 22}}, {"opset_max": 20, "opset_newer": Newer.IGNORE}, [], "nobody looks"),
    ({"opset_imports": {"": 22}}, {}, [], "no limit is known, and every operator is judged by itself"),
    ({"opset_imports": {"ai.onnx.ml": 5}}, {"opset_max": 20}, [], "another domain's opset"),
    ({"ir_version": 13}, {"ir_version_max": 9}, [("OPS121", "unsupported", "IR version 13; allowed: up to 9")], "a newer file format"),
    ({"ir_version": 13}, {"ir_version_max": 9, "ir_version_newer": Newer.IGNORE}, [], "which nobody looks at"),
    ({"ir_version": 9}, {"ir_version_max": 9}, [], "the newest that is taken"),
    (DYNAMIC, {"dynamic_shapes": NO}, [("OPS122", "unsupported", "inputs of dynamic shape: x is float32[N,3]; fix their shapes")], "a symbolic size"),
    (DYNAMIC, {"dynamic_shapes": YES}, [], "which does no harm"),
    (DYNAMIC, {}, [("OPS122", "unknown", "nothing says whether the backend takes them")], "or nobody knows"),
    ({"inputs": (spec(2, name="y"),)}, {"dynamic_shapes": NO}, [], "static shapes"),
    (LOCAL, {"local_functions": NO}, [("OPS123", "unsupported", "4 functions of the model's own: a::F, a::G, a::H, and 1 more; inline them")], "the model's own functions"),
    (LOCAL, {"local_functions": YES}, [], "which the backend inlines"),
    (LOCAL, {}, [("OPS123", "unknown", "nothing says")], "or nobody knows"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "limits", "findings", "why"), CASES, ids=[row[-1] for row in CASES])
def test_limits(model, limits, findings, why):
    coverage = compare(inventory(**model), profile(limits=ModelLimits(**limits)))
    assert len(coverage.model_findings) == len(findings), why
    for found, (rule, support, reason) in zip(coverage.model_findings, findings, strict=True):
        assert (found.rule, found.support) == (rule, support), why
        assert reason in found.reason, why
    assert coverage.verdict is (coverage.model_findings[0].support if findings else Support.SUPPORTED)


@pytest.mark.parametrize(
    ("listed", "treatment", "findings", "why"),
    [
        (True, NO, ["unsupported"], "the operator is taken and what it runs is not"),
        (True, YES, [], "both are"),
        (True, Treatment.UNKNOWN, ["unknown"], "nobody knows"),
        (False, Treatment.UNKNOWN, [], "the operator itself is refused: its bodies do not matter"),
    ],
)
def test_control_flow(listed, treatment, findings, why):
    rules = [Rule(operator="Loop"), Rule(operator="If")] if listed else []
    coverage = compare(inventory("Loop", "If"), profile(*rules, limits=ModelLimits(control_flow=treatment)))
    assert [f.support for f in coverage.model_findings] == findings, why
    assert all(f.rule == "OPS124" and "control flow: If, Loop" in f.reason for f in coverage.model_findings)
