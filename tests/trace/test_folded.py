"""Decomposing each distinct call once gives what decomposing the whole program gives, node for node."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.onnx._internal.exporter import _decomp

from opscan.sources import bundled
from opscan.trace.aten import export_program
from opscan.trace.decompositions import NotFoldable
from opscan.trace.folded import FoldedProgram, _folded
from opscan.trace.onnx_export import NATIVE_OPSET
from opscan.trace.onnx_quick import registry
from opscan.trace.torch_model import build_weightless, example_inputs, give_untouched_memory, quiet
from tests.trace import networks


def exporter_table():
    """What torch.onnx.export decomposes by."""
    operators = set(_decomp.get_onnx_implemented_overloads(registry(NATIVE_OPSET)))
    return _decomp.create_onnx_friendly_decomposition_table(operators)


TABLES = {"core": lambda: None, "exporter": exporter_table}


def described(program):
    """Everything that an inventory and the exporter read of a program."""
    rows = [str(program.graph_signature)]
    for node in program.graph.nodes:
        value = torch.utils._pytree.tree_map_only(torch.Tensor, tensor, node.meta.get("val"))
        value = tuple(value) if isinstance(value, list) else value
        place = (
            (node.meta.get("stack_trace"), str(node.meta.get("nn_module_stack"))) if node.op != "placeholder" else ()
        )
        rows.append((node.op, node.name, str(node.target), str(node.args), str(node.kwargs), value, place))
    return rows


def tensor(value):
    """A stride along one element says nothing; torch's fake tensors and its meta kernels give different ones."""
    strides = tuple(stride for size, stride in zip(value.shape, value.stride(), strict=True) if size != 1)
    return tuple(value.shape), strides, value.dtype, value.requires_grad


def require_same(program, table):
    with quiet(), torch.no_grad():
        whole = described(program.run_decompositions(TABLES[table]()))
        folded = described(_folded(program, TABLES[table]()))
    assert folded == whole


class Repeated(nn.Module):
    """Blocks with the operators that a fold can get wrong."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(3))

    def forward(self, x):
        for block, norm in zip(self.blocks, self.norms, strict=True):
            y = F.dropout(block(norm(x)), 0.1, self.training)
            a, b = y.chunk(2, dim=-1)
            x = x + torch.cat((b, a), -1).transpose(-1, -2).contiguous().transpose(-1, -2)
        return x.sum(-1)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)) for _ in range(3))
        self.drop = nn.Dropout(0.1, inplace=True)

    def forward(self, x):
        for layer in self.layers:
            y = layer(x)
            y += x
            x = self.drop(F.relu_(y))
        return x


class ScalarKinds(nn.Module):
    """1, 1.0 and True are equal in Python, and other arguments to torch."""

    def forward(self, x):
        return torch.cat((torch.full_like(x, 1), torch.full_like(x, 1.0), x.sum(0, True), x * 2, x * 2.0))


class SameTwice(nn.Module):
    """x @ x and x @ y are different calls on equal types."""

    def forward(self, x):
        y = x + 1
        return x @ x + x @ y + y @ x


class Strides(nn.Module):
    """reshape copies or not, as the strides have it."""

    def forward(self, x):
        y = x.reshape(16)
        z = x.transpose(0, 1).reshape(16)
        return y + z + x.T.contiguous().reshape(16)


class ViewedAfterwards(nn.Module):
    """torch makes the view anew from the changed tensor, under another name."""

    def forward(self, x):
        return F.relu_(x + 1).transpose(0, 1) * 2


class ViewsOfViews(nn.Module):
    """Each is made anew from the changed tensor where it is used first, once."""

    def forward(self, x):
        y = F.relu_(x + 1)
        a = y.transpose(0, 1).unsqueeze(0)
        b = a[:, 1:, ::2].flatten(1)
        c = y.view(2, 8)
        return a.sum() + (b * b).sum() + c * c + y.reshape(2, 8) + y.transpose(0, 1).reshape(2, 8)


class ChangedAndGiven(nn.Module):
    """Operators that take views of what they are given, one of them of both operands."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = x + 1
        y += x
        z = (x * 2).masked_fill_(y > 0, 0.5)
        heads = z.view(2, 2, 4).permute(1, 0, 2)
        return self.linear(y.view(2, 2, 4)) @ heads.transpose(1, 2), torch.stack([heads, heads]).softmax(-1)


