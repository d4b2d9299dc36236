"""Shuffle Transformer, 2021.

Huang, Ben, Luo, Cheng, Yu and Fu, "Shuffle Transformer: Rethinking Spatial Shuffle for Vision
Transformer", arXiv 2021, https://arxiv.org/abs/2106.03650. Laid out as in
mulinmeng/Shuffle-Transformer, with the settings of its configuration files.

Operators: the features stay maps; every projection is a 1x1 convolution, every norm a batch norm,
and ReLU6 takes the place of gelu. Windows and heads are split in one reshape to eight axes, permute
and reshape, and merged in another; a shuffled window, of pixels far apart, costs no operator more: two
pairs of axes change places. Queries, keys and values come apart by unbind. The position bias is
gathered from a learned table by an integer index and added to the scores in place.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "Shuffle Transformer",
    "title": "Shuffle Transformer: Rethinking Spatial Shuffle for Vision Transformer",
    "paper": "https://arxiv.org/abs/2106.03650",
    "date": "2021-06",
    "publication": "arXiv 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "conv + transformer",
    "repository": "https://github.com/mulinmeng/Shuffle-Transformer",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "shuffle_t": {
            "title": "Shuffle-T",
            "config": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
            "params": 28_532_482,
            "macs": 4_672_630_272,
            "official_calls": {
                "Tensor.__getitem__": 12, "Tensor.add": 36, "Tensor.add_": 12, "Tensor.contiguous": 12,
                "Tensor.matmul": 24, "Tensor.mul": 12, "Tensor.permute": 36, "Tensor.reshape": 48, "Tensor.softmax": 12,
                "Tensor.transpose": 12, "Tensor.unbind": 12, "Tensor.unsqueeze": 12, "Tensor.view": 24, "flatten": 1,
                "nn.functional.adaptive_avg_pool2d": 1, "nn.functional.batch_norm": 41, "nn.functional.conv2d": 66,
                "nn.functional.dropout": 36, "nn.functional.hardtanh": 14, "nn.functional.linear": 1,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "29", "flops_g": "4.6", "throughput": "791", "top1": "82.5",
                "flops_note": "The paper does not say how it counts: without the attention products 4.53, with both 4.67, with one of them 4.60.",
                "top1_note": "As in the paper; the repository's README says 82.4.",
            },
        },
        "shuffle_s": {
            "title": "Shuffle-S",
            "config": {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24]},
            "params": 50_076_178,
            "macs": 8_967_194_112,
            "official_calls": {
                "Tensor.__getitem__": 24, "Tensor.add": 72, "Tensor.add_": 24, "Tensor.contiguous": 24,
                "Tensor.matmul": 48, "Tensor.mul": 24, "Tensor.permute": 72, "Tensor.reshape": 96, "Tensor.softmax": 24,
                "Tensor.transpose": 24, "Tensor.unbind": 24, "Tensor.unsqueeze": 24, "Tensor.view": 48, "flatten": 1,
                "nn.functional.adaptive_avg_pool2d": 1, "nn.functional.batch_norm": 77, "nn.functional.conv2d": 126,
                "nn.functional.dropout": 72, "nn.functional.hardtanh": 26, "nn.functional.linear": 1,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "50", "flops_g": "8.9", "throughput": "450", "top1": "83.5",
                "flops_note": "The paper does not say how it counts: without the attention products 8.74, with both 8.97, with one of them 8.85.",
                "top1_note": "As in the paper; the repository's README says 83.6.",
            },
        },
        "shuffle_b": {
            "title": "Shuffle-B",
            "config": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
            "params": 88_398_560,
            "macs": 15_741_937_664,
            "official_calls": {
                "Tensor.__getitem__": 24, "Tensor.add": 72, "Tensor.add_": 24, "Tensor.contiguous": 24,
                "Tensor.matmul": 48, "Tensor.mul": 24, "Tensor.permute": 72, "Tensor.reshape": 96, "Tensor.softmax": 24,
                "Tensor.transpose": 24, "Tensor.unbind": 24, "Tensor.unsqueeze": 24, "Tensor.view": 48, "flatten": 1,
                "nn.functional.adaptive_avg_pool2d": 1, "nn.functional.batch_norm": 77, "nn.functional.conv2d": 126,
                "nn.functional.dropout": 72, "nn.functional.hardtanh": 26, "nn.functional.linear": 1,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "88", "flops_g": "15.6", "throughput": "279", "top1": "84.0",
                "flops_note": "The paper does not say how it counts: without the attention products 15.44, with both 15.74, with one of them 15.59.",
            },
        },
    },
    "checkpoint": "mulinmeng/Shuffle-Transformer, shuffle_vit_{tiny,small,base}_patch4_window7_224: every name and shape, buffers included.",
    "tags": ["hybrid", "transformer"],
}
# fmt: on

IMAGE_SIZE = 224
STEM_CHANNELS = 32
HEAD_DIM = 32
WINDOW_SIZE = 7
MLP_RATIO = 4


def build(*, embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], num_classes: int = 1000) -> nn.Module:
    """A Shuffle Transformer `[N, 3, 224, 224] -> [N, num_classes]`; `depths` and `num_heads` are per stage."""
    return ShuffleTransformer(embed_dim, depths, num_heads, num_classes)


def relative_position_index(window: int) -> Tensor:
    """Row of the bias table for each pair of pixels in a window, `[window**2, window**2]`.

    Two pixels differ by -(window - 1) .. window - 1 rows and as many columns; the table has one row
    for each combination.
    """
    span = 2 * window - 1
    positions = torch.arange(window)
    rows = positions.repeat_interleave(window)
    columns = positions.repeat(window)
    row_distance = rows.unsqueeze(1) - rows.unsqueeze(0) + window - 1
    column_distance = columns.unsqueeze(1) - columns.unsqueeze(0) + window - 1
    return row_distance * span + column_distance


class Stem(nn.Module):
    """Two strided 3x3 convolutions and a 1x1, `[N, 3, H, W] -> [N, embed_dim, H / 4, W / 4]`."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.conv1 = self._halving(3, STEM_CHANNELS)
        self.conv2 = self._halving(STEM_CHANNELS, embed_dim)
        self.conv3 = nn.Conv2d(embed_dim, embed_dim, kernel_size=1)

    @staticmethod
    def _halving(in_channels: int, out_channels: int) -> nn.Sequential:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1)
        return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU6(inplace=True))

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.conv3(self.conv2(self.conv1(image)))
        return out


