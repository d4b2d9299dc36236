"""Operators that core ATen splits into simpler ones, and that some backends list whole.

A list of a delegate often names what its partitioner has kept whole (`linear`), where the graph that
is judged has what it is made of (`addmm`). Then nobody can tell from the graph what the delegate gets.
"""

from collections.abc import Iterator, Mapping

from opscan.core.operator import OpName

# Operator of core ATen -> those that decompose into it, of any overload:
# https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/native_functions.yaml, CompositeImplicitAutograd.
_WHOLE: Mapping[str, tuple[str, ...]] = {
    "_adaptive_avg_pool2d": ("adaptive_avg_pool2d",),
    "_log_softmax": ("log_softmax",),
    "_native_batch_norm_legit_no_training": ("batch_norm",),
    "_softmax": ("softmax",),
    "addmm": ("linear",),
    "bmm": ("matmul",),
    "convolution": ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    "grid_sampler_2d": ("grid_sampler",),
    "grid_sampler_3d": ("grid_sampler",),
    "max_pool2d_with_indices": ("max_pool2d",),
    "max_pool3d_with_indices": ("max_pool3d",),
    "mm": ("matmul", "linear"),
    "native_group_norm": ("group_norm",),
    "native_layer_norm": ("layer_norm",),
}


def wholes(op: OpName) -> Iterator[OpName]:
    """What an operator of core ATen may be a part of."""
    if op.domain == "aten":
        for name in _WHOLE.get(op.name, ()):
            yield OpName("aten", name)
