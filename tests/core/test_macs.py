# ruff: noqa: E501 -- one row per case
"""Hand counts: every expected number is written as the product of the lengths that make it."""

import pytest

from opscan.core.macs import macs
from opscan.core.operator import OpName
from tests.fakes import UNKNOWN, spec

X = spec(2, 8, 10, 10)
QKV = (spec(2, 5, 8), spec(2, 7, 8), spec(2, 7, 8))
HEADS = (spec(2, 4, 5, 8), spec(2, 4, 7, 8), spec(2, 4, 7, 16))


def weight(name, *shape):
    return spec(*shape, name=name, constant=True)


# operator, inputs, outputs, attributes, count, what it proves
CONVOLUTIONS = [
    ("nn.Conv2d", [X, spec(16, 8, 3, 3)], [spec(2, 16, 10, 10)], {}, 2 * 10 * 10 * 16 * 8 * 3 * 3, "each output pixel sees the whole kernel"),
    ("nn.Conv2d", [X, spec(16, 8, 3, 3)], [spec(2, 16, 5, 5)], {"stride": (2, 2)}, 2 * 5 * 5 * 16 * 8 * 3 * 3, "a stride makes fewer output pixels"),
    ("F.conv2d", [X, spec(16, 4, 3, 3)], [spec(2, 16, 8, 8)], {"groups": 2}, 2 * 8 * 8 * 16 * 4 * 3 * 3, "with two groups the kernel holds half the channels"),
    ("torch.conv2d", [X, spec(8, 1, 3, 3)], [spec(2, 8, 8, 8)], {"groups": 8}, 2 * 8 * 8 * 8 * 3 * 3, "depthwise: one channel each"),
    ("nn.Conv1d", [spec(2, 4, 9), spec(6, 4, 3)], [spec(2, 6, 7)], {}, 2 * 7 * 6 * 4 * 3, "one spatial dimension"),
    ("aten::conv3d", [spec(1, 2, 4, 4, 4), spec(3, 2, 2, 2, 2)], [spec(1, 3, 3, 3, 3)], {}, 3 * 3 * 3 * 3 * 2 * 2 * 2 * 2, "three spatial dimensions"),
    ("nn.Conv2d", [spec(8, 10, 10), spec(16, 8, 3, 3)], [spec(16, 8, 8)], {}, 8 * 8 * 16 * 8 * 3 * 3, "unbatched: no N, and C is not taken for it"),
    ("aten::convolution", [X, spec(16, 8, 1, 1), None], [spec(2, 16, 10, 10)], {"transposed": False}, 2 * 100 * 16 * 8, "a bias left out"),
    ("aten::convolution", [X, spec(8, 16, 2, 2)], [spec(2, 16, 20, 20)], {"transposed": True}, 2 * 10 * 10 * 8 * 16 * 2 * 2, "transposed: the kernel is swept over the input"),
    ("nn.ConvTranspose2d", [X, spec(8, 4, 2, 2)], [spec(2, 8, 20, 20)], {"groups": 2}, 2 * 10 * 10 * 8 * 4 * 2 * 2, "transposed, with groups"),
    ("torch.conv_transpose2d", [X, spec(8, 16, 2, 2)], [spec(2, 16, 20, 20)], {}, 2 * 10 * 10 * 8 * 16 * 2 * 2, "F.conv_transpose2d goes by its name in torch"),
    ("ConvTranspose", [spec(1, 3, 5), spec(3, 2, 4)], [spec(1, 2, 8)], {"group": 1}, 5 * 3 * 2 * 4, "ONNX, one dimension"),
    ("Conv", [X, spec(16, 8, 3, 3), spec(16)], [spec(2, 16, 8, 8)], {"group": 1}, 2 * 8 * 8 * 16 * 8 * 3 * 3, "a bias costs nothing"),
    ("com.microsoft::FusedConv", [X, spec(16, 8, 1, 1)], [spec(2, 16, 10, 10)], {"activation": "Relu"}, 2 * 100 * 16 * 8, "nor does a fused activation"),
    ("ConvInteger", [X, spec(16, 8, 1, 1), spec(), spec()], [spec(2, 16, 10, 10)], {}, 2 * 100 * 16 * 8, "the weight is the second input"),
    ("QLinearConv", [X, spec(), spec(), spec(16, 8, 1, 1), spec(16), spec(16), spec(), spec()], [spec(2, 16, 10, 10)], {}, 2 * 100 * 16 * 8, "the weight is the fourth input"),
    ("DeformConv", [X, spec(16, 8, 3, 3), spec(2, 18, 8, 8)], [spec(2, 16, 8, 8)], {}, 2 * 8 * 8 * 16 * 8 * 3 * 3, "moved samples are samples"),
    ("torchvision::deform_conv2d", [X, spec(16, 8, 3, 3), spec(2, 18, 8, 8)], [spec(2, 16, 8, 8)], {}, 2 * 8 * 8 * 16 * 8 * 3 * 3, "as in torch"),
    ("CausalConvWithState", [spec(2, 6, 9), spec(6, 1, 4)], [spec(2, 6, 9), spec(2, 6, 3)], {}, 2 * 9 * 6 * 4, "depthwise by definition"),
]  # fmt: skip

