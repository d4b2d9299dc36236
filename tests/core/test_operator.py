import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.dialect import Dialect
from opscan.core.operator import SYNTAX, OpName
from tests.fakes import NAMES

CASES = [
    ("nn.LayerNorm", ("nn", "LayerNorm", ""), "a module of torch.nn"),
    ("F.linear", ("F", "linear", ""), "a function of torch.nn.functional"),
    ("torch.unbind", ("torch", "unbind", ""), "a function of torch"),
    ("Tensor.transpose", ("Tensor", "transpose", ""), "a tensor's method"),
    ("@", (SYNTAX, "@", ""), "Python syntax has no namespace to print"),
    ("x[None]", (SYNTAX, "x[None]", ""), "an index is syntax, whatever it holds"),
    ("aten::add.Tensor", ("aten", "add", "Tensor"), "an ATen operator with its overload"),
    ("aten::gelu", ("aten", "gelu", ""), "the default overload is left out"),
    ("Conv", ("", "Conv", ""), "an operator of ai.onnx has no domain to print"),
    ("com.microsoft::Gelu", ("com.microsoft", "Gelu", ""), "a domain may contain dots"),
    ("pkg.layers::Outer.Inner", ("pkg.layers", "Outer", "Inner"), "a nested class reads back as it prints"),
    ("ai.onnx::Fused.fast", ("", "Fused", "fast"), "an overload in ai.onnx needs the domain to be told apart"),
]


@pytest.mark.parametrize(("text", "parts", "why"), CASES)
def test_text_and_parts(text, parts, why):
    assert OpName.parse(text) == OpName(*parts), why
    assert str(OpName(*parts)) == text, why


@pytest.mark.parametrize("dialect", Dialect)
@given(data=st.data())
def test_every_name_reads_back_as_itself(dialect, data):
    name = data.draw(NAMES[dialect])
    assert OpName.parse(str(name)) == name


def test_ai_onnx_is_the_default_domain():
    assert OpName("ai.onnx", "Relu") == OpName("", "Relu") == OpName.parse("ai.onnx::Relu")


def test_a_dotted_name_is_a_name_and_its_overload():
    assert OpName("pkg", "Outer.Inner") == OpName("pkg", "Outer", "Inner")
    assert OpName("pkg", "f.<locals>.Block", "x") == OpName("pkg", "f", "<locals>.Block.x")
