"""The quicker export writes what torch.onnx.export writes, byte for byte."""

import re

import onnx_ir as ir
import pytest
import torch
from onnx import ModelProto
from torch import nn

from opscan.sources import bundled
from opscan.trace.aten import export_program
from opscan.trace.folded import FoldedProgram
from opscan.trace.onnx_file import inventory_of
from opscan.trace.onnx_quick import quick_export
from opscan.trace.provenance import SourceLines
from opscan.trace.torch_model import build_weightless, example_inputs, give_untouched_memory, quiet
from opscan.trace.torch_quick import quick_graphs
from tests.trace import networks
from tests.trace.test_folded import InPlace, Repeated, ScalarKinds, Strides


class Promoted(nn.Module):
    """Numbers and tensors of several types meet; what follows depends on the type that they become."""

    def forward(self, x):
        counts = torch.arange(4)
        halves = x.to(torch.float16) * 2
        return (counts / 3 + x) * 2, halves + x, (counts * 2.5).softmax(0), torch.where(x > 0, 1, 0.5)


class Constants(nn.Module):
    """What the optimizer computes from shapes, and what it cannot."""

    def forward(self, x):
        y = x.reshape(x.shape[0] * 2, -1)
        grid = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")).flatten(1)
        return y.sum(1), x[:, grid[0]], x[grid[1] % 2].mean(), x.new_zeros(3) + y.shape[1]


class Same(nn.Module):
    """Equal operators on equal types, of which the optimizer removes some."""

    def forward(self, x):
        return torch.cat([x.view(2, 8).t().relu(), x.view(2, 8).t().relu(), x.view(2, 8).t().relu() + 1])


# network, shape, what the row proves
NETWORKS = [
    (Repeated, (4, 8), "blocks that repeat, with tuples and views"),
    (InPlace, (1, 3, 4, 4), "normalisation that is folded into a convolution"),
    (ScalarKinds, (4, 4), "1, 1.0 and True"),
    (Strides, (4, 4), "copies and views"),
    (Promoted, (4,), "types are promoted, and change what follows"),
    (Constants, (4, 6), "constants are folded"),
    (Same, (16,), "equal nodes"),
    (networks.FusedAttention, (1, 2, 3, 4), "fused attention"),
    (networks.Einsum, (2, 3, 4), "an equation"),
    (networks.Attention, (1, 3, 8), "torch's own attention"),
    (networks.Loopy, (3,), "control flow"),
]  # fmt: skip


@pytest.mark.parametrize(("network", "shape", "proof"), NETWORKS, ids=[row[-1] for row in NETWORKS])
def test_the_same_bytes(network, shape, proof):
    require_same(network().eval(), (torch.zeros(shape),))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deit_ti", "swin_t", "efficientnet_b0", "detr_r50", "volo_d1"])
def test_the_same_bytes_of_bundled_models(name):
    source = bundled.resolve(name)
    model = build_weightless(source)
    give_untouched_memory(model)
    require_same(model, example_inputs(source.inputs, "cpu"))


@pytest.mark.parametrize(("network", "shape", "proof"), NETWORKS[:4], ids=[row[-1] for row in NETWORKS[:4]])
def test_places_alone_make_the_same_inventory(network, shape, proof):
    model = network().eval()
    found = []
    for places_only in (False, True):
        with quick_graphs(), quick_export(places_only=places_only):
            proto = ModelProto.FromString(written(export_program(model, (torch.zeros(shape),))))
        found.append(inventory_of(proto, "net", "torch.onnx.export", lines=SourceLines({}, ())))
    assert found[0] == found[1], proof
    assert all(site.source for site in found[1].sites if not site.constant)


def require_same(model, arguments):
    """Twice: the second time much is remembered."""
    expected = written(export_program(model, arguments))
    for _ in range(2):
        with quick_graphs(), quick_export():
            assert written(FoldedProgram.of(export_program(model, arguments))) == expected


def written(program):
    with quiet(), torch.no_grad():
        exported = torch.onnx.export(program, (), dynamo=True, verbose=False)
    for node in exported.model.graph.all_nodes():  # torch numbers generated code through the process
        trace = node.metadata_props.get("pkg.torch.onnx.stack_trace", "")
        node.metadata_props["pkg.torch.onnx.stack_trace"] = re.sub(r"<eval_with_key>\.\d+", "<generated>", trace)
    for value in exported.model.graph.initializers.values():
        if value.const_value.nbytes > 4096:  # weights are the same memory
            value.const_value = ir.ExternalTensor(
                "", 0, 0, value.dtype, shape=value.shape, name=value.name, base_dir=""
            )
    return ir.serde.serialize_model(exported.model).SerializeToString(deterministic=True)