MATRIX_PRODUCTS = [
    ("nn.Linear", [spec(2, 5, 8), spec(3, 8), spec(3)], [spec(2, 5, 3)], {}, 2 * 5 * 8 * 3, "every leading dimension is a row"),
    ("F.linear", [spec(8), spec(3, 8)], [spec(3)], {}, 8 * 3, "a single row"),
    ("aten::linear", [spec(4, 8), spec(3, 8)], [spec(4, 3)], {}, 4 * 8 * 3, "before decomposition"),
    ("aten::addmm", [spec(3), spec(4, 8), spec(8, 3)], [spec(4, 3)], {}, 4 * 8 * 3, "the first operand is the one added"),
    ("Tensor.addmm", [spec(4, 3), spec(4, 8), spec(8, 3)], [spec(4, 3)], {}, 4 * 8 * 3, "as a method too"),
    ("torch.baddbmm", [spec(2, 4, 3), spec(2, 4, 8), spec(2, 8, 3)], [spec(2, 4, 3)], {}, 2 * 4 * 8 * 3, "and batched"),
    ("aten::mm", [spec(4, 8), spec(8, 3)], [spec(4, 3)], {}, 4 * 8 * 3, "a product of two matrices"),
    ("aten::bmm", [spec(2, 4, 8), spec(2, 8, 3)], [spec(2, 4, 3)], {}, 2 * 4 * 8 * 3, "a batch of them"),
    ("@", [spec(2, 4, 8), spec(8, 3)], [spec(2, 4, 3)], {}, 2 * 4 * 8 * 3, "a broadcast operand counts for every batch"),
    ("torch.matmul", [spec(8), spec(8)], [spec()], {}, 8, "two vectors"),
    ("torch.mv", [spec(4, 8), spec(8)], [spec(4)], {}, 4 * 8, "a matrix and a vector"),
    ("aten::dot", [spec(8), spec(8)], [spec()], {}, 8, "a dot product"),
    ("torch.tensordot", [spec(2, 3, 4, 5), spec(4, 5, 7)], [spec(2, 3, 7)], {"dims": 2}, 2 * 3 * 4 * 5 * 7, "two contracted dimensions"),
    ("MatMul", [spec(2, 1, 4, 8), spec(3, 8, 5)], [spec(2, 3, 4, 5)], {}, 2 * 3 * 4 * 8 * 5, "batches broadcast against each other"),
    ("QLinearMatMul", [spec(4, 8), spec(), spec(), spec(8, 3), spec(), spec(), spec(), spec()], [spec(4, 3)], {}, 4 * 8 * 3, "quantized"),
    ("com.microsoft::MatMulNBits", [spec(4, 64), spec(3, 2, 16), spec(6)], [spec(4, 3)], {"K": 64, "N": 3}, 4 * 64 * 3, "however the weight is packed"),
    ("com.microsoft::FusedMatMul", [spec(2, 8, 4), spec(2, 8, 3)], [spec(2, 4, 3)], {"transA": 1}, 2 * 4 * 8 * 3, "the left operand is transposed"),
    ("Gemm", [spec(4, 8), spec(8, 3), spec(3)], [spec(4, 3)], {"transA": 0, "transB": 0}, 4 * 8 * 3, "A is [M, K]"),
    ("Gemm", [spec(8, 4), spec(3, 8)], [spec(4, 3)], {"transA": 1, "transB": 1}, 4 * 8 * 3, "with transA it is [K, M]"),
]  # fmt: skip

