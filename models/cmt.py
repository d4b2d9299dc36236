"""CMT, 2021.

Guo et al., "CMT: Convolutional Neural Networks Meet Vision Transformers", CVPR 2022,
https://arxiv.org/abs/2107.06263. Laid out as in the official code, huawei-noah/CV-Backbones,
cmt_pytorch.

Operators: every block goes from tokens to a map and back three times, by permute and reshape: for
its local perception unit (a depthwise convolution with a shortcut), for the depthwise convolution
that shortens keys and values, and for its feed-forward network, which is made of convolutions. The
position bias that is added to the scores is a plain parameter, one per stage, used as it is:
nothing is gathered, but it fits one image size only, and so does the parameter count. In the
convolutional parts gelu comes before batch norm, so that the norm cannot be folded into the
convolution before it. The head's swish is a sigmoid and a multiplication.
"""

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "CMT",
    "title": "CMT: Convolutional Neural Networks Meet Vision Transformers",
    "paper": "https://arxiv.org/abs/2107.06263",
    "date": "2021-07",
    "publication": "CVPR 2022",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "conv + transformer",
    "repository": "https://github.com/huawei-noah/CV-Backbones/tree/master/cmt_pytorch",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "cmt_s": {
            "title": "CMT-S",
            "config": {"stem_channels": 32, "embed_dims": [64, 128, 256, 512], "depths": [3, 3, 16, 3], "image_size": 224},
            "params": 26_256_160,
            "macs": 4_031_742_464,
            "official_calls": {
                "Tensor.add": 125, "Tensor.contiguous": 3, "Tensor.flatten": 55, "Tensor.matmul": 50, "Tensor.mul": 26,
                "Tensor.permute": 223, "Tensor.reshape": 198, "Tensor.softmax": 25, "Tensor.transpose": 54,
                "nn.functional.adaptive_avg_pool2d": 1, "nn.functional.batch_norm": 101, "nn.functional.conv2d": 130,
                "nn.functional.dropout": 101, "nn.functional.gelu": 53, "nn.functional.layer_norm": 54,
                "nn.functional.linear": 101, "sigmoid": 1,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "25.1", "flops_g": "4.0", "throughput": "563", "top1": "83.5",
                "params_note": "The released code has 26.3 M parameters; the paper's 25.1 M must belong to another revision.",
            },
        },
        "cmt_b": {
            "title": "CMT-B",
            "config": {"stem_channels": 38, "embed_dims": [76, 152, 304, 608], "depths": [4, 4, 20, 4], "image_size": 256},
            "inputs": {"image": {"shape": [1, 3, 256, 256]}},
            "params": 45_715_076,
            "macs": 9_317_124_096,
            "official_calls": {
                "Tensor.add": 160, "Tensor.contiguous": 3, "Tensor.flatten": 69, "Tensor.matmul": 64, "Tensor.mul": 33,
                "Tensor.permute": 284, "Tensor.reshape": 252, "Tensor.softmax": 32, "Tensor.transpose": 68,
                "nn.functional.adaptive_avg_pool2d": 1, "nn.functional.batch_norm": 128, "nn.functional.conv2d": 164,
                "nn.functional.dropout": 129, "nn.functional.gelu": 67, "nn.functional.layer_norm": 68,
                "nn.functional.linear": 129, "sigmoid": 1,
            },
            "table1": {"group": "CNN + Transformer", "params_m": "45.7", "flops_g": "9.3", "throughput": "285", "top1": "84.5"},
        },
    },
    "checkpoint": "All names and shapes are those of the official checkpoints.",
    "tags": ["hybrid"],
}
# fmt: on

NUM_HEADS = (1, 2, 4, 8)
REDUCTIONS = (8, 4, 2, 1)
"""Sides of the regions of the map that give one key and value each, by stage."""
EXPANSION = 4
HEAD_CHANNELS = 1280


