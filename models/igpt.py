"""Image GPT (iGPT), 2020.

Chen et al., "Generative Pretraining from Pixels",
ICML 2020, https://proceedings.mlr.press/v119/chen20s.html. Laid out as in the official TensorFlow
code, openai/image-gpt: the next-pixel model at 32x32, without the classification head that
fine-tuning adds and without the key/value cache that sampling adds.

Operators: a language model over pixels. An image is a sequence of 1024 colours, each one of 512
(a 9-bit palette), looked up in a table and shifted right by one behind a start vector. The code
writes out what frameworks fuse: a norm that divides by the root mean square (square, mean, rsqrt,
mul; neither mean subtraction nor bias), a softmax (amax, sub, exp, sum, div) behind a causal mask of
arithmetic, and gelu as x sigmoid(1.702 x). Projections have a weight per head and are einsums; no
layer has a bias. The table that turns features into logits is not the one that embeds.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "iGPT",
    "title": "Generative Pretraining from Pixels",
    "paper": "https://proceedings.mlr.press/v119/chen20s.html",
    "date": "2020-06",
    "publication": "ICML 2020",
    "section": "1. Backbone/Classification",
    "method": "Self-supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/openai/image-gpt",
    "inputs": {"pixels": {"shape": [1, 1024], "dtype": "int64", "below": 512}},
    "variants": {
        "igpt_s": {
            "title": "iGPT-S",
            "config": {"embed_dim": 512, "depth": 24, "num_heads": 8},
            "params": 76_571_648,
            "macs": 103_347_650_560,
            "official_calls": {
                "Tensor.__getitem__": 25, "Tensor.__rsub__": 24, "Tensor.add": 122, "Tensor.add_": 1, "Tensor.amax": 24,
                "Tensor.div": 24, "Tensor.ge": 24, "Tensor.mul": 219, "Tensor.reshape": 170, "Tensor.sub": 72,
                "Tensor.sum": 24, "Tensor.tile": 1, "Tensor.to": 24, "Tensor.transpose": 25, "Tensor.unsqueeze": 1,
                "arange": 49, "cat": 1, "einsum": 96, "exp": 24, "matmul": 97, "mean": 49, "nn.functional.embedding": 2,
                "ones": 1, "rsqrt": 73, "sigmoid": 24, "square": 49,
            },
        },
        "igpt_m": {
            "title": "iGPT-M",
            "config": {"embed_dim": 1024, "depth": 36, "num_heads": 8},
            "params": 455_157_760,
            "macs": 541_702_750_208,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.__rsub__": 36, "Tensor.add": 182, "Tensor.add_": 1, "Tensor.amax": 36,
                "Tensor.div": 36, "Tensor.ge": 36, "Tensor.mul": 327, "Tensor.reshape": 254, "Tensor.sub": 108,
                "Tensor.sum": 36, "Tensor.tile": 1, "Tensor.to": 36, "Tensor.transpose": 37, "Tensor.unsqueeze": 1,
                "arange": 73, "cat": 1, "einsum": 144, "exp": 36, "matmul": 145, "mean": 73, "nn.functional.embedding": 2,
                "ones": 1, "rsqrt": 109, "sigmoid": 36, "square": 73,
            },
        },
        "igpt_l": {
            "title": "iGPT-L",
            "config": {"embed_dim": 1536, "depth": 48, "num_heads": 16},
            "params": 1_362_250_752,
            "macs": 1_546_993_532_928,
            "official_calls": {
                "Tensor.__getitem__": 49, "Tensor.__rsub__": 48, "Tensor.add": 242, "Tensor.add_": 1, "Tensor.amax": 48,
                "Tensor.div": 48, "Tensor.ge": 48, "Tensor.mul": 435, "Tensor.reshape": 338, "Tensor.sub": 144,
                "Tensor.sum": 48, "Tensor.tile": 1, "Tensor.to": 48, "Tensor.transpose": 49, "Tensor.unsqueeze": 1,
                "arange": 97, "cat": 1, "einsum": 192, "exp": 48, "matmul": 193, "mean": 97, "nn.functional.embedding": 2,
                "ones": 1, "rsqrt": 145, "sigmoid": 48, "square": 97,
            },
        },
    },
    "calls_of": "openai/image-gpt, in TensorFlow: what fetching gen_logits runs, by the torch functions of the same meaning",
    "call_differences": {
        "Tensor.__getitem__": "Part of the causal mask, which the official code makes in every block.",
        "Tensor.__rsub__": "Part of the causal mask: the penalty is a buffer here.",
        "Tensor.add": "Part of the causal mask; of the positions' number, from the length of what was sampled before.",
        "Tensor.add_": "The official code writes the sum with positions as +=.",
        "Tensor.expand": "The start vector is expanded to the batch; the official code multiplies it by ones.",
        "Tensor.ge": "Part of the causal mask.",
        "Tensor.mul": "The penalty of the causal mask in every block, and the start vector by ones.",
        "Tensor.reshape": "The official code reshapes the mask and, in every linear layer, the weight to the shape that it has.",
        "Tensor.sub": "Part of the causal mask.",
        "Tensor.tile": "Positions, a buffer here, are repeated for the batch.",
        "Tensor.to": "The cast of the causal mask.",
        "Tensor.unsqueeze": "Of the positions, a buffer here.",
        "arange": "Of the causal mask in every block, and of the positions.",
        "ones": "Of the start vector.",
        "rsqrt": "The official code takes the root of the head's width in every attention, a number here.",
    },
    "checkpoint": "variables and shapes of the official TensorFlow checkpoint: model/h0/attn/q_proj is h.0.attn.q_proj",
    "tags": ["transformer", "self-supervised"],
}
# fmt: on


def build(*, embed_dim: int, depth: int, num_heads: int, palette: int = 512, context: int = 1024) -> nn.Module:
    """A pixel model `[N, context] -> [N, context, palette]`: each colour's logits, given the colours before it."""
    return ImageGPT(embed_dim=embed_dim, depth=depth, num_heads=num_heads, palette=palette, context=context)


