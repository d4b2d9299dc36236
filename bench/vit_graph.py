"""A vision transformer as exporters write it to ONNX: 29 nodes a block and 7 around them, of any depth and width."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

_TOKENS, _PATCH = 196, 16

Stored = Iterator[tuple[str, tuple[int, ...]]]


def vit(depth: int, width: int, heads: int, *, typed: bool) -> ModelProto:
    """`29 * depth + 7` nodes and about `12 * depth * width**2` weights of no meaning.

    `typed`: whether the file states every value's shape, as torch's exporter of today does, or only
    those of inputs and outputs, as its older one did.
    """
    nodes = [*_stem(), *(node for block in range(depth) for node in _block(f"blocks.{block}", block)), *_head(depth)]
    noise = np.random.default_rng(0).standard_normal(4 * width * width + 10**6, dtype=np.float32).tobytes()
    weights = [_weight(name, shape, noise) for name, shape in _weights(depth, width)]
    # One small tensor each for all blocks: what Reshape, Gather and their like need to know.
    split = np.array([1, _TOKENS, 3, heads, width // heads], np.int64)
    values: list[tuple[str, np.ndarray]] = [
        ("split", split),
        ("joined", np.array([1, _TOKENS, width], np.int64)),
        ("flat", np.array([1, width, _TOKENS], np.int64)),
        ("scale", np.array(0.125, np.float32)),
        ("axis", np.array([1], np.int64)),
        ("half", np.array(0.5, np.float32)),
        ("one", np.array(1.0, np.float32)),
        ("root", np.array(1.4142135, np.float32)),
        *((f"part.{part}", np.array(part, np.int64)) for part in range(3)),
    ]
    small = [onnx.numpy_helper.from_array(value, name) for name, value in values]
    graph = helper.make_graph(
        nodes,
        "vit",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1000])],
        [*small, *weights],
        value_info=list(_shapes(depth, width, heads)) if typed else [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _node(operator: str, inputs: str, output: str, **attributes: Any) -> NodeProto:  # what onnx takes as an attribute
    """Named by its scope, as torch's older exporter does: `/blocks/blocks.0/attn/MatMul`."""
    scope, _, _ = output.rpartition(".")
    return helper.make_node(
        operator, inputs.split(), [output], name=f"/{scope.replace('.', '/')}/{output}", **attributes
    )


def _stem() -> list[NodeProto]:
    return [
        _node("Conv", "image stem.w stem.b", "stem.conv", kernel_shape=[_PATCH] * 2, strides=[_PATCH] * 2),
        _node("Reshape", "stem.conv flat", "stem.flat"),
        _node("Transpose", "stem.flat", "stem.tokens", perm=[0, 2, 1]),
        _node("Add", "stem.tokens stem.position", "blocks.0.x"),
    ]


def _block(p: str, number: int) -> list[NodeProto]:
    following = f"blocks.{number + 1}.x"
    return [
        _node("LayerNormalization", f"{p}.x {p}.n1.w {p}.n1.b", f"{p}.attn.normed", epsilon=1e-6),
        _node("MatMul", f"{p}.attn.normed {p}.qkv.w", f"{p}.attn.product"),
        _node("Add", f"{p}.qkv.b {p}.attn.product", f"{p}.attn.qkv"),
        _node("Reshape", f"{p}.attn.qkv split", f"{p}.attn.split"),
        _node("Transpose", f"{p}.attn.split", f"{p}.attn.parts", perm=[2, 0, 3, 1, 4]),
        _node("Gather", f"{p}.attn.parts part.0", f"{p}.attn.q", axis=0),
        _node("Gather", f"{p}.attn.parts part.1", f"{p}.attn.k", axis=0),
        _node("Gather", f"{p}.attn.parts part.2", f"{p}.attn.v", axis=0),
        _node("Mul", f"{p}.attn.q scale", f"{p}.attn.scaled"),
        _node("Transpose", f"{p}.attn.k", f"{p}.attn.kt", perm=[0, 1, 3, 2]),
        _node("MatMul", f"{p}.attn.scaled {p}.attn.kt", f"{p}.attn.scores"),
        _node("Softmax", f"{p}.attn.scores", f"{p}.attn.weights", axis=-1),
        _node("MatMul", f"{p}.attn.weights {p}.attn.v", f"{p}.attn.context"),
        _node("Transpose", f"{p}.attn.context", f"{p}.attn.gathered", perm=[0, 2, 1, 3]),
        _node("Reshape", f"{p}.attn.gathered joined", f"{p}.attn.joined"),
        _node("MatMul", f"{p}.attn.joined {p}.proj.w", f"{p}.attn.projected"),
        _node("Add", f"{p}.proj.b {p}.attn.projected", f"{p}.attn.out"),
        _node("Add", f"{p}.x {p}.attn.out", f"{p}.y"),
        _node("LayerNormalization", f"{p}.y {p}.n2.w {p}.n2.b", f"{p}.mlp.normed", epsilon=1e-6),
        _node("MatMul", f"{p}.mlp.normed {p}.fc1.w", f"{p}.mlp.product"),
        _node("Add", f"{p}.fc1.b {p}.mlp.product", f"{p}.mlp.h"),
        _node("Div", f"{p}.mlp.h root", f"{p}.mlp.divided"),
        _node("Erf", f"{p}.mlp.divided", f"{p}.mlp.erf"),
        _node("Add", f"{p}.mlp.erf one", f"{p}.mlp.added"),
        _node("Mul", f"{p}.mlp.h {p}.mlp.added", f"{p}.mlp.product2"),
        _node("Mul", f"{p}.mlp.product2 half", f"{p}.mlp.gelu"),
        _node("MatMul", f"{p}.mlp.gelu {p}.fc2.w", f"{p}.mlp.product3"),
        _node("Add", f"{p}.fc2.b {p}.mlp.product3", f"{p}.mlp.out"),
        _node("Add", f"{p}.y {p}.mlp.out", following),
    ]