EINSUMS = [
    ("torch.einsum", [spec(2, 4, 8), spec(2, 8, 3)], [spec(2, 4, 3)], {"equation": "bij,bjk->bik"}, 2 * 4 * 8 * 3, "a batched product"),
    ("Einsum", [spec(2, 4, 8), spec(2, 3, 8)], [spec(2, 4, 3)], {"equation": "bij, bkj -> bik"}, 2 * 4 * 8 * 3, "spaces mean nothing"),
    ("aten::einsum", [spec(4, 8), spec(8, 3)], [spec(4, 3)], {"equation": "ij,jk"}, 4 * 8 * 3, "without an arrow the result has the indices that occur once"),
    ("Einsum", [spec(4), spec(5)], [spec(4, 5)], {"equation": "i,j->ij"}, 4 * 5, "an outer product"),
    ("Einsum", [spec(4, 8, 6), spec(8, 3)], [spec(4, 3)], {"equation": "ijx,jk->ik"}, 4 * 8 * 3, "an index of one operand alone is summed first, by additions"),
    ("Einsum", [spec(4, 8), spec(8, 3), spec(3, 7)], [spec(4, 7)], {"equation": "ij,jk,kl->il"}, 4 * 8 * 3 + 4 * 3 * 7, "three operands: from the left, in two products"),
    ("Einsum", [spec(4, 5)], [spec(5, 4)], {"equation": "ij->ji"}, 0, "one operand is only rearranged"),
    ("Einsum", [spec(2, 4, 8), spec(8, 3)], [spec(2, 4, 3)], {"equation": "...j,jk->...k"}, None, "an ellipsis is not counted, and not taken for nothing"),
    ("torch.einsum", [spec(4, 8), spec(8, 3)], [spec(4, 3)], {}, None, "the equation is not known"),
    ("Einsum", [spec(4, 8, 2), spec(8, 3)], [spec(4, 3)], {"equation": "ij,jk->ik"}, None, "the equation does not fit the operands"),
]  # fmt: skip

ATTENTION = [
    ("F.scaled_dot_product_attention", HEADS, [spec(2, 4, 5, 16)], {}, 2 * 4 * 5 * 7 * (8 + 16), "scores cost E, context Ev"),
    ("aten::scaled_dot_product_attention", [spec(2, 8, 5, 8), spec(2, 2, 7, 8), spec(2, 2, 7, 8)], [spec(2, 8, 5, 8)], {"enable_gqa": True}, 2 * 8 * 5 * 7 * 16, "shared keys are used by every head"),
    ("Attention", HEADS, [spec(2, 4, 5, 16)], {}, 2 * 4 * 5 * 7 * (8 + 16), "ONNX, 4-D"),
    ("Attention", [spec(2, 8, 5, 8), spec(2, 2, 7, 8), spec(2, 2, 7, 4)], [spec(2, 8, 5, 4)], {}, 2 * 8 * 5 * 7 * (8 + 4), "4-D, eight heads share two"),
    ("Attention", [spec(2, 5, 32), spec(2, 7, 32), spec(2, 7, 64)], [spec(2, 5, 64)], {"q_num_heads": 4, "kv_num_heads": 4}, 2 * 5 * 7 * 4 * (8 + 16), "3-D: the heads are in the last dimension"),
    ("Attention", [spec(2, 5, 64), spec(2, 7, 16), spec(2, 7, 8)], [spec(2, 5, 32)], {"q_num_heads": 8, "kv_num_heads": 2}, 2 * 8 * 5 * 7 * (8 + 4), "3-D, eight heads share two: as much as in 4-D"),
    ("Attention", [*HEADS, None, spec(2, 4, 3, 8), spec(2, 4, 3, 16)], [spec(2, 4, 5, 16)], {}, 2 * 4 * 5 * (3 + 7) * (8 + 16), "past keys are attended to as well"),
    ("Attention", [spec(2, 5, 32), spec(2, 7, 32), spec(2, 7, 32)], [spec(2, 5, 32)], {}, None, "3-D without the number of heads"),
    ("nn.MultiheadAttention", QKV, [spec(2, 5, 8)], {"embed_dim": 8, "num_heads": 2, "batch_first": True}, 2 * (5 * 8 * 8 + 2 * 7 * 8 * 8 + 2 * 5 * 7 * 8 + 5 * 8 * 8), "three projections, scores, context and the output's projection"),
    ("nn.MultiheadAttention", [spec(5, 2, 8), spec(7, 2, 8), spec(7, 2, 8)], [spec(5, 2, 8)], {"embed_dim": 8, "num_heads": 2, "batch_first": False}, 2 * (5 * 8 * 8 + 2 * 7 * 8 * 8 + 2 * 5 * 7 * 8 + 5 * 8 * 8), "the same with the sequence first"),
    ("nn.MultiheadAttention", [spec(5, 8), spec(7, 8), spec(7, 8)], [spec(5, 8)], {"embed_dim": 8, "batch_first": True}, 5 * 8 * 8 + 2 * 7 * 8 * 8 + 2 * 5 * 7 * 8 + 5 * 8 * 8, "unbatched"),
    ("nn.MultiheadAttention", [spec(2, 5, 8), spec(2, 7, 6), spec(2, 7, 4)], [spec(2, 5, 8)], {"embed_dim": 8, "kdim": 6, "vdim": 4, "batch_first": True}, 2 * (5 * 8 * 8 + 7 * 6 * 8 + 7 * 4 * 8 + 2 * 5 * 7 * 8 + 5 * 8 * 8), "keys and values of their own widths"),
]  # fmt: skip