class ChangedTwice(nn.Module):
    def forward(self, x):
        y = F.relu_((x + 1).mul_(2))
        return y.t() + y.expand(2, 4, 4).contiguous()


FOLDABLE = [
    (Repeated, (4, 8), "tuples, views and dropout in repeated blocks"),
    (InPlace, (1, 3, 4, 4), "in-place operators on tensors that nobody else sees"),
    (ScalarKinds, (1, 4), "arguments that are equal in Python"),
    (SameTwice, (4, 4), "one tensor as two arguments"),
    (Strides, (4, 4), "types that differ in strides only"),
    (networks.SharedWeights, (2, 4), "one parameter under two names"),
    (networks.Buffers, (4, 3), "operators on buffers"),
    (ViewedAfterwards, (4, 4), "a view of a changed tensor"),
    (ViewsOfViews, (4, 4), "views of views of a changed tensor"),
    (ChangedAndGiven, (4, 4), "operators that view changed tensors"),
    (ChangedTwice, (4, 4), "a tensor that is changed twice"),
    (networks.FusedAttention, (1, 2, 3, 4), "fused attention"),
    (networks.Einsum, (2, 3, 4), "einsum"),
    (networks.Attention, (1, 3, 8), "torch's own attention"),
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("network", "shape", "what"), FOLDABLE, ids=[row[-1] for row in FOLDABLE])
def test_folded_is_the_whole(network, shape, what, table):
    require_same(export_program(network().eval(), (torch.zeros(shape),)), table)


class ChangesAView(nn.Module):
    def forward(self, x):
        y = x + 1
        y[0].mul_(2)
        return y


class ChangesItsInput(nn.Module):
    def forward(self, x):
        x.add_(1)
        return x * 2


class SeenTwice(nn.Module):
    def forward(self, x):
        y = x + 1
        z = y.view(-1)
        y.relu_()
        return z


class PartsOfChanged(nn.Module):
    """torch takes all parts anew for each."""

    def forward(self, x):
        a, b = F.relu_(x + 1).split(2)
        return a + b


class ReturnsAView(nn.Module):
    def forward(self, x):
        return F.relu_(x + 1).t()


class InTraining(nn.Module):
    """Running statistics change."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        self.norm.train()
        return self.norm(x)


NOT_FOLDABLE = [
    (ChangesAView, (4, 4), "a change through a view"),
    (ChangesItsInput, (4,), "a change of the model's input"),
    (SeenTwice, (4, 4), "a change that a view sees"),
    (PartsOfChanged, (4, 4), "parts of a changed tensor"),
    (ReturnsAView, (4, 4), "a view of a changed tensor that is returned"),
    (InTraining, (3, 4), "a change of running statistics"),
    (networks.Loopy, (3,), "control flow"),
]  # fmt: skip


@pytest.mark.parametrize(("network", "shape", "what"), NOT_FOLDABLE, ids=[row[-1] for row in NOT_FOLDABLE])
def test_what_is_not_plain_is_not_folded(network, shape, what):
    program = export_program(network(), (torch.zeros(shape),))
    with pytest.raises((NotFoldable, RuntimeError)):
        _folded(program, None)
    whole = described(program.run_decompositions())
    assert described(FoldedProgram.of(program).run_decompositions()) == whole, what


def test_symbolic_shapes_are_not_folded():
    rows = torch.export.Dim("rows", min=2)
    program = torch.export.export(Repeated().eval(), (torch.zeros(4, 8),), dynamic_shapes=({0: rows},))
    with pytest.raises(NotFoldable, match="no tensor of fixed shape"):
        _folded(program, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled.names())
def test_every_bundled_model_folds_exactly(name):
    """So do its inventories, which are read from these graphs, names and places included.

    The only reason for which a bundled model is not folded is a change through a view.
    """
    source = bundled.resolve(name)
    model = build_weightless(source)
    give_untouched_memory(model)
    program = export_program(model, example_inputs(source.inputs, "cpu"))
    for table in TABLES:
        try:
            require_same(program, table)
        except NotFoldable as refused:  # such a model is decomposed as a whole: that is the reference itself
            if "changes a tensor that others may see" not in str(refused):
                raise