def build(
    *, stem_channels: int, embed_dims: list[int], depths: list[int], image_size: int, num_classes: int = 1000
) -> nn.Module:
    """A CMT classifier `[N, 3, image_size, image_size] -> [N, num_classes]`."""
    return CMT(stem_channels, embed_dims, depths, image_size, num_classes)


def _to_map(tokens: Tensor, size: int) -> Tensor:
    """`[N, size * size, C] -> [N, C, size, size]`."""
    n, _, channels = tokens.shape
    return tokens.permute(0, 2, 1).reshape(n, channels, size, size)


def _to_tokens(x: Tensor) -> Tensor:
    """`[N, C, H, W] -> [N, H * W, C]`."""
    return x.flatten(2).permute(0, 2, 1)


class Attention(nn.Module):
    """Lightweight self-attention over the tokens of a map of size S, `[N, S * S, C] -> [N, S * S, C]`.

    `softmax(Q K'^T / sqrt(head_dim) + B) V'`, where keys and values come from the map shortened by
    a depthwise convolution, and B is the stage's position bias.
    """

    def __init__(self, dim: int, num_heads: int, reduction: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)
        self.reduces = reduction > 1
        if self.reduces:
            depthwise = nn.Conv2d(dim, dim, kernel_size=reduction, stride=reduction, groups=dim)
            self.sr = nn.Sequential(depthwise, nn.BatchNorm2d(dim))

    def forward(self, x: Tensor, position_bias: Tensor) -> Tensor:
        n, length, dim = x.shape
        reduced = self._reduce(x) if self.reduces else x
        q, k, v = self._split_heads(self.q(x)), self._split_heads(self.k(reduced)), self._split_heads(self.v(reduced))
        scores = (q @ k.transpose(-2, -1)) * self.scale + position_bias
        weights = self.attn_drop(scores.softmax(dim=-1))
        context = (weights @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out

    def _reduce(self, x: Tensor) -> Tensor:
        """`[N, S * S, C] -> [N, (S / reduction) ** 2, C]`."""
        n, _, dim = x.shape
        reduced: Tensor = self.sr(_to_map(x, self.size))
        return reduced.reshape(n, dim, -1).permute(0, 2, 1)

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, self.num_heads, self.head_dim).permute(0, 2, 1, 3)


class FeedForward(nn.Module):
    """Inverted residual feed-forward network on the map of size S, `[N, S * S, C] -> [N, S * S, C]`.

    Widens with a 1x1 convolution, adds a depthwise 3x3 convolution to its own input, narrows with
    a 1x1 convolution.
    """

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.size = size
        hidden = EXPANSION * dim
        self.conv1 = nn.Sequential(nn.Conv2d(dim, hidden, 1), nn.GELU(), nn.BatchNorm2d(hidden))
        self.proj = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.proj_act = nn.GELU()
        self.proj_bn = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Sequential(nn.Conv2d(hidden, dim, 1), nn.BatchNorm2d(dim))
        self.drop = nn.Dropout(0.0)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.drop(self.conv1(_to_map(tokens, self.size)))
        x = self.proj_bn(self.proj_act(self.proj(x) + x))
        out: Tensor = self.drop(_to_tokens(self.conv2(x)))
        return out


class Block(nn.Module):
    """Local perception unit, attention, feed-forward, each with a shortcut; `[N, S * S, C] -> [N, S * S, C]`."""

    def __init__(self, dim: int, num_heads: int, reduction: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.proj = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, num_heads, reduction, size)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = FeedForward(dim, size)

    def forward(self, tokens: Tensor, position_bias: Tensor) -> Tensor:
        x = _to_map(tokens, self.size)
        tokens = _to_tokens(self.proj(x) + x)
        tokens = tokens + self.attn(self.norm1(tokens), position_bias)
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class PatchEmbed(nn.Module):
    """Halves a map and makes tokens of it, `[N, in, H, W] -> [N, H / 2 * W / 2, out]`."""

    def __init__(self, in_channels: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=2, stride=2)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
        return out