RECURRENT = [
    ("LSTM", [spec(6, 2, 3), spec(1, 4 * 5, 3), spec(1, 4 * 5, 5)], [spec(6, 1, 2, 5)], {"hidden_size": 5}, 6 * 2 * 4 * 5 * (3 + 5), "ONNX LSTM: four gates"),
    ("GRU", [spec(6, 2, 3), spec(2, 3 * 5, 3), spec(2, 3 * 5, 5)], [spec(6, 2, 2, 5)], {"direction": "bidirectional"}, 2 * 6 * 2 * 3 * 5 * (3 + 5), "two directions"),
    ("nn.LSTM", [spec(6, 2, 3), weight("l.weight_ih_l0", 20, 3), weight("l.weight_hh_l0", 20, 5), weight("l.bias_ih_l0", 20)], [spec(6, 2, 5)], {}, 6 * 2 * 20 * (3 + 5), "torch LSTM: rows times the weights"),
    ("nn.RNN", [spec(6, 3), spec(1, 5, constant=True), weight("weight_ih_l0", 5, 3), weight("weight_hh_l0", 5, 5)], [spec(6, 5)], {}, 6 * 5 * (3 + 5), "a constant first state is no weight"),
    ("nn.GRUCell", [spec(2, 3), weight("c.weight_ih", 15, 3), weight("c.weight_hh", 15, 5)], [spec(2, 5)], {}, 2 * 15 * (3 + 5), "a cell is one step"),
]  # fmt: skip

UNCOUNTED = [
    ("nn.LayerNorm", [spec(2, 5, 8), spec(8), spec(8)], [spec(2, 5, 8)], {}, 0, "norms count 0"),
    ("aten::_softmax", [spec(2, 5, 8)], [spec(2, 5, 8)], {}, 0, "so does softmax"),
    ("aten::add.Tensor", [spec(2), spec(2)], [spec(2)], {}, 0, "elementwise arithmetic"),
    ("nn.MaxPool2d", [X], [spec(2, 8, 5, 5)], {}, 0, "pooling"),
    ("Transpose", [X], [X], {}, 0, "data movement"),
    ("my.domain::Conv", [X, spec(16, 8, 3, 3)], [spec(2, 16, 8, 8)], {}, 0, "an operator of another domain is another operator"),
]  # fmt: skip

NOT_KNOWN = [
    ("Conv", [spec("N", 8, 10, 10), spec(16, 8, 3, 3)], [spec("N", 16, 8, 8)], {}, None, "a symbolic batch"),
    ("MatMul", [UNKNOWN, spec(8, 3)], [spec(4, 3)], {}, None, "an unknown rank"),
    ("MatMul", [spec(4, 8), spec(8, 3)], [], {}, None, "an output that nobody describes"),
    ("Gemm", [None, spec(8, 3)], [spec(4, 3)], {}, None, "an input left out"),
    ("LSTM", [spec(6, "N", 3), spec(1, 20, 3), spec(1, 20, 5)], [spec(6, 1, "N", 5)], {}, None, "a symbolic batch of sequences"),
    ("Relu", [spec("N", 8)], [spec("N", 8)], {}, 0, "what counts 0 counts 0 at any size"),
    ("nn.Bilinear", [spec(2, 3), spec(2, 4), spec(5, 3, 4)], [spec(2, 5)], {}, None, "it multiplies, but has no formula: not 0"),
    ("com.microsoft::MultiHeadAttention", [spec(2, 5, 8)] * 3, [spec(2, 5, 8)], {"num_heads": 2}, None, "nor has this"),
]  # fmt: skip

EMPTY = [
    ("MatMul", [spec(4, 0), spec(0, 3)], [spec(4, 3)], {}, 0, "nothing to multiply"),
    ("torch.tensordot", [spec(2, 0), spec(0, 3)], [spec(2, 3)], {}, 0, "nothing to contract"),
]

ALL = CONVOLUTIONS + MATRIX_PRODUCTS + EINSUMS + ATTENTION + RECURRENT + UNCOUNTED + NOT_KNOWN + EMPTY


@pytest.mark.parametrize(
    ("operator", "inputs", "outputs", "attributes", "expected", "why"), ALL, ids=[f"{row[0]}: {row[-1]}" for row in ALL]
)
def test_count(operator, inputs, outputs, attributes, expected, why):
    assert macs(OpName.parse(operator), inputs, outputs, attributes) == expected, why


def test_an_overload_has_the_formula_of_its_operator():
    inputs, outputs = [spec(4, 8), spec(8, 3)], [spec(4, 3)]
    assert macs(OpName("aten", "mm", "dtype"), inputs, outputs, {}) == 4 * 8 * 3
