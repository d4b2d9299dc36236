"""Capture of torch models in the three dialects, on networks small enough to count by hand."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from opscan.core.agreement import calls
from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer
from opscan.core.source import InputSpec, TorchSource
from opscan.trace.session import TorchSession
from opscan.trace.torch_model import build_weightless

from . import networks


def source(network, *shape):
    return TorchSource(name=network.__name__, build=network, inputs={"x": InputSpec(shape)})


def captured(network, shape, dialect=Dialect.TORCH, opset=None):
    return TorchSession(source(network, *shape)).capture(dialect, opset)


def operators(inventory):
    return Counter(str(site.op) for site in inventory.sites)


TORCH_CASES = [
    (networks.Indexing, (2, 3, 4), {"x[:]": 2, "x[i]": 2, "x[None]": 1, "+": 1, "Tensor.squeeze": 1},
     "a tuple index is split component by component, an ellipsis is none"),
    (networks.TuplePicks, (2, 4, 3), {"Tensor.chunk": 1, "Tensor.max": 1, "+": 2, "x[:]": 1, "x[None]": 1},
     "picking from a tuple is no operator"),
    (networks.SizeArithmetic, (1, 2, 4, 3), {"Tensor.reshape": 1}, "arithmetic on sizes is no operator"),
    (networks.Spellings, (1, 2, 2), {"@": 1, "Tensor.transpose": 1, "torch.matmul": 1, "+=": 1, "*=": 1,
                                     "F.softmax": 1, "Tensor.softmax": 1},
     "operators keep the author's spelling, in-place ones too"),
    (networks.Buffers, (4, 3), {"Tensor.repeat": 1, "Tensor.gather": 1}, "operators on buffers are seen"),
    (networks.Attention, (1, 3, 8), {"nn.MultiheadAttention": 1}, "a torch module is one operator"),
]  # fmt: skip


@pytest.mark.parametrize(("network", "shape", "expected", "why"), TORCH_CASES, ids=[c[3] for c in TORCH_CASES])
def test_torch_dialect(network, shape, expected, why):
    inventory = captured(network, shape)
    assert operators(inventory) == expected
    assert [rung.method for rung in inventory.rungs] == ["torch.fx"]


def test_source_lines_are_the_authors():
    text = Path(networks.__file__).read_text().splitlines()
    line = next(number for number, content in enumerate(text, 1) if "# SOURCE" in content)
    assert {site.source for site in captured(networks.Indexing, (2, 3, 4)).sites} == {f"tests/trace/networks.py:{line}"}


def test_index_components_carry_their_own_shapes():
    first, second = captured(networks.Indexing, (2, 3, 4)).sites[:2]
    assert (first.outputs[0].shape, second.outputs[0].shape) == ((2, 3, 4), (2, 4))
    assert second.inputs[0] == first.outputs[0]


def test_calls_and_values_of_every_operand():
    """A number on the left calls another method; an index with an ellipsis is one call, and its result is read."""
    found = captured(networks.Operands, (2, 2, 2))
    assert calls(found) == {
        "Tensor.__rsub__": 1, "Tensor.__rpow__": 1, "Tensor.div": 1, "Tensor.add": 1, "Tensor.sub": 1,
        "Tensor.__getitem__": 2,
    }  # fmt: skip
    made = {spec.name for site in found.sites for spec in site.outputs}
    assert {spec.name for site in found.sites for spec in site.inputs} - made == {"x"}


def test_constants_are_told_from_values():
    repeat, gather = captured(networks.Buffers, (4, 3)).sites
    assert (repeat.constant, gather.constant) == (True, False)
    assert [spec.constant for spec in gather.inputs] == [False, True]


@pytest.mark.parametrize("dialect", Dialect)
def test_each_value_has_one_maker(dialect):
    """Edges come from the names of values."""
    inventory = captured(networks.Wiring, (2, 4), dialect)
    made = [spec.name for site in inventory.sites for spec in site.outputs]
    read = {spec.name for site in inventory.sites for spec in site.inputs if not spec.constant}
    assert len(made) == len(set(made))
    assert read - set(made) == {"x"}, "what nothing makes is the model's input"


def test_a_part_captured_another_way_is_wired_to_the_rest():
    inventory = captured(networks.Wiring, (2, 4))
    reads = {str(site.op): [spec.name for spec in site.inputs] for site in inventory.sites}
    assert reads["Tensor.unbind"] == ["x"]
    assert reads["Tensor.add"] == ["part/stack", "iadd"]
    assert reads["*"] == ["part/add", "iadd"], "what it hands through is what it was given"


LADDER = [
    (networks.WithBranchingPart, ["torch.fx with leaf modules", "torch.export", "torch.export"],
     "a module that torch.fx cannot trace is captured by torch.export, the rest as written"),
    (networks.Branching, ["torch.export"], "a root that torch.fx cannot trace is captured by torch.export"),
]  # fmt: skip


@pytest.mark.parametrize(("network", "rungs", "why"), LADDER, ids=[c[2] for c in LADDER])
def test_ladder(network, rungs, why):
    inventory = captured(network, (2, 4))
    assert [rung.method for rung in inventory.rungs] == rungs
    assert inventory.uncaptured == ()
    assert all("bool" in rung.reason or "TraceError" in rung.reason for rung in inventory.rungs if rung.reason)


def test_parts_captured_another_way_keep_their_places():
    inventory = captured(networks.WithBranchingPart, (2, 4))
    linears = [site for site in inventory.sites if site.op.name == "linear"]
    assert [site.module for site in linears] == ["parts.0.linear", "parts.1.linear"]
    assert all(site.source.startswith("tests/trace/networks.py:") for site in inventory.sites)
    assert inventory.macs == 2 * 2 * 4 * 4


def test_what_no_rung_captures_is_no_answer_with_both_reasons():
    with pytest.raises(NoAnswer, match=r"DataDependent: torch.export failed: .*torch.fx failed too: ") as caught:
        captured(networks.DataDependent, (4,))
    assert "\n" not in str(caught.value)


def test_constructor_that_fails_is_no_answer():
    def broken():
        raise RuntimeError("no such\nlayer")

    with pytest.raises(NoAnswer, match=r"^broken: building the model failed: RuntimeError: no such$"):
        TorchSession(source(broken, 1)).capture(Dialect.TORCH)


MACS = [
    (networks.Spellings, (1, 2, 2), 2 * 2 * 2 * 2, "two products of 2x2 matrices"),
    (networks.Convolutions, (1, 4, 8, 8), 4 * 4 * 8 * 2 * 9 + 4 * 4 * 8 * 4 * 4, "grouped and transposed convolution"),
    (networks.Einsum, (2, 3, 4), 2 * 3 * 3 * 4, "a contraction over d"),
    (networks.FusedAttention, (1, 2, 3, 4), 2 * (2 * 3 * 3 * 4), "scores and context of two heads"),
    (networks.Attention, (1, 3, 8), 4 * 3 * 8 * 8 + 2 * 3 * 3 * 8, "four projections, scores and context"),
    (networks.SharedWeights, (2, 4), 2 * 2 * 4 * 4, "a shared weight is used twice"),
]  # fmt: skip


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(("network", "shape", "expected", "why"), MACS, ids=[c[3] for c in MACS])
def test_macs(network, shape, expected, why, dialect):
    assert captured(network, shape, dialect).macs == expected


@pytest.fixture
def plain_attention():
    """nn.MultiheadAttention's fast path is one operator, which torch does not count."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(("network", "shape", "expected", "why"), MACS, ids=[c[3] for c in MACS])
