"""Types that onnx infers of single nodes, as the exporter's optimizer asks for them: each kind of node once.

The optimizer asks again in every pass, and a model repeats its blocks. What is inferred depends on
the operator, its attributes, the types of its inputs, the values of the small ones that are
constant, and what was known of its outputs before.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import onnx_ir as ir
from onnxscript.optimizer._constant_folding import FoldConstantsPass, _get_numpy_value

_INFER = FoldConstantsPass._do_inference
# The optimizer hands on constants of up to so many elements.
_ELEMENTS = 20
_PLAIN = frozenset(
    (
        ir.AttributeType.INT,
        ir.AttributeType.FLOAT,
        ir.AttributeType.STRING,
        ir.AttributeType.INTS,
        ir.AttributeType.FLOATS,
        ir.AttributeType.STRINGS,
    )
)
# Kinds of nodes that are remembered; a process that has met more begins anew.
_KINDS = 20_000

_Dimension = int | tuple[str | None]
_Found = tuple[ir.DataType | None, tuple[_Dimension, ...] | None]
"""Element type and shape, as far as known; a dimension by name stands in a tuple."""


class _NotPlain(Exception):
    """A node of which not everything that matters can be compared."""


class Inference:
    """What was inferred so far."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[_Found, ...]] = {}

    def infer(self, owner: FoldConstantsPass, node: ir.Node) -> None:
        """Gives the node's outputs the types that the pass would give them."""
        try:
            before = tuple(map(_found, node.outputs))
            key = (_operator(owner, node), _attributes(node), _inputs(node.inputs), before, _named(node.outputs))
        except _NotPlain:
            _INFER(owner, node)
            return
        known = self._known.get(key)
        if known is not None:
            _set(node.outputs, before, known)
            return
        _INFER(owner, node)
        try:
            after = tuple(map(_found, node.outputs))
        except _NotPlain:
            return
        if len(self._known) >= _KINDS:
            self._known.clear()
        self._known[key] = after


def _operator(owner: FoldConstantsPass, node: ir.Node) -> Hashable:
    return node.domain, node.op_type, owner._opset_imports.get(node.domain)


def _attributes(node: ir.Node) -> Hashable:
    attributes = node.attributes.values()
    if any(attribute.type not in _PLAIN or attribute.is_ref() for attribute in attributes):
        raise _NotPlain
    return tuple(
        (attribute.name, attribute.type, tuple(value) if isinstance(value := attribute.value, list) else value)
        for attribute in attributes
    )


def _inputs(values: Sequence[ir.Value | None]) -> Hashable:
    """Of each its type, its value if that is a small constant, and which one of them it is."""
    numbers = {value: number for number, value in enumerate(values)}
    return tuple(value and (numbers[value], _found(value), _constant(value)) for value in values)


def _constant(value: ir.Value) -> Hashable:
    tensor = value.const_value
    if tensor is None or tensor.size > _ELEMENTS:
        return None
    array = _get_numpy_value(value)
    if array is None or array.dtype.hasobject:
        raise _NotPlain
    return array.dtype, array.shape, array.tobytes()


def _named(values: Sequence[ir.Value]) -> Hashable:
    return tuple(bool(value.name) for value in values)


def _found(value: ir.Value) -> _Found:
    if value.type is not None and type(value.type) is not ir.TensorType:
        raise _NotPlain
    shape = value.shape
    dims = None if shape is None else tuple(dim if isinstance(dim, int) else (dim.value,) for dim in shape)
    return value.dtype, dims


def _set(outputs: Sequence[ir.Value], before: Sequence[_Found], after: Sequence[_Found]) -> None:
    for output, old, (dtype, dims) in zip(outputs, before, after, strict=True):
        if dtype is not None and dtype != old[0]:
            output.type = ir.TensorType(dtype)
        if dims is not None and dims != old[1]:
            output.shape = ir.Shape([dim if isinstance(dim, int) else _symbol(dim) for dim in dims])


def _symbol(dim: tuple[str | None]) -> Any:
    return ir.SymbolicDim(dim[0])
