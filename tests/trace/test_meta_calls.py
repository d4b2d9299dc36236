"""What calls on meta tensors yield is remembered, and is what they would yield."""

from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from opscan.core.source import InputSpec, TorchSource
from opscan.sources import bundled
from opscan.trace import fx_sites
from opscan.trace.meta_calls import MetaCalls, call_key
from opscan.trace.torch_fx import capture_torch


class Written(nn.Module):
    """Every call twice, so that the second one is remembered."""

    def __init__(self, once, *parts):
        super().__init__()
        self.once, self.parts = once, nn.ModuleList(parts)

    def forward(self, x):
        return self.once(self, self.once(self, x))


def hooked():
    linear = nn.Linear(4, 4)
    linear.register_forward_hook(lambda module, args, out: out[..., :2])
    return linear


@fx.wrap
def own_function(x, seen=[]):  # noqa: B006  # a function that remembers
    seen.append(x)
    return torch.cat([x] * len(seen), 1)


def reshaped_in_place(self, x):
    y = x + 1
    y.unsqueeze_(0)
    return y.squeeze(0)


def same_object(self, x):
    y = x.contiguous()
    y += 1
    return torch.relu_(y)


def numbers_alike(self, x):
    return sum(F.leaky_relu(x, slope) for slope in (0, False, 0.0, -0.0))


def named_parts(self, x):
    values, places = x.max(1, keepdim=True)
    return x + values + places


def strides_matter(self, x):
    return F.relu(x.transpose(1, 2)).transpose(1, 2) + F.relu(x)


@fx.wrap
def listed(x):
    return [x, x[:, :1]]


def changed_list(self, x):
    parts = listed(x)
    parts.reverse()
    return parts[0] + parts[1]


def half_hooked(self, x):
    whole, half = self.parts
    return whole(x) + F.pad(half(x), (0, 2))


def attending(self, x):
    one, other = self.parts
    return one(x, x, x)[0] + other(x, x + 1, x, average_attn_weights=False)[1].sum()


class Projection(nn.Linear):
    def forward(self, x):
        return super().forward(x)[..., :4]


def own_projection():
    attention = nn.MultiheadAttention(4, 2)
    attention.out_proj = Projection(4, 4)
    return attention


def in_a_row(self, x):
    for part in self.parts:
        x = part(x)
    return x


CASES = [
    (reshaped_in_place, (), "a call that changes its argument's shape in place is made each time"),
    (same_object, (), "what returns its own argument yields the new argument"),
    (numbers_alike, (), "0, False, 0.0 and -0.0 are kept apart"),
    (named_parts, (), "what is picked from a tuple keeps its name"),
    (strides_matter, (), "tensors of other strides are other types"),
    (lambda self, x: own_function(x), (), "a function of the model's own is called each time"),
    (changed_list, (), "a method of a list changes it each time"),
    (half_hooked, (nn.Linear(4, 4), hooked()), "a module with hooks is called each time"),
    (attending, (nn.MultiheadAttention(4, 2), nn.MultiheadAttention(4, 2)),
     "a module of several parts by all of them, and by which of its arguments are one tensor"),
    (attending, (nn.MultiheadAttention(4, 2), own_projection()), "a part that is not torch's own is called each time"),
    (in_a_row, (nn.Linear(4, 6), nn.Linear(6, 4)), "modules differ by parameters"),
    (in_a_row, (nn.Conv1d(3, 3, 3), nn.Conv1d(3, 3, 3, padding=2)), "modules differ by settings"),
]  # fmt: skip


def sites(network):
    return capture_torch(TorchSource(name="net", build=network, inputs={"x": InputSpec((2, 3, 4))})).inventory


def each_call_made():
    return patch.object(fx_sites, "call_key", lambda *call: None)


@pytest.mark.parametrize(("once", "parts", "why"), CASES, ids=[case[-1] for case in CASES])
def test_remembered_calls_give_the_sites_of_made_ones(once, parts, why):
    own_function.__defaults__[0].clear()
    remembered = sites(lambda: Written(once, *parts))
    own_function.__defaults__[0].clear()
    with each_call_made():
        made = sites(lambda: Written(once, *parts))
    assert repr(remembered) == repr(made)
    assert remembered.rungs[0].method == "torch.fx"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["swin_t", "t2t_vit_14", "deformable_detr_r50", "efficientnet_b0"])
def test_remembered_calls_of_bundled_models(name):
    source = bundled.resolve(name)
    with each_call_made():
        made = capture_torch(source)
    assert capture_torch(source) == made


def test_a_known_call_is_not_made_again():
    node = fx.Graph().call_function(torch.relu)
    given, calls = torch.zeros(2, 3, device="meta"), []

    def relu():
        calls.append(1)
        return torch.relu(given)

    known = MetaCalls()
    first, again = (known.result(call_key(node, None, (given,), {}), relu, (given,)) for _ in range(2))
    assert (len(calls), first is again, first.shape == again.shape) == (1, False, True)
    assert call_key(node, None, (torch.zeros(2),), {}) is None, "a tensor with values may decide"
