from collections import Counter

import pytest

from opscan.core.agreement import CallDifference, call_differences, calls, row_agreement
from opscan.core.definition import Definition, Family, SurveyRow, Variant
from opscan.core.dialect import Dialect
from tests.fakes import inventory, site


def torch_inventory(*sites):
    return inventory(*sites, dialect=Dialect.TORCH)


# a site, the function it calls by the name of torch.overrides, what it proves
CALLS = [
    (site("nn.Linear"), "nn.functional.linear", "a module calls the function of its name"),
    (site("nn.AdaptiveAvgPool2d"), "nn.functional.adaptive_avg_pool2d", "words are separated"),
    (site("nn.RMSNorm"), "nn.functional.rms_norm", "an abbreviation is one word"),
    (site("nn.BatchNorm2d"), "nn.functional.batch_norm", "irregular: one function for every rank"),
    (site("nn.ReLU6"), "nn.functional.hardtanh", "irregular: another function"),
    (site("nn.Sigmoid"), "sigmoid", "some call torch's own"),
    (site("nn.Flatten"), "Tensor.flatten", "or a method"),
    (site("nn.Identity"), None, "Identity calls nothing"),
    (site("F.gelu"), "nn.functional.gelu", "a function is itself"),
    (site("torch.conv2d"), "nn.functional.conv2d", "F.conv2d is torch.conv2d"),
    (site("torch.unbind"), "unbind", "torch's own functions have no namespace"),
    (site("Tensor.view"), "Tensor.view", "a method is itself"),
    (site("@"), "Tensor.matmul", "syntax calls a method"),
    (site("/="), "Tensor.div_", "in place, the one in place"),
    (site("//"), "Tensor.__floordiv__", "whatever torch calls it"),
    (site("-", attributes={"self": 1}), "Tensor.__rsub__", "a number on the left makes it another method"),
    (site("*", attributes={"self": 2}), "Tensor.mul", "but not where the order does not matter"),
    (site("x[None]"), "Tensor.__getitem__", "so does an index"),
    (site("x[i]", attributes={"component": 1}), None, "once, however many components it has"),
]


@pytest.mark.parametrize(("found", "function", "why"), CALLS)
def test_call(found, function, why):
    assert calls(torch_inventory(found)) == Counter([function] if function else []), why


def test_calls_are_counted():
    assert calls(torch_inventory("nn.Linear", "F.linear", "nn.GELU", "x[:]", "nn.Identity")) == {
        "nn.functional.linear": 2,
        "nn.functional.gelu": 1,
        "Tensor.__getitem__": 1,
    }


def definition(official, reasons):
    family = Family(
        system="A",
        title="A paper",
        paper="https://arxiv.org/abs/1",
        date="2020-10",
        publication="",
        section="1. All",
        architecture="",
        repository="",
        inputs={},
        variants={},
        call_differences=reasons,
    )
    return Definition("a", Variant(title="A", config={}, official_calls=official), family, "a")


DIFFERENCES = [
    ({}, {"unbind": 1}, [], "unknown official counts differ from nothing"),
    ({"unbind": 1}, {"unbind": 1}, [], "agreement is no difference"),
    ({"unbind": 2}, {"unbind": 1}, [("unbind", 1, 2, "")], "a number that differs, unexplained"),
    ({"roll": 2}, {"unbind": 1}, [("roll", 0, 2, "not used"), ("unbind", 1, 0, "")], "a function on one side only"),
]


@pytest.mark.parametrize(("official", "ours", "expected", "why"), DIFFERENCES)
def test_call_differences(official, ours, expected, why):
    found = call_differences(definition(official, {"roll": "not used", "gelu": "stale"}), ours)
    assert found == tuple(CallDifference(*fields) for fields in expected), why


VIT = SurveyRow(in_model="vit", listed=("layernorm", "matmul", "softmax"))
TNT = SurveyRow(
    in_model="tnt",
    listed=("nn.Unfold", "torch.unbind"),
    same_as="ViT",
    absent={"softmax": "fused"},
    unlisted={"gelu": "left out"},
)
PVT = SurveyRow(in_model="pvt", listed=("roll",), same_as="TNT")
ROWS = {"ViT": VIT, "TNT": TNT, "PVT": PVT}


def test_a_row_is_held_against_the_inventory():
    found = row_agreement("TNT", TNT, ROWS, torch_inventory("nn.LayerNorm", "nn.Unfold", "nn.GELU", "torch.roll"))
    assert (found.system, found.model) == ("TNT", "tnt")
    assert found.found == ("layernorm", "unfold"), "in the survey's order and in our spelling"
    assert found.missing == ("unbind",), "named by the row itself"
    assert found.inherited_absent == (("matmul", ""), ("softmax", "fused")), "only inherited"
    assert found.unlisted == (("gelu", "left out"), ("roll", "")), "nobody named it"
    assert found.unexplained == ("unbind", "matmul", "roll")


def test_what_is_inherited_is_inherited_on():
    found = row_agreement("PVT", PVT, ROWS, torch_inventory("torch.roll", "torch.unbind", "nn.LayerNorm"))
    assert found.found == ("layernorm", "unbind", "roll")
    assert [name for name, _ in found.inherited_absent] == ["matmul", "softmax", "unfold"]
    assert found.unlisted == ()


def test_a_name_both_inherited_and_listed_is_listed():
    row = SurveyRow(in_model="x", listed=("matmul",), same_as="ViT")
    found = row_agreement("X", row, ROWS, torch_inventory("nn.LayerNorm"))
    assert found.missing == ("matmul",)
    assert [name for name, _ in found.inherited_absent] == ["softmax"]