class Mlp(nn.Module):
    """Two 1x1 convolutions around a ReLU6, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, MLP_RATIO * dim, kernel_size=1)
        self.act = nn.ReLU6()
        self.fc2 = nn.Conv2d(MLP_RATIO * dim, dim, kernel_size=1)
        self.drop = nn.Dropout(0.0, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(x))
        return out


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows of 7x7 pixels, `[N, C, size, size] -> [N, C, size, size]`.

    Row `y` of the map is pixel `y % 7` of window `y // 7`, so that windows are squares; shuffled, it
    is pixel `y // s` of window `y % s`, s = size / 7, so that a window holds every s-th row. Columns
    alike. In what follows, L is 49, the pixels of a window.
    """

    relative_position_index: Tensor

    def __init__(self, dim: int, size: int, num_heads: int, shuffle: bool) -> None:
        super().__init__()
        self.size = size
        self.side = size // WINDOW_SIZE  # windows along each side of the map
        self.num_heads = num_heads
        self.shuffle = shuffle
        self.scale = HEAD_DIM**-0.5
        self.to_qkv = nn.Conv2d(dim, 3 * dim, kernel_size=1, bias=False)
        self.proj = nn.Conv2d(dim, dim, kernel_size=1)
        self.proj_drop = nn.Dropout(0.0)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * WINDOW_SIZE - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(WINDOW_SIZE))

    def _split(self, qkv: Tensor) -> Tensor:
        """`[N, 3C, size, size] -> [3, N * windows, heads, L, head_dim]`."""
        length = WINDOW_SIZE**2
        if self.shuffle:  # rows and columns are (pixel, window)
            x = qkv.reshape(-1, 3, self.num_heads, HEAD_DIM, WINDOW_SIZE, self.side, WINDOW_SIZE, self.side)
            x = x.permute(1, 0, 5, 7, 2, 4, 6, 3)
        else:  # (window, pixel)
            x = qkv.reshape(-1, 3, self.num_heads, HEAD_DIM, self.side, WINDOW_SIZE, self.side, WINDOW_SIZE)
            x = x.permute(1, 0, 4, 6, 2, 5, 7, 3)
        return x.reshape(3, -1, self.num_heads, length, HEAD_DIM)

    def _merge(self, context: Tensor) -> Tensor:
        """`[N * windows, heads, L, head_dim] -> [N, C, size, size]`, each pixel to where it came from."""
        x = context.reshape(-1, self.side, self.side, self.num_heads, WINDOW_SIZE, WINDOW_SIZE, HEAD_DIM)
        x = x.permute(0, 3, 6, 4, 1, 5, 2) if self.shuffle else x.permute(0, 3, 6, 1, 4, 2, 5)
        return x.reshape(-1, self.num_heads * HEAD_DIM, self.size, self.size)

    def _position_bias(self) -> Tensor:
        """The bias of every pair of pixels, `[1, heads, L, L]`; the same in all windows."""
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        bias = bias.view(WINDOW_SIZE**2, WINDOW_SIZE**2, -1).permute(2, 0, 1).contiguous()
        return bias.unsqueeze(0)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self._split(self.to_qkv(x)).unbind(0)
        scores = (q @ k.transpose(-2, -1)) * self.scale
        scores += self._position_bias()
        context = scores.softmax(dim=-1) @ v
        out: Tensor = self.proj_drop(self.proj(self._merge(context)))
        return out


