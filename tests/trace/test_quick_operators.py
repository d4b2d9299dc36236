"""Operators whose types come from C++ kernels yield what fake tensors do, whatever the strides."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses import FakeTensorMode

from opscan.trace.call_records import kind_of
from opscan.trace.quick_operators import _QUICK, _QUICK_WHERE_CONTIGUOUS, _contiguous, _Operands, _run

_aten = torch.ops.aten
LAYOUTS = ("new", "permuted", "expanded", "sliced")
SIZES = st.lists(st.integers(1, 3), min_size=2, max_size=4)


def tensor(draw, shape, dtype=torch.float32):
    """Of a drawn layout; on `meta`, as only its type matters."""
    order = list(range(len(shape)))
    match draw(st.sampled_from(LAYOUTS)):
        case "permuted":
            order = draw(st.permutations(order))
            stored = torch.empty([shape[i] for i in order], dtype=dtype, device="meta")
            return stored.permute([order.index(i) for i in range(len(shape))])
        case "expanded":
            return torch.empty([1, *shape[1:]], dtype=dtype, device="meta").expand(shape)
        case "sliced":
            return torch.empty([shape[0] + 2, *shape[1:]], dtype=dtype, device="meta")[1:-1]
        case _:
            return torch.empty(shape, dtype=dtype, device="meta")


def alone(draw, x, dim):
    return (x,)


def along(draw, x, dim):
    return x, dim


def with_another(draw, x, dim):
    other = tensor(draw, list(x.shape[dim:]), draw(st.sampled_from((torch.float32, torch.int64))))
    return x, draw(st.sampled_from((other, x, 2, 0.5)))


def over_dims(draw, x, dim):
    return x, [dim], draw(st.booleans())


def times(draw, x, dim):
    return x, tensor(draw, [*x.shape[:-2], x.shape[-1], 2])


def times_batch(draw, x, dim):
    x = tensor(draw, [2, *x.shape[:2]])
    return x, tensor(draw, [2, x.shape[2], 3])


def through(draw, x, dim):
    return x, tensor(draw, [2, x.shape[-1]]), draw(st.sampled_from((None, tensor(draw, [2]))))


def normalized(draw, x, dim):
    weight = tensor(draw, list(x.shape[dim:]))
    return x, list(x.shape[dim:]), weight, draw(st.sampled_from((None, weight)))


def joined(draw, x, dim):
    return [x, tensor(draw, list(x.shape))], dim


def permuted(draw, x, dim):
    return x, draw(st.permutations(range(x.ndim)))


def widened(draw, x, dim):
    return tensor(draw, [1, *x.shape[1:]]), [2, 3, *x.shape[1:]]


def reshaped(draw, x, dim):
    return x, draw(st.sampled_from(([-1], [*x.shape, 1], [x.shape[0], -1], [math.prod(x.shape), 1])))


def image(draw, channels):
    return tensor(draw, [draw(st.integers(1, 2)), channels, 3, 4])


def convolved(draw, x, dim):
    groups = draw(st.sampled_from((1, 2)))
    return (
        image(draw, 2),
        tensor(draw, [4, 2 // groups, 3, 3]),
        None,
        [draw(st.integers(1, 2))] * 2,
        [1, 1],
        [1, 1],
        groups,
    )


def batch_normalized(draw, x, dim):
    of_each = torch.empty(2, device="meta")
    return image(draw, 2), of_each, None, of_each, of_each.clone(), draw(st.booleans()), 0.1, 1e-5, False


# operators, and a function that makes their arguments of a tensor and one of its dimensions
ARGUMENTS = {
    **dict.fromkeys((_aten.gelu.default, _aten.sigmoid.default, _aten.silu.default, _aten.contiguous.default), alone),
    **dict.fromkeys((_aten.softmax.int, _aten.squeeze.dim, _aten.unsqueeze.default), along),
    **dict.fromkeys((_aten.add.Tensor, _aten.sub.Tensor, _aten.mul.Tensor, _aten.div.Tensor), with_another),
    **dict.fromkeys((_aten.mean.dim, _aten.sum.dim_IntList), over_dims),
    **dict.fromkeys((_aten.cat.default, _aten.stack.default), joined),
    **dict.fromkeys((_aten.reshape.default, _aten.view.default), reshaped),
    _aten.matmul.default: times,
    _aten.bmm.default: times_batch,
    _aten.linear.default: through,
    _aten.layer_norm.default: normalized,
    _aten.permute.default: permuted,
    _aten.expand.default: widened,
    _aten.transpose.int: lambda draw, x, dim: (x, dim, draw(st.integers(0, x.ndim - 1))),
    _aten.select.int: lambda draw, x, dim: (x, dim, draw(st.sampled_from((0, -1)))),
    _aten.slice.Tensor: lambda draw, x, dim: (x, dim, draw(st.integers(0, 1)), None, draw(st.integers(1, 2))),
    _aten.flatten.using_ints: lambda draw, x, dim: (x, dim, draw(st.integers(dim, x.ndim - 1))),
    _aten.conv2d.default: convolved,
    _aten.batch_norm.default: batch_normalized,
}  # fmt: skip


def test_each_quick_operator_has_arguments():
    assert ARGUMENTS.keys() == _QUICK | _QUICK_WHERE_CONTIGUOUS


@pytest.mark.parametrize("operator", ARGUMENTS, ids=str)
@settings(max_examples=25)
@given(data=st.data())
def test_types_are_those_of_fake_tensors(operator, data):
    """The same kind of tensor, and the operand itself where a fake one is given back."""
    x = tensor(data.draw, data.draw(SIZES))
    arguments = ARGUMENTS[operator](data.draw, x, data.draw(st.integers(0, x.ndim - 1)))
    mode = FakeTensorMode()
    faked = {id(part): fake(mode, part) for part in torch.utils._pytree.tree_leaves(arguments) if is_tensor(part)}
    if operator in _QUICK_WHERE_CONTIGUOUS:
        assume(all(_contiguous(kind_of(part)) for part in faked.values()))
    arguments = torch.utils._pytree.tree_map_only(torch.Tensor, lambda part: faked[id(part)], arguments)
    operands = _Operands()
    found = _run(operator, torch.fx.node.map_aggregate(arguments, operands.element), {})
    with torch.no_grad(), mode, enable_python_dispatcher():
        expected = operator(*arguments)
    assert described(found, operands.elements) == described(expected, operands.tensors)


def is_tensor(value):
    return isinstance(value, torch.Tensor)


def fake(mode, like):
    with mode:
        whole = torch.empty(64 * 64, dtype=like.dtype)
        return whole.as_strided(like.shape, like.stride(), like.storage_offset())


def described(value, operands):
    itself = next((number for number, operand in enumerate(operands) if operand is value), None)
    return tuple(value.shape), value.stride(), value.storage_offset(), value.dtype, itself