def test_macs_counted_by_hand_are_half_of_what_torch_counts(network, shape, expected, why, plain_attention):
    model = network().eval()
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(torch.zeros(shape))
    assert counter.get_total_flops() == 2 * expected


def test_shared_parameters_count_once_and_stay_shared():
    model = build_weightless(source(networks.SharedWeights, 2, 4))
    assert model.first.weight is model.second.weight
    assert captured(networks.SharedWeights, (2, 4)).params == 4 * 4 + 4 + 4


def test_control_flow_bodies_are_walked_in_aten():
    inventory = captured(networks.Loopy, (3,), Dialect.ATEN)
    inside = {str(site.op) for site in inventory.sites if site.body}
    assert {"aten::sin", "aten::cos", "aten::add.Tensor"} <= inside


def test_control_flow_bodies_are_walked_in_onnx():
    inventory = captured(networks.Loopy, (3,), Dialect.ONNX)
    assert operators(inventory)["If"] == 1
    assert {"Sin", "Cos", "Add"} <= {str(site.op) for site in inventory.sites if site.body}


@pytest.mark.parametrize(("opset", "gelu"), [(None, "Gelu"), (20, "Gelu"), (18, "Erf"), (17, "Erf"), (15, "Erf")])
def test_opset_is_selectable(opset, gelu):
    class Net(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.gelu(x).mean(dim=(1, 2))

    inventory = captured(Net, (1, 2, 3), Dialect.ONNX, opset)
    assert opset is None or inventory.opset == opset
    assert operators(inventory)[gelu] == 1
    assert all(site.source for site in inventory.sites)


CAPTURE_VIT_L = """
import resource, sys
import onnx, onnxscript, torch, torch.onnx, torch.export
import torch._dynamo, torch.fx.experimental.proxy_tensor
from opscan.core.dialect import Dialect
from opscan.sources import bundled
from opscan.trace.session import TorchSession
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
inventory = TorchSession(bundled.resolve("vit_l16")).capture(Dialect(sys.argv[1]))
assert inventory.params == 304_326_632
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("dialect", Dialect)
def test_capturing_304_million_parameters_takes_less_than_200_mb(dialect):
    """Its weights alone are 1.2 GB. Measured against a process that has imported torch and onnx."""
    command = [sys.executable, "-W", "ignore", "-c", CAPTURE_VIT_L, dialect]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 200