class Block(nn.Module):
    """`x + attn(norm1(x))`, `x + local(norm2(x))`, `x + mlp(norm3(x))`, `[N, C, size, size]` in and out.

    `local` is the neighbour-window connection: a depthwise convolution as wide as a window.
    """

    def __init__(self, dim: int, size: int, num_heads: int, shuffle: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(dim)
        self.attn = WindowAttention(dim, size, num_heads, shuffle)
        self.local = nn.Conv2d(dim, dim, WINDOW_SIZE, padding=WINDOW_SIZE // 2, groups=dim)
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = Mlp(dim)
        self.norm3 = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        x = x + self.local(self.norm2(x))
        out: Tensor = x + self.drop_path(self.mlp(self.norm3(x)))
        return out


class PatchMerging(nn.Module):
    """Halves the map, doubles the channels, `[N, C, H, W] -> [N, 2C, H / 2, W / 2]`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(dim)
        self.reduction = nn.Conv2d(dim, 2 * dim, kernel_size=2, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.reduction(self.norm(x))
        return out


class Stage(nn.Module):
    """Patch merging except in the first stage, then pairs of a block with plain and one with shuffled windows."""

    def __init__(self, dim: int, size: int, depth: int, num_heads: int, first: bool) -> None:
        super().__init__()
        self.patch_partition = None if first else PatchMerging(dim // 2)
        self.layers = nn.ModuleList(
            nn.ModuleList(Block(dim, size, num_heads, shuffle) for shuffle in (False, True)) for _ in range(depth // 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.patch_partition is not None:
            x = self.patch_partition(x)
        for pair in self.layers:
            for block in pair.children():
                x = block(x)
        return x


class ShuffleTransformer(nn.Module):
    """Stem at a quarter of the resolution, four stages of 32 channels per head, global average pooling, linear head."""

    def __init__(self, embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], num_classes: int) -> None:
        super().__init__()
        dims = [HEAD_DIM * heads for heads in num_heads]
        size = IMAGE_SIZE // 4
        self.to_token = Stem(embed_dim)
        self.stage1 = Stage(dims[0], size, depths[0], num_heads[0], first=True)
        self.stage2 = Stage(dims[1], size // 2, depths[1], num_heads[1], first=False)
        self.stage3 = Stage(dims[2], size // 4, depths[2], num_heads[2], first=False)
        self.stage4 = Stage(dims[3], size // 8, depths[3], num_heads[3], first=False)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.head = nn.Linear(dims[3], num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stage1(self.to_token(image))
        x = self.stage4(self.stage3(self.stage2(x)))
        out: Tensor = self.head(torch.flatten(self.avgpool(x), 1))
        return out