class CMT(nn.Module):
    """Convolutional stem, four stages (a to d) at 1/4 to 1/32 of the image's size, convolutional head."""

    def __init__(
        self, stem_channels: int, embed_dims: list[int], depths: list[int], image_size: int, num_classes: int
    ) -> None:
        super().__init__()
        self.sizes = tuple(image_size // stride for stride in (4, 8, 16, 32))
        self.act = nn.GELU()
        self.stem_conv1 = nn.Conv2d(3, stem_channels, 3, stride=2, padding=1)
        self.stem_norm1 = nn.BatchNorm2d(stem_channels)
        self.stem_conv2 = nn.Conv2d(stem_channels, stem_channels, 3, padding=1)
        self.stem_norm2 = nn.BatchNorm2d(stem_channels)
        self.stem_conv3 = nn.Conv2d(stem_channels, stem_channels, 3, padding=1)
        self.stem_norm3 = nn.BatchNorm2d(stem_channels)
        self.patch_embed_a = PatchEmbed(stem_channels, embed_dims[0])
        self.patch_embed_b = PatchEmbed(embed_dims[0], embed_dims[1])
        self.patch_embed_c = PatchEmbed(embed_dims[1], embed_dims[2])
        self.patch_embed_d = PatchEmbed(embed_dims[2], embed_dims[3])
        biases = [_position_bias(*stage) for stage in zip(NUM_HEADS, REDUCTIONS, self.sizes, strict=True)]
        self.relative_pos_a, self.relative_pos_b, self.relative_pos_c, self.relative_pos_d = biases
        stages = zip(depths, embed_dims, NUM_HEADS, REDUCTIONS, self.sizes, strict=True)
        self.blocks_a, self.blocks_b, self.blocks_c, self.blocks_d = (_blocks(*stage) for stage in stages)
        self._fc = nn.Conv2d(embed_dims[-1], HEAD_CHANNELS, 1)
        self._bn = nn.BatchNorm2d(HEAD_CHANNELS)
        self._avg_pooling = nn.AdaptiveAvgPool2d(1)
        self._drop = nn.Dropout(0.1)
        self.head = nn.Linear(HEAD_CHANNELS, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem_norm1(self.act(self.stem_conv1(image)))
        x = self.stem_norm2(self.act(self.stem_conv2(x)))
        x = self.stem_norm3(self.act(self.stem_conv3(x)))
        tokens = _run(self.blocks_a, self.patch_embed_a(x), self.relative_pos_a)
        tokens = _run(self.blocks_b, self.patch_embed_b(_to_next_stage(tokens, self.sizes[0])), self.relative_pos_b)
        tokens = _run(self.blocks_c, self.patch_embed_c(_to_next_stage(tokens, self.sizes[1])), self.relative_pos_c)
        tokens = _run(self.blocks_d, self.patch_embed_d(_to_next_stage(tokens, self.sizes[2])), self.relative_pos_d)
        return self._classify(_to_map(tokens, self.sizes[3]))

    def _classify(self, x: Tensor) -> Tensor:
        x = self._bn(self._fc(x))
        x = x * torch.sigmoid(x)
        out: Tensor = self.head(self._drop(self._avg_pooling(x).flatten(1)))
        return out


def _blocks(depth: int, dim: int, num_heads: int, reduction: int, size: int) -> nn.ModuleList:
    return nn.ModuleList(Block(dim, num_heads, reduction, size) for _ in range(depth))


def _position_bias(num_heads: int, reduction: int, size: int) -> nn.Parameter:
    """For each head, what is added to the score of each query (rows) with each key (columns)."""
    return nn.Parameter(torch.randn(num_heads, size**2, (size // reduction) ** 2))


def _run(blocks: nn.ModuleList, tokens: Tensor, position_bias: Tensor) -> Tensor:
    for block in blocks:
        tokens = block(tokens, position_bias)
    return tokens


def _to_next_stage(tokens: Tensor, size: int) -> Tensor:
    """`[N, size * size, C] -> [N, C, size, size]`, contiguous."""
    n = tokens.shape[0]
    return tokens.reshape(n, size, size, -1).permute(0, 3, 1, 2).contiguous()