def softmax(x: Tensor) -> Tensor:
    """Over the last dimension, written out as in the official code."""
    exponential = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return exponential / exponential.sum(dim=-1, keepdim=True)


def quick_gelu(x: Tensor) -> Tensor:
    """The sigmoid approximation of gelu."""
    return x * torch.sigmoid(1.702 * x)


class Norm(nn.Module):
    """Divides the last dimension by its root mean square, then multiplies by a gain."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.epsilon = 1e-5
        self.g = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        mean_square = torch.mean(torch.square(x), dim=-1, keepdim=True)
        return x * torch.rsqrt(mean_square + self.epsilon) * self.g


class Attention(nn.Module):
    """Causal self-attention, `[N, L, D] -> [N, L, D]`; every head projects the features by its own matrix."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        head_dim = dim // num_heads
        self.scale = head_dim**-0.5
        self.q_proj = nn.Parameter(torch.empty(num_heads, head_dim, dim))
        self.k_proj = nn.Parameter(torch.empty(num_heads, head_dim, dim))
        self.v_proj = nn.Parameter(torch.empty(num_heads, head_dim, dim))
        self.c_proj = nn.Parameter(torch.empty(num_heads, head_dim, dim))
        for weight in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(weight, std=dim**-0.5)

    def forward(self, x: Tensor, mask: Tensor, penalty: Tensor) -> Tensor:
        q = torch.einsum("nld,hed->nhle", x, self.q_proj)
        k = torch.einsum("nld,hed->nhle", x, self.k_proj)
        v = torch.einsum("nld,hed->nhle", x, self.v_proj)
        scores = torch.matmul(q, k.transpose(-2, -1)) * self.scale
        weights = softmax(scores * mask - penalty)
        return torch.einsum("nhle,hed->nld", torch.matmul(weights, v), self.c_proj)


class Conv1d(nn.Module):
    """A linear layer without bias, `[N, L, D] -> [N, L, out_dim]`, called as in GPT-2; its weight is `[D, out_dim]`."""

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.dim, self.out_dim = dim, out_dim
        self.w = nn.Parameter(torch.empty(dim, out_dim))
        nn.init.normal_(self.w, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        return torch.matmul(x.reshape(-1, self.dim), self.w).reshape(n, length, self.out_dim)


class Mlp(nn.Module):
    """Two linear layers around the gelu, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.c_fc = Conv1d(dim, 4 * dim)
        self.c_proj = Conv1d(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.c_proj(quick_gelu(self.c_fc(x)))
        return out


class Block(nn.Module):
    """Pre-norm decoder block: `x + attn(ln_1(x))`, then `x + mlp(ln_2(x))`."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.ln_1 = Norm(dim)
        self.attn = Attention(dim, num_heads)
        self.ln_2 = Norm(dim)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor, mask: Tensor, penalty: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x), mask, penalty)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class ImageGPT(nn.Module):
    """Colour and position tables, start vector, decoder blocks, logits over the palette.

    Scores are masked by arithmetic, `scores * mask - penalty`: the mask is 1 up to the own position
    and 0 after it, the penalty 0 and 1e10.
    """

    causal_mask: Tensor
    causal_penalty: Tensor
    positions: Tensor

    def __init__(self, *, embed_dim: int, depth: int, num_heads: int, palette: int, context: int) -> None:
        super().__init__()
        self.wte = nn.Parameter(torch.empty(palette, embed_dim))
        self.wpe = nn.Parameter(torch.empty(context, embed_dim))
        self.sos = nn.Parameter(torch.empty(embed_dim))
        self.h = nn.ModuleList(Block(embed_dim, num_heads) for _ in range(depth))
        self.ln_f = Norm(embed_dim)
        self.wtet = nn.Parameter(torch.empty(palette, embed_dim))
        for table in (self.wte, self.wpe, self.sos, self.wtet):
            nn.init.normal_(table, std=0.02)
        mask = torch.ones(context, context).tril()[None, None]
        self.register_buffer("causal_mask", mask, persistent=False)
        self.register_buffer("causal_penalty", 1e10 * (1 - mask), persistent=False)
        self.register_buffer("positions", torch.arange(context)[None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        n, length = pixels.shape
        colours = F.embedding(pixels, self.wte)
        shifted = torch.cat((self.sos.expand(n, 1, -1), colours[:, :-1, :]), dim=1)
        x = shifted + F.embedding(self.positions, self.wpe)
        for block in self.h:
            x = block(x, self.causal_mask, self.causal_penalty)
        features = self.ln_f(x).reshape(-1, x.shape[-1])
        logits = torch.matmul(features, self.wtet.transpose(0, 1))
        return logits.reshape(n, length, -1)
