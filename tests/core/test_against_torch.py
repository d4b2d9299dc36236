"""What core says about torch, held against torch. The only module here that imports it."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils.flop_counter import FlopCounterMode

from opscan.core.agreement import calls
from opscan.core.canonical import canonical_operators
from opscan.core.dialect import Dialect
from opscan.core.macs import macs
from opscan.core.operator import OpName
from opscan.trace.torch_model import tensor_spec
from tests.fakes import inventory

SPELLINGS = {
    dialect: sorted({s for operator in canonical_operators() for s in operator.spellings(dialect)})
    for dialect in (Dialect.TORCH, Dialect.ATEN)
}
# torch spellings that are no function's name, by why.
NO_FUNCTION = {"boolean_dispatch": "what torch.fx records for F.max_pool2d and its like"}
# Where torch keeps functions: torch.linalg.norm is torch._C._linalg.linalg_norm, and so named in graphs.
NAMESPACES = (torch, F, torch.Tensor, torch._C._linalg, torch._C._fft)


@pytest.mark.parametrize("spelling", SPELLINGS[Dialect.ATEN])
def test_aten_spellings_exist(spelling):
    assert hasattr(torch.ops.aten, spelling)


@pytest.mark.parametrize("spelling", [s for s in SPELLINGS[Dialect.TORCH] if s.removeprefix("nn.").isidentifier()])
def test_torch_spellings_exist(spelling):
    if spelling.startswith("nn."):
        assert issubclass(getattr(nn, spelling.removeprefix("nn.")), nn.Module)
        return
    in_place = f"{spelling}_"
    exists = any(hasattr(space, name) for space in NAMESPACES for name in (spelling, in_place))
    assert exists or spelling in NO_FUNCTION


def test_everything_else_is_syntax():
    others = [s for s in SPELLINGS[Dialect.TORCH] if not s.removeprefix("nn.").isidentifier()]
    assert [s for s in others if not re.fullmatch(r"[^\w\s]+|-x|x\[[^\s]+\]=?", s)] == []


# --- multiply-accumulates -----------------------------------------------------------------------


def x(*shape):
    return torch.zeros(shape)


attention = F.scaled_dot_product_attention
# name as captured, the function, its tensors, keyword arguments
COUNTED = [
    ("torch.conv1d", F.conv1d, [x(2, 4, 9), x(6, 4, 3)], {}),
    ("torch.conv2d", F.conv2d, [x(2, 8, 10, 10), x(16, 4, 3, 3)], {"groups": 2, "stride": 2, "padding": 1}),
    ("torch.conv2d", F.conv2d, [x(2, 8, 10, 10), x(8, 1, 3, 3)], {"groups": 8, "dilation": 2}),
    ("torch.conv3d", F.conv3d, [x(1, 2, 4, 5, 6), x(3, 2, 2, 3, 2)], {}),
    ("torch.conv_transpose1d", F.conv_transpose1d, [x(2, 4, 9), x(4, 6, 3)], {"stride": 2}),
    ("torch.conv_transpose2d", F.conv_transpose2d, [x(2, 8, 5, 5), x(8, 16, 2, 2)], {"stride": 2}),
    ("torch.conv_transpose3d", F.conv_transpose3d, [x(1, 2, 3, 3, 3), x(2, 3, 2, 2, 2)], {}),
    ("F.linear", F.linear, [x(2, 5, 8), x(3, 8)], {}),
    ("torch.mm", torch.mm, [x(4, 8), x(8, 3)], {}),
    ("torch.bmm", torch.bmm, [x(2, 4, 8), x(2, 8, 3)], {}),
    ("torch.addmm", torch.addmm, [x(3), x(4, 8), x(8, 3)], {}),
    ("torch.baddbmm", torch.baddbmm, [x(2, 4, 3), x(2, 4, 8), x(2, 8, 3)], {}),
    ("torch.matmul", torch.matmul, [x(2, 1, 4, 8), x(3, 8, 5)], {}),
    ("torch.tensordot", torch.tensordot, [x(2, 3, 4, 5), x(4, 5, 7)], {"dims": 2}),
    ("F.scaled_dot_product_attention", attention, [x(2, 4, 5, 8), x(2, 4, 7, 8), x(2, 4, 7, 6)], {}),
    ("F.scaled_dot_product_attention", attention, [x(2, 8, 5, 4), x(2, 2, 7, 4), x(2, 2, 7, 4)], {"enable_gqa": True}),
]  # fmt: skip
EINSUMS = [
    ("bij,bjk->bik", (2, 4, 8), (2, 8, 3)),
    ("bhid,bhjd->bhij", (2, 3, 4, 8), (2, 3, 5, 8)),
    ("ij,jk", (4, 8), (8, 3)),
    ("ijx,jk->ik", (4, 8, 6), (8, 3)),
    ("ij,jk,kl->il", (4, 8), (8, 3), (3, 7)),
    ("bij,bjk,bkl->bil", (2, 4, 8), (2, 8, 3), (2, 3, 7)),
]


def torch_count(function, *arguments, **options):
    """Half of what torch counts, with attention as the matrix products that it is made of."""
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        result = function(*arguments, **options)
    return counter.get_total_flops() // 2, result


@pytest.mark.parametrize(("name", "function", "tensors", "options"), COUNTED)
def test_counts_are_half_of_torchs(name, function, tensors, options):
    counted, result = torch_count(function, *tensors, **options)
    ours = macs(OpName.parse(name), list(map(tensor_spec, tensors)), [tensor_spec(result)], options)
    assert ours == counted > 0


@pytest.mark.parametrize("einsum", EINSUMS, ids=lambda row: row[0])
def test_einsum_counts_are_half_of_torchs(einsum):
    equation, *shapes = einsum
    tensors = [x(*shape) for shape in shapes]
    counted, result = torch_count(torch.einsum, equation, *tensors)
    specs = list(map(tensor_spec, tensors))
    assert macs(OpName("torch", "einsum"), specs, [tensor_spec(result)], {"equation": equation}) == counted > 0


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("widths", [{}, {"kdim": 6, "vdim": 4}], ids=["same", "kdim"])
def test_multihead_attention_counts_are_half_of_torchs(batch_first, widths):
    module = nn.MultiheadAttention(8, 2, batch_first=batch_first, **widths)
    shapes = [(2, 5, 8), (2, 7, widths.get("kdim", 8)), (2, 7, widths.get("vdim", 8))]
    tensors = [x(*shape) if batch_first else x(*shape).transpose(0, 1) for shape in shapes]
    counted, (result, _) = torch_count(module.train(), *tensors)
    attributes = {"embed_dim": 8, "batch_first": batch_first}
    assert (
        macs(OpName("nn", "MultiheadAttention"), list(map(tensor_spec, tensors)), [tensor_spec(result)], attributes)
        == counted
    )


# --- what modules call --------------------------------------------------------------------------

SEQUENCE, IMAGE, VIDEO = x(2, 4, 8), x(2, 4, 8, 8), x(1, 4, 4, 4, 4)
# Constructor arguments by how the module's name begins.
ARGUMENTS = {
    "Conv": (4, 4, 2), "BatchNorm": (4,), "InstanceNorm": (4,), "LayerNorm": (8,), "GroupNorm": (2, 4), "RMSNorm": (8,),
    "Linear": (8, 3), "Bilinear": (8, 8, 2), "MaxPool": (2,), "AvgPool": (2,), "LPPool": (2, 2), "Adaptive": (2,),
    "Pixel": (2,), "ChannelShuffle": (2,), "Embedding": (9, 3), "Unfold": (2,), "Fold": ((3, 3), (2, 2)),
    "Upsample": (None, 2), "ZeroPad": (1,), "ConstantPad": (1, 0.0), "Reflection": (1,), "Replication": (1,),
    "LocalResponse": (2,), "Unflatten": (1, (2, 2)), "Threshold": (0.1, 0.0), "GLU": (1,), "MultiheadAttention": (8, 2),
    "Softmax": (-1,), "LogSoftmax": (-1,),
}  # fmt: skip
INPUTS = {
    "Embedding": (torch.zeros(2, 3, dtype=torch.long),), "Fold": (x(1, 4, 4),), "Bilinear": (SEQUENCE, SEQUENCE),
    "MultiheadAttention": (SEQUENCE,) * 3, "NLLLoss": (x(2, 4), torch.zeros(2, dtype=torch.long)),
    "CrossEntropyLoss": (x(2, 4), x(2, 4)),
}  # fmt: skip
ON_IMAGES = ("PixelShuffle", "PixelUnshuffle", "GroupNorm", "Unfold", "ChannelShuffle", "LocalResponseNorm")
# Several calls, a partner module or a GPU: held by the models' own tests where one uses them.
NOT_CALLED = {"SyncBatchNorm", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "LSTM", "GRU", "RNN"}
MODULES = sorted({s.removeprefix("nn.") for s in SPELLINGS[Dialect.TORCH] if s.startswith("nn.")} - NOT_CALLED)


# Questions about a tensor's type, which compute nothing.
_INSPECTS = re.compile(r"__get__$|^Tensor\.(dim|size)$|^is_|^None$")


class Calls(TorchFunctionMode):
    """Notes every torch function that is called, by the name that torch.overrides gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.names.append(str(resolve_name(function)).removeprefix("torch."))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", MODULES)
def test_modules_call_what_we_say(name):
    arguments = next((values for start, values in ARGUMENTS.items() if name.startswith(start)), ())
    module = getattr(nn, name)(*arguments).eval()
    shaped = VIDEO if "3d" in name else IMAGE if "2d" in name or name in ON_IMAGES else SEQUENCE
    with torch.no_grad(), Calls() as seen:
        module(*INPUTS.get(name, (shaped,)))
    (said,) = calls(inventory(f"nn.{name}", dialect=Dialect.TORCH)) or (None,)
    assert [called for called in seen.names if not _INSPECTS.search(called)] == ([said] if said else [])
