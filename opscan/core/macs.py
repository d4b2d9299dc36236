"""Multiply-accumulates of one site, from its shapes and attributes.

Convention: one multiply-accumulate is 1 (not 2). Convolution, linear, matrix products, attention
and recurrent layers count; biases, norms, softmax, activations, pooling, elementwise arithmetic,
gathers and data movement count 0. It is half of what torch.utils.flop_counter.FlopCounterMode
counts, and the convention of the FLOPs columns in the papers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isqrt, prod

from opscan.core.inventory import Attribute, TensorSpec
from opscan.core.operator import OpName

CONVENTION = (
    "MACs: one multiply-accumulate = 1; convolution, linear, matmul and attention count, "
    "norms, softmax, activations, pooling, elementwise and data movement count 0"
)

Inputs = Sequence[TensorSpec | None]
Outputs = Sequence[TensorSpec]
Attributes = Mapping[str, Attribute]
Formula = Callable[[Inputs, Outputs, Attributes], int]


class _Unknown(Exception):
    """A shape that the count needs is not known."""


def _shape(specs: Sequence[TensorSpec | None], position: int) -> tuple[int, ...]:
    spec = specs[position] if position < len(specs) else None
    shape = spec.static_shape if spec is not None else None
    if shape is None:
        raise _Unknown
    return shape


def _number(attributes: Attributes, name: str) -> int:
    value = attributes.get(name)
    if not isinstance(value, int):
        raise _Unknown
    return value


def _convolution(weight: int, *, transposed: bool = False) -> Formula:
    """Batch x positions of the weight's window x its elements `[C_out, C_in / groups, *kernel]`."""

    def count(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
        swept = _shape(inputs, 0) if transposed or attributes.get("transposed") else _shape(outputs, 0)
        kernel = _shape(inputs, weight)
        # An unbatched torch convolution leaves out N.
        batch = swept[0] if len(swept) == len(kernel) else 1
        return batch * prod(swept[-(len(kernel) - 2) :]) * prod(kernel)

    return count


def _linear(weight: int) -> Formula:
    """Rows of `x [..., K]` x elements of the weight `[N, K]`."""

    def count(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
        return prod(_shape(inputs, 0)[:-1]) * prod(_shape(inputs, weight))

    return count


def _matmul(left: int) -> Formula:
    """Elements of the result x the length of the contracted dimension of the left operand."""

    def count(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
        return prod(_shape(outputs, 0)) * _shape(inputs, left)[-1]

    return count


def _gemm(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """ONNX Gemm: `A [M, K]`, or `[K, M]` with transA."""
    return prod(_shape(outputs, 0)) * _shape(inputs, 0)[0 if attributes.get("transA") else 1]


def _tensordot(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """`A [F, C]`, `B [C, G]` and the result `[F, G]`, each letter standing for any dimensions: F x C x G."""
    return isqrt(prod(_shape(inputs, 0)) * prod(_shape(inputs, 1)) * prod(_shape(outputs, 0)))


def _einsum(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """The product of all index lengths, for the two-operand contraction that lowers to one bmm.

    More operands are contracted from the left, as torch does without opt_einsum. Without `->` the
    result has every index that occurs once.
    """
    equation = attributes.get("equation")
    if not isinstance(equation, str) or "." in equation:
        raise _Unknown
    terms, arrow, result = equation.replace(" ", "").partition("->")
    operands = terms.split(",")
    if not arrow:
        result = "".join(index for index in terms if index != "," and terms.count(index) == 1)
    lengths = {
        index: length
        for position, term in enumerate(operands)
        for index, length in zip(term, _shape(inputs, position), strict=True)
    }
    total, current = 0, set(operands[0])
    for position, term in enumerate(operands[1:], start=1):
        needed_later = set(result).union(*operands[position + 1 :])
        # An index summed over in one operand alone is reduced before the product.
        contracted = (current & set(term)) | ((current | set(term)) & needed_later)
        total += prod(lengths[index] for index in contracted)
        current = (current | set(term)) & needed_later
    return total


def _attention(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """Scores and context: `q [..., L, E]`, `k [..., S, E]`, `v [..., S, Ev]`."""
    q, k, v = (_shape(inputs, position) for position in range(3))
    return prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


def _onnx_attention(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """ONNX Attention: as above, or with the heads in the last dimension; `past_key [N, heads, P, E]` lengthens S."""
    q, k, v = (_shape(inputs, position) for position in range(3))
    past = _shape(inputs, 4)[-2] if len(inputs) > 4 and inputs[4] is not None else 0
    source = k[-2] + past
    if len(q) == 3:
        q_heads, kv_heads = _number(attributes, "q_num_heads"), _number(attributes, "kv_num_heads")
        return q[0] * q[1] * source * (q[2] + q_heads * (v[2] // kv_heads))
    return prod(q[:-1]) * source * (q[-1] + v[-1])


def _multihead_attention(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """nn.MultiheadAttention: four projections to `embed_dim`, then attention over all heads."""
    embed = _number(attributes, "embed_dim")
    query, key, value = (_shape(inputs, position) for position in range(3))
    sequence, batch = (-2, 0) if attributes.get("batch_first") else (0, 1)
    n = query[batch] if len(query) == 3 else 1
    length, source = query[sequence], key[sequence]
    projections = length * query[-1] + source * (key[-1] + value[-1]) + length * embed
    return n * embed * (projections + 2 * length * source)


def _recurrent(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """ONNX RNN, GRU, LSTM: `X [T, N, I]`, `W [directions, gates * H, I]`, `R [directions, gates * H, H]`."""
    steps, batch, _ = _shape(inputs, 0)
    return steps * batch * (prod(_shape(inputs, 1)) + prod(_shape(inputs, 2)))


def _torch_recurrent(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """nn.RNN, nn.GRU, nn.LSTM and their cells: rows of `x` x elements of every `weight_…` parameter."""
    weights = [spec for spec in inputs if spec and spec.name.rpartition(".")[2].startswith("weight_")]
    rows = prod(_shape(inputs, 0)[:-1])
    return rows * sum(prod(_shape(weights, position)) for position in range(len(weights)))


def _fused_matmul(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    return prod(_shape(outputs, 0)) * _shape(inputs, 0)[-2 if attributes.get("transA") else -1]


def _not_derived(inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int:
    """They multiply and accumulate, but nobody has written down how much: not 0."""
    raise _Unknown


_WITHOUT_FORMULA = (
    "nn.Bilinear",
    "F.bilinear",
    "F.multi_head_attention_forward",
    "torch.chain_matmul",
    "aten::bilinear",
    "aten::_native_multi_head_attention",
    "LinearAttention",
    "com.microsoft::Attention",
    "com.microsoft::MultiHeadAttention",
    "com.microsoft::GroupQueryAttention",
    "com.microsoft::QAttention",
)


def _table() -> dict[str, Formula]:
    """Formula of each counted operator, keyed by its name without overload."""
    conv, conv_transposed = _convolution(1), _convolution(1, transposed=True)
    formulas: dict[str, Formula] = {
        "F.linear": _linear(1),
        "nn.Linear": _linear(1),
        "aten::linear": _linear(1),
        "aten::addmm": _matmul(1),
        "torch.addmm": _matmul(1),
        "aten::baddbmm": _matmul(1),
        "torch.baddbmm": _matmul(1),
        "aten::mm": _matmul(0),
        "aten::bmm": _matmul(0),
        "aten::matmul": _matmul(0),
        "torch.bmm": _matmul(0),
        "torch.mm": _matmul(0),
        "torch.matmul": _matmul(0),
        "Tensor.matmul": _matmul(0),
        "Tensor.bmm": _matmul(0),
        "Tensor.mm": _matmul(0),
        "Tensor.addmm": _matmul(1),
        "Tensor.baddbmm": _matmul(1),
        "torch.tensordot": _tensordot,
        "@": _matmul(0),
        "MatMul": _matmul(0),
        "MatMulInteger": _matmul(0),
        "QLinearMatMul": _matmul(0),
        "com.microsoft::FusedMatMul": _fused_matmul,
        "com.microsoft::MatMulNBits": _matmul(0),
        "Gemm": _gemm,
        "com.microsoft::FusedGemm": _gemm,
        "torch.einsum": _einsum,
        "aten::einsum": _einsum,
        "Einsum": _einsum,
        "F.scaled_dot_product_attention": _attention,
        "aten::scaled_dot_product_attention": _attention,
        "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
        "aten::_scaled_dot_product_flash_attention": _attention,
        "aten::_scaled_dot_product_efficient_attention": _attention,
        "aten::_scaled_dot_product_attention_math": _attention,
        "aten::_scaled_dot_product_cudnn_attention": _attention,
        "Attention": _onnx_attention,
        "nn.MultiheadAttention": _multihead_attention,
        "aten::convolution": conv,
        "Conv": conv,
        "ConvInteger": conv,
        "com.microsoft::FusedConv": conv,
        "QLinearConv": _convolution(3),
        "DeformConv": conv,
        "torchvision::deform_conv2d": conv,
        "CausalConvWithState": conv,
        "ConvTranspose": conv_transposed,
    }
    for rank in "123":
        formulas |= dict.fromkeys(
            (f"nn.Conv{rank}d", f"F.conv{rank}d", f"torch.conv{rank}d", f"aten::conv{rank}d"), conv
        )
        formulas |= dict.fromkeys(
            (
                f"nn.ConvTranspose{rank}d",
                f"F.conv_transpose{rank}d",
                f"torch.conv_transpose{rank}d",
                f"aten::conv_transpose{rank}d",
            ),
            conv_transposed,
        )
    for name in ("mv", "dot"):
        formulas |= dict.fromkeys((f"torch.{name}", f"Tensor.{name}", f"aten::{name}"), _matmul(0))
    for name in ("RNN", "GRU", "LSTM"):
        formulas |= {name: _recurrent, f"nn.{name}": _torch_recurrent, f"nn.{name}Cell": _torch_recurrent}
    return formulas | dict.fromkeys(_WITHOUT_FORMULA, _not_derived)


_FORMULAS = _table()


@cache
def _formula(op: OpName) -> Formula | None:
    return _FORMULAS.get(str(OpName(op.domain, op.name)))


def macs(op: OpName, inputs: Inputs, outputs: Outputs, attributes: Attributes) -> int | None:
    """Multiply-accumulates of one site; 0 for what the convention does not count, None if unknown.

    None also for an operator that counts but has no formula here.
    """
    formula = _formula(op)
    if formula is None:
        return 0
    try:
        return formula(inputs, outputs, attributes)
    except (_Unknown, IndexError, ValueError, KeyError, ZeroDivisionError):
        return None
