"""A model exported without its repeated blocks has the inventory of the whole model."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from opscan.core.dialect import Dialect
from opscan.core.record import replace
from opscan.core.repeats import alike
from opscan.core.source import InputSpec, TorchSource
from opscan.sources import bundled
from opscan.trace.session import TorchSession


class Block(nn.Module):
    def __init__(self, scale=0.5, shift=0, buffer=None):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 8)
        self.scale, self.shift = scale, shift
        if buffer is not None:
            self.register_buffer("buffer", torch.tensor(buffer))

    def forward(self, x):
        y = self.linear(self.norm(x)) * self.scale
        if self.shift:
            y = y.roll(self.shift, 1)
        return x + y + self.buffer if hasattr(self, "buffer") else x + y


class Stack(nn.Module):
    """Eight blocks, and what `forward` does with them."""

    def __init__(self, blocks, forward=None):
        super().__init__()
        self.stem, self.head = nn.Linear(8, 8), nn.Linear(8, 4)
        self.blocks = nn.ModuleList(blocks)
        self.forward_blocks = forward or one_by_one

    def forward(self, x):
        x = F.gelu(self.head(self.forward_blocks(self, self.stem(x)).mean(1)))
        return x.softmax(-1)


def one_by_one(self, x):
    for block in self.blocks:
        x = block(x)
    return x


def counting(self, x):
    return one_by_one(self, x) / len(self.blocks)


def by_number(self, x):
    for number in range(8):
        x = self.blocks[number](x)
    return x


def collecting(self, x):
    parts = [x := block(x) for block in self.blocks]
    return torch.stack(parts).sum(0)


def in_between(self, x):
    for block in self.blocks:
        x = block(x).relu()
    return x


class Attending(nn.Module):
    """Every block turns the same mask around; the exporter does it once, in the first."""

    def forward(self, x, mask):
        return x + ((x @ x.transpose(1, 2)).masked_fill(~mask, -9.0) @ x)


def with_mask(self, x):
    mask = x[:, :, :4] > 0
    for block in self.blocks:
        x = block(x, mask)
    return x


def with_constants(self, x):
    for number, block in enumerate(self.blocks):
        x = block(x) + torch.tensor(number / 8)
    return x


def stack(forward=None, **each):
    """A function that builds it; what is given for each block is a list."""
    blocks = [dict(zip(each, values, strict=True)) for values in zip(*each.values(), strict=True)] if each else [{}] * 8
    return lambda: Stack([Block(**settings) for settings in blocks], forward)


# network, equal periods that stay where it is exported without the others, what the row proves
NETWORKS = [
    (stack(), 2, "equal blocks"),
    (stack(shift=[0, 1] * 4), 2, "alternating blocks"),
    (stack(shift=[1, 0, 0, 0, 0, 0, 0, 2]), 2, "other blocks before and after"),
    (stack(buffer=[[0.5] * 8] * 8), 2, "blocks with equal buffers"),
    (lambda: Stack([Attending() for _ in range(8)], with_mask), 3, "what the first block computes for all"),
    (lambda: nn.Sequential(*(Block() for _ in range(8))), 2, "a Sequential, which is the model itself"),
    (stack(scale=[0.5, 0.5, 0.5, 0.25, 0.5, 0.5, 0.25, 0.5]), None, "a number in one block's code"),
    (stack(buffer=[[0.5] * 8] * 5 + [[0.0] * 8] * 3), None, "a buffer with other values"),
    (stack(counting), None, "the number of blocks used in a computation"),
    (stack(by_number), None, "blocks that the code names by number"),
    (stack(collecting), None, "what each block gives is used later"),
    (stack(with_constants), None, "a tensor of the parent between blocks"),
    (stack(in_between), None, "an operator of the parent between blocks"),
    (stack(shift=[1, 2, 3, 4, 5, 6, 7, 8]), None, "no two blocks alike"),
    (lambda: Stack([Block(), Block()]), None, "two blocks are not many"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "kept", "what"), NETWORKS, ids=[row[2] for row in NETWORKS])
def test_without_repeated_blocks(build, kept, what):
    source = TorchSource(name="net", build=build, inputs={"x": InputSpec((2, 4, 8))})
    session = require_whole(source)
    assert (session._kept[0] if session._shortened else None) == kept, what


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled.names())
def test_every_bundled_model_is_whole(name):
    """Operators, attributes, types, module paths, source lines and MACs of each site, and who reads whose values."""
    require_whole(bundled.resolve(name))


def require_whole(source):
    """The session, after its inventories were held against those of an export block by block."""
    session, whole = TorchSession(source), TorchSession(source, unfolded=True)
    for dialect in (Dialect.ATEN, Dialect.ONNX):
        found, expected = session.capture(dialect), whole.capture(dialect)
        assert len(found.sites) == len(expected.sites)
        assert alike(found.sites, expected.sites)
        assert replace(found, sites=()) == replace(expected, sites=())
    return session
