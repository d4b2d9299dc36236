"""torch.export, whose tracer sees each distinct call once, gives the graph that it gives otherwise, node for node."""

import re
from unittest.mock import patch

import pytest
import torch
from torch import nn

from opscan.sources import bundled
from opscan.trace.aten import export_program
from opscan.trace.call_records import records
from opscan.trace.torch_model import build_weightless, example_inputs, give_untouched_memory
from opscan.trace.torch_quick import quick_graphs
from opscan.trace.traced_calls import TracedOnce
from tests.trace import networks
from tests.trace.call_networks import (
    Asks,
    Autocast,
    BufferAssigned,
    BuffersChange,
    Complex,
    ConstantChanges,
    Constants,
    DefaultType,
    EqualInPython,
    Functions,
    Gradients,
    InPlace,
    InPlaceOnViews,
    Layouts,
    Makes,
    Mapped,
    OneTensorTwice,
    OtherDevice,
    OwnFunction,
    Parameters,
    Promotes,
    Random,
    SameAgain,
    Several,
    Shared,
    SizeOfValue,
    Strides,
    TypeChanges,
    Unchanged,
    Unused,
    ValueOfConstant,
)


def described(program):
    """All that torch says of a program and its nodes."""
    rows = [str(program.graph_signature), str(program.module_call_graph), sorted(program.state_dict)]
    rows += [(name, str(value)) for name, value in program.constants.items()]
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            value = torch.utils._pytree.tree_map_only(torch.Tensor, tensor, node.meta.get("val"))
            meta = {key: re.sub(r"key>\.\d+", "", str(said)) for key, said in node.meta.items() if key != "val"}
            rows.append((node.op, node.name, str(node.target), str(node.args), str(node.kwargs), str(value), meta))
    return rows


def tensor(value):
    return tuple(value.shape), value.stride(), value.storage_offset(), value.dtype, value.device, value.requires_grad


def exports(build, arguments):
    """The graphs as torch gives them, from tracing each distinct call, and from calls that are known; and the names of
    the functions that torch's tracer saw although all were known."""
    records.cache_clear()
    whole = described(export_program(build(), arguments, plain=True))
    first = described(export_program(build(), arguments))
    seen = []

    def noting(self, func, *rest):
        if self.tracer.module_stack:
            seen.append(func.__name__)
        return unknown(self, func, *rest)

    unknown = TracedOnce._unknown
    with patch.object(TracedOnce, "_unknown", noting):
        again = described(export_program(build(), arguments))
    return whole, first, again, seen


# network, the functions that torch's tracer sees each time (None: not told here), what the row proves
NETWORKS = [
    (Functions, [], "functions, methods, operators and modules, with and without defaults"),
    (EqualInPython, [], "arguments that are equal in Python"),
    (OneTensorTwice, [], "one tensor as two arguments"),
    (Strides, [], "types that differ in strides or offset only"),
    (Unchanged, [], "operators that give back their input"),
    (Several, [], "tuples and lists as results"),
    (Asks, [], "questions about types"),
    (Makes, [], "operators that make tensors of none"),
    (Parameters, [], "parameters, frozen ones, buffers and results are of different types"),
    (Layouts, [], "strides"),
    (Promotes, [], "operands of several types"),
    (SameAgain, [], "operators that give back their operand, which is changed then"),
    (InPlace, [], "tensors that change in place"),
    (InPlaceOnViews, ["__setitem__"], "views that change in place, and an input"),
    (BuffersChange, [], "buffers that change"),
    (BufferAssigned, [], "a buffer that is assigned"),
    (Shared, [], "a module under two names"),
    (Unused, [], "results that nobody uses"),
    (networks.SharedWeights, [], "a parameter under two names"),
    (networks.Attention, [], "torch's own attention"),
    (lambda: nn.TransformerEncoderLayer(4, 2).eval(), [], "torch's own encoder layer, which has a fast path"),
    (networks.Einsum, [], "einsum"),
    (Random, [], "random operators"),
    (OwnFunction, [], "an autograd function, whose code is called forward too"),
    (Constants, None, "constants made in forward, and a tensor that is no buffer"),
    (ValueOfConstant, None, "code that looks at a value"),
    (ConstantChanges, None, "a constant that changes in place"),
    (TypeChanges, ["unsqueeze_", "squeeze_", "t_"], "a tensor whose type changes"),
    (Gradients, None, "gradients switched on in the middle"),
    (Autocast, None, "autocast in the middle"),
    (DefaultType, [], "the default type changed in the middle"),
    (OtherDevice, ["device", "device"], "another device in the middle"),
    (Complex, None, "complex numbers"),
    (Mapped, None, "vmap"),
    (SizeOfValue, None, "sizes that depend on values"),
    (networks.Loopy, None, "control flow"),
]  # fmt: skip
SHAPES = {networks.SharedWeights: (2, 4), networks.Attention: (1, 3, 8), networks.Einsum: (2, 3, 4)}


@pytest.mark.parametrize(("network", "seen", "what"), NETWORKS, ids=[row[2] for row in NETWORKS])
def test_the_graph_is_torchs(network, seen, what):
    arguments = (torch.zeros(SHAPES.get(network, (4, 4))),)
    whole, first, again, found = exports(network, arguments)
    assert first == whole
    assert again == whole, what
    assert seen is None or found == seen


class Mismatch(nn.Module):
    def forward(self, x):
        return x @ torch.ones(3, 4)


def test_what_does_not_fit_fails_alike():
    messages = []
    for plain in (True, False):
        with pytest.raises(RuntimeError) as error:
            export_program(Mismatch(), (torch.zeros(4, 4),), plain=plain)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_what_code_does_with_values_fails_alike():
    arguments = (torch.zeros(4, 4),)
    for plain in (True, False):
        with pytest.raises(Exception, match="data-dependent"):
            export_program(networks.DataDependent(), arguments, plain=plain)


MODELS = [
    ("cmt_s", "convolutions, and attention with relative positions"),
    ("coatnet_0_repo", "tables that are looked up"),
    ("deformable_detr_r50_two_stage", "sampling, in-place writes, and code that asks for values"),
    ("detr_r50_masked", "torch's own interpolation and group norms"),
    ("swin_t", "masks, rolls and windows"),
    ("volo_d1", "fold, unfold and repeated class attention"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "what"), MODELS)
def test_a_bundled_model_has_torchs_graph(name, what):
    """Of all 84, tests/trace/test_blocks.py compares the inventories with those that are exported plainly."""
    source = bundled.resolve(name)

    def graph(plain):
        model = build_weightless(source)
        give_untouched_memory(model)
        return described(export_program(model, example_inputs(source.inputs, "cpu"), plain=plain))

    with quick_graphs():
        assert graph(plain=False) == graph(plain=True), what
