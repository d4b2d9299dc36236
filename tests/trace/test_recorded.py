"""Running a call and writing down what runs gives what torch's run_decompositions gives, or is refused."""

from functools import cache

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils import _pytree as pytree

from opscan.trace.decompositions import Call, Decomposition, Given, NotFoldable, decompose_calls, yielded
from opscan.trace.known_calls import FakeTensors, known_by
from opscan.trace.recorded import Recorder, kernels_of, recording
from opscan.trace.torch_model import quiet
from tests.trace.test_folded import TABLES

aten = torch.ops.aten
PLANE, ROWS, VECTOR = torch.zeros(1, 4, 6, 6), torch.zeros(2, 3, 8), torch.zeros(4)
NORM = tuple(VECTOR + number for number in range(4))
BAG = (torch.zeros(10, 5), torch.zeros(4, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
WEIGHT = torch.zeros(5, 8).requires_grad_()


def call_of(target, arguments, **keywords):
    """The call with each distinct tensor as Given; what it yields is found by running it."""
    leaves, spec = pytree.tree_flatten((arguments, keywords))
    tensors = list({id(leaf): leaf for leaf in leaves if isinstance(leaf, torch.Tensor)}.values())
    numbers = {id(tensor): Given(number) for number, tensor in enumerate(tensors)}
    given, named = pytree.tree_unflatten([numbers.get(id(leaf), leaf) for leaf in leaves], spec)
    with torch.no_grad():
        return Call(target, given, named, tuple(map(yielded, tensors)), yielded(target(*arguments, **keywords)))


# operator, arguments, what the row proves
RECORDED = [
    (aten.linear.default, (ROWS, WEIGHT), "a composite operator, on a parameter"),
    (aten.matmul.default, (ROWS, torch.zeros(2, 8, 8)), "views between"),
    (aten.matmul.default, (ROWS.transpose(1, 2), ROWS), "strides decide"),
    (aten.mul.Tensor, (ROWS, ROWS), "one tensor twice"),
    (aten.contiguous.default, (ROWS,), "nothing happens, and the result is the input"),
    (aten.contiguous.default, (ROWS.transpose(1, 2),), "a copy"),
    (aten.batch_norm.default, (PLANE, *NORM, False, 0.1, 1e-5, True), "a step nobody reads"),
    (aten.layer_norm.default, (ROWS, [8]), "several results, of which one is used"),
    (aten.unbind.int, (ROWS,), "several results"),
    (aten.chunk.default, (ROWS, 2, -1), "parts of a tensor"),
    (aten.roll.default, (PLANE, [1, 2], [2, 3]), "tensors made on the way, which torch copies if somebody holds them"),
    (aten.dropout.default, (ROWS, 0.1, False), "dropout out of training"),
    (aten.group_norm.default, (PLANE, 2), "reshaped on the way"),
    (aten.upsample_bilinear2d.vec, (PLANE, [12, 12], False, None), "an interpolation written in Python"),
    (aten.pad.default, (PLANE, [1, 1, 1, 1], "reflect"), "padding by indices"),
    (aten.scaled_dot_product_attention.default, (PLANE, PLANE + 1, PLANE + 2), "attention, fused or not"),
    (aten.einsum.default, ("bij,bik->bjk", [ROWS, ROWS + 1]), "an equation; tensors in a list"),
    (aten.hardshrink.default, (ROWS,), "what autograd would decompose, and a table too"),
    (aten.to.dtype, (ROWS, torch.float16), "another type"),
    (aten.to.dtype, (ROWS, torch.float32), "the same type"),
    (aten.adaptive_avg_pool1d.default, (ROWS.transpose(1, 2), [1]), "strides changed in place, of what was just made"),
    (aten.max_pool2d.default, (PLANE, [2, 2]), "a result of which torch drops the indices"),
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("target", "arguments", "proof"), RECORDED, ids=[row[-1] for row in RECORDED])
def test_recorded_is_what_torch_gives(target, arguments, proof, table):
    call, entries = call_of(target, arguments), entries_of(table)
    fakes = FakeTensors(FakeTensorMode(shape_env=ShapeEnv(), export=True))
    with quiet():
        (expected,) = decompose_calls([call], entries, fakes.of)
    assert plain(recorded(call, entries, fakes)) == plain(expected), proof


# operator, arguments, what torch's tracer does with it
REFUSED = [
    (aten.detach.default, (ROWS,), "an alias, which it drops elsewhere"),
    (aten.relu_.default, (ROWS,), "a tensor changed in place"),
    (aten.lift_fresh_copy.default, (ROWS,), "a copy of a constant, which it calls a clone"),
    (aten.fft_hfft.default, (ROWS,), "conjugated numbers, which it resolves"),
    (aten.embedding_bag.padding_idx, (*BAG, False, 0, False, None, False, None), "a tensor left out in C++"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "arguments", "proof"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_what_is_not_plain_is_left_to_torch(target, arguments, proof):
    with pytest.raises(NotFoldable):
        recorded(call_of(target, arguments), entries_of("core"), FakeTensors(FakeTensorMode(shape_env=ShapeEnv())))


def test_what_is_refused_is_decomposed_by_torch():
    entries, fakes = entries_of("core"), FakeTensors(FakeTensorMode(shape_env=ShapeEnv()))
    calls = [call_of(target, arguments) for target, arguments, _ in (RECORDED[0], REFUSED[0])]
    known = known_by(frozenset(("of this test",)))
    with quiet():
        known.add(calls, entries, fakes)
        expected = decompose_calls(calls, entries, fakes.of)
    assert [plain(known.decompositions[call.key]) for call in calls] == list(map(plain, expected))


@cache
def entries_of(table):
    return TABLES[table]() or torch.export.default_decompositions().materialize()


def recorded(call, entries, fakes):
    with recording(), fakes.mode:
        return Recorder(kernels_of(entries), fakes.another).decomposed(call)


def plain(found):
    """Without the steps that nobody reads, which run_decompositions removes. Strides along one element say nothing."""
    read, pending = set(), [found.results]
    while pending:
        for made in filter(lambda value: hasattr(value, "step"), pytree.tree_leaves(pending.pop())):
            if made.step not in read:
                read.add(made.step)
                pending.append((found.steps[made.step].arguments, found.steps[made.step].keywords))
    numbers = {old: new for new, old in enumerate(sorted(read))}

    def renumbered(value):
        return (numbers[value.step], value.part) if hasattr(value, "step") else value

    steps = [
        (step.target, *pytree.tree_map(renumbered, (step.arguments, step.keywords)), strided(step.yields))
        for number, step in enumerate(found.steps)
        if number in read
    ]
    return str(Decomposition(tuple(steps), pytree.tree_map(renumbered, found.results)))


def strided(kinds):
    if isinstance(kinds, tuple):
        return tuple(map(strided, kinds))
    strides = tuple(stride for size, stride in zip(kinds.shape, kinds.stride, strict=True) if size != 1)
    return kinds.shape, strides, kinds.dtype, kinds.device, kinds.requires_grad