def _head(depth: int) -> list[NodeProto]:
    return [
        _node("LayerNormalization", f"blocks.{depth}.x norm.w norm.b", "norm.out", epsilon=1e-6),
        _node("ReduceMean", "norm.out axis", "pool.mean", keepdims=0),
        helper.make_node("Gemm", ["pool.mean", "head.w", "head.b"], ["logits"], name="/head/Gemm"),
    ]


def _weights(depth: int, width: int) -> Stored:
    yield "stem.w", (width, 3, _PATCH, _PATCH)
    yield "stem.b", (width,)
    yield "stem.position", (1, _TOKENS, width)
    for block in range(depth):
        for name, rows, columns in (
            ("qkv", width, 3 * width),
            ("proj", width, width),
            ("fc1", width, 4 * width),
            ("fc2", 4 * width, width),
        ):
            yield f"blocks.{block}.{name}.w", (rows, columns)
            yield f"blocks.{block}.{name}.b", (columns,)
        for name in ("n1.w", "n1.b", "n2.w", "n2.b"):
            yield f"blocks.{block}.{name}", (width,)
    yield "norm.w", (width,)
    yield "norm.b", (width,)
    yield "head.w", (width, 1000)
    yield "head.b", (1000,)


def _weight(name: str, shape: tuple[int, ...], noise: bytes) -> TensorProto:
    size = 4 * int(np.prod(shape))
    return TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, raw_data=noise[:size])


def _shapes(depth: int, width: int, heads: int) -> Iterator[ValueInfoProto]:
    tokens, each = _TOKENS, width // heads
    side = int(_TOKENS**0.5)
    row, head, square = [1, tokens, width], [1, heads, tokens, each], [1, heads, tokens, tokens]
    wide = [1, tokens, 4 * width]
    inner = {
        "attn.normed": row,
        "attn.product": [1, tokens, 3 * width],
        "attn.qkv": [1, tokens, 3 * width],
        "attn.split": [1, tokens, 3, heads, each],
        "attn.parts": [3, *head],
        "attn.q": head,
        "attn.k": head,
        "attn.v": head,
        "attn.scaled": head,
        "attn.kt": [1, heads, each, tokens],
        "attn.scores": square,
        "attn.weights": square,
        "attn.context": head,
        "attn.gathered": [1, tokens, heads, each],
        "attn.joined": row,
        "attn.projected": row,
        "attn.out": row,
        "y": row,
        "mlp.normed": row,
        **dict.fromkeys(
            ("mlp.product", "mlp.h", "mlp.divided", "mlp.erf", "mlp.added", "mlp.product2", "mlp.gelu"), wide
        ),
        "mlp.product3": row,
        "mlp.out": row,
    }
    around = {
        "stem.conv": [1, width, side, side],
        "stem.flat": [1, width, tokens],
        "stem.tokens": row,
        "norm.out": row,
        "pool.mean": [1, width],
    }
    named = {f"blocks.{block}.{name}": shape for block in range(depth) for name, shape in inner.items()}
    named |= {f"blocks.{block}.x": row for block in range(depth + 1)}
    for name, shape in (named | around).items():
        yield helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def main() -> None:
    """Writes one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("depth", type=int)
    parser.add_argument("width", type=int)
    parser.add_argument("--typed", action="store_true")
    parser.add_argument("--external", action="store_true")
    wanted = parser.parse_args()
    model = vit(wanted.depth, wanted.width, 3, typed=wanted.typed)
    onnx.save(model, wanted.path, save_as_external_data=wanted.external, location=f"{wanted.path.name}.data")


if __name__ == "__main__":
    main()
