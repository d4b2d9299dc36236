"""Swin Transformer, 2021.

Liu, Lin, Cao, Hu, Wei, Zhang, Lin and Guo, "Swin Transformer: Hierarchical Vision Transformer using
Shifted Windows", ICCV 2021, https://arxiv.org/abs/2103.14030. Laid out as in
microsoft/Swin-Transformer, image classification at 224x224.

Operators: attention stays inside windows of 7x7 tokens. The map is cut into windows and put together
again by view, permute of six axes and contiguous; every second block rolls the map by half a window
first and back afterwards, and adds a mask where a window then holds pieces from opposite borders.
Every block adds a position bias that an integer index gathers from a small learned table. Patch
merging takes strided slices. Queries are scaled before the product, not the scores after it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "Swin",
    "title": "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
    "paper": "https://arxiv.org/abs/2103.14030",
    "date": "2021-03",
    "publication": "ICCV 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/microsoft/Swin-Transformer",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "swin_t": {
            "title": "Swin-T",
            "config": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
            "params": 28_288_354,
            "macs": 4_490_566_656,
            "official_calls": {
                "Tensor.__getitem__": 60, "Tensor.add": 41, "Tensor.contiguous": 36, "Tensor.flatten": 1,
                "Tensor.matmul": 24, "Tensor.mul": 12, "Tensor.permute": 48, "Tensor.reshape": 24, "Tensor.transpose": 26,
                "Tensor.unsqueeze": 22, "Tensor.view": 136, "cat": 3, "flatten": 1,
                "nn.functional.adaptive_avg_pool1d": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 29, "nn.functional.linear": 52,
                "nn.functional.softmax": 12, "roll": 10,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "29", "flops_g": "4.5", "throughput": "755", "top1": "81.3",
                "params_note": "The paper rounds 28.3 up to 29; the repository's README says 28.",
                "top1_note": "As in the paper; the repository's README says 81.2.",
            },
        },
        "swin_s": {
            "title": "Swin-S",
            "config": {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24]},
            "params": 49_606_258,
            "macs": 8_740_875_264,
            "official_calls": {
                "Tensor.__getitem__": 108, "Tensor.add": 83, "Tensor.contiguous": 72, "Tensor.flatten": 1,
                "Tensor.matmul": 48, "Tensor.mul": 24, "Tensor.permute": 96, "Tensor.reshape": 48, "Tensor.transpose": 50,
                "Tensor.unsqueeze": 46, "Tensor.view": 268, "cat": 3, "flatten": 1,
                "nn.functional.adaptive_avg_pool1d": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 97,
                "nn.functional.gelu": 24, "nn.functional.layer_norm": 53, "nn.functional.linear": 100,
                "nn.functional.softmax": 24, "roll": 22,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "50", "flops_g": "8.7", "throughput": "437", "top1": "83.0",
                "top1_note": "As in the paper; the repository's README says 83.2.",
            },
        },
        "swin_b": {
            "title": "Swin-B",
            "config": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
            "params": 87_768_224,
            "macs": 15_430_946_816,
            "official_calls": {
                "Tensor.__getitem__": 108, "Tensor.add": 83, "Tensor.contiguous": 72, "Tensor.flatten": 1,
                "Tensor.matmul": 48, "Tensor.mul": 24, "Tensor.permute": 96, "Tensor.reshape": 48, "Tensor.transpose": 50,
                "Tensor.unsqueeze": 46, "Tensor.view": 268, "cat": 3, "flatten": 1,
                "nn.functional.adaptive_avg_pool1d": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 97,
                "nn.functional.gelu": 24, "nn.functional.layer_norm": 53, "nn.functional.linear": 100,
                "nn.functional.softmax": 24, "roll": 22,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "88", "flops_g": "15.4", "throughput": "278", "top1": "83.3",
                "top1_note": "As in the first version of the paper; the ICCV version and the repository's README say 83.5.",
            },
        },
    },
    "checkpoint": "microsoft/Swin-Transformer, swin_{tiny,small,base}_patch4_window7_224: every name and shape, buffers included.",
    "tags": ["transformer"],
}
# fmt: on

IMAGE_SIZE = 224
PATCH_SIZE = 4
WINDOW_SIZE = 7
MLP_RATIO = 4
MASKED = -100.0
"""Added to the score of two tokens that are not neighbours; softmax makes nothing of it."""


def build(*, embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], num_classes: int = 1000) -> nn.Module:
    """A Swin classifier `[N, 3, 224, 224] -> [N, num_classes]`; `depths` and `num_heads` are per stage."""
    return SwinTransformer(embed_dim, depths, num_heads, num_classes)


def window_partition(x: Tensor, window: int) -> Tensor:
    """Cuts a map into windows, `[N, H, W, C] -> [N * windows, window, window, C]`."""
    n, height, width, channels = x.shape
    x = x.view(n, height // window, window, width // window, window, channels)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, window, window, channels)


def window_reverse(windows: Tensor, window: int, size: int) -> Tensor:
    """Puts a square map together from its windows, `[N * windows, window, window, C] -> [N, size, size, C]`."""
    x = windows.view(-1, size // window, size // window, window, window, windows.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size, size, windows.shape[-1])


def relative_position_index(window: int) -> Tensor:
    """Row of the bias table for each pair of tokens in a window, `[window**2, window**2]`.

    Two tokens differ by -(window - 1) .. window - 1 rows and as many columns; the table has one row
    for each combination.
    """
    span = 2 * window - 1
    positions = torch.arange(window)
    rows = positions.repeat_interleave(window)
    columns = positions.repeat(window)
    row_distance = rows.unsqueeze(1) - rows.unsqueeze(0) + window - 1
    column_distance = columns.unsqueeze(1) - columns.unsqueeze(0) + window - 1
    return row_distance * span + column_distance


def shifted_window_mask(size: int, window: int, shift: int) -> Tensor:
    """0 for tokens that were neighbours before the shift, else -100: `[windows, window**2, window**2]`.

    The roll moves `shift` rows and columns to the other border, so that the last windows hold tokens
    of different regions, nine in the whole map.
    """
    positions = torch.arange(size)
    band = (positions >= size - window).int() + (positions >= size - shift).int()
    region = 3 * band.unsqueeze(1) + band.unsqueeze(0)
    region = window_partition(region.view(1, size, size, 1), window).view(-1, window * window)
    apart = region.unsqueeze(1) != region.unsqueeze(2)
    return torch.zeros(apart.shape).masked_fill(apart, MASKED)


class PatchEmbed(nn.Module):
    """Patches of 4x4 pixels to tokens, `[N, 3, H, W] -> [N, H / 4 * W / 4, C]`."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=PATCH_SIZE, stride=PATCH_SIZE)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.norm(self.proj(image).flatten(2).transpose(1, 2))
        return out


class Mlp(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, MLP_RATIO * dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(MLP_RATIO * dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(x))
        return out


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows of L tokens, `[N * windows, L, C] -> [N * windows, L, C]`.

    softmax(q kᵀ / sqrt(head_dim) + position bias + mask) v, heads of one window side by side.
    """

    relative_position_index: Tensor

    def __init__(self, dim: int, window: int, num_heads: int) -> None:
        super().__init__()
        self.length = window * window
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)
        self.softmax = nn.Softmax(dim=-1)

    def _position_bias(self) -> Tensor:
        """The bias of every pair of tokens, `[1, heads, L, L]`."""
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        bias = bias.view(self.length, self.length, -1).permute(2, 0, 1).contiguous()
        return bias.unsqueeze(0)

    def _add_mask(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Adds the mask of each window, which is the same for every image and head."""
        of_image = scores.view(-1, mask.shape[0], self.num_heads, self.length, self.length)
        masked = of_image + mask.unsqueeze(1).unsqueeze(0)
        return masked.view(-1, self.num_heads, self.length, self.length)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, dim = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]  # each [N * windows, heads, L, head_dim]
        scores = (q * self.scale) @ k.transpose(-2, -1)
        scores = scores + self._position_bias()
        if mask is not None:
            scores = self._add_mask(scores, mask)
        weights = self.attn_drop(self.softmax(scores))
        context = (weights @ v).transpose(1, 2).reshape(batch, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class SwinBlock(nn.Module):
    """`x + attention(norm1(x))` in windows, then `x + mlp(norm2(x))`, `[N, size**2, C] -> [N, size**2, C]`.

    `shift` rolls the map, so that the windows straddle those of the block before. A map that is one
    window is neither cut nor shifted.
    """

    attn_mask: Tensor | None

    def __init__(self, dim: int, size: int, num_heads: int, shift: int) -> None:
        super().__init__()
        self.size = size
        self.window = min(WINDOW_SIZE, size)
        self.shift = shift if size > WINDOW_SIZE else 0
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, self.window, num_heads)
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim)
        mask = shifted_window_mask(size, self.window, self.shift) if self.shift else None
        self.register_buffer("attn_mask", mask)

    def _attend(self, x: Tensor) -> Tensor:
        """Attention in the windows of a map, `[N, size, size, C] -> [N, size, size, C]`."""
        windows = window_partition(x, self.window).view(-1, self.window * self.window, x.shape[-1])
        windows = self.attn(windows, self.attn_mask)
        windows = windows.view(-1, self.window, self.window, x.shape[-1])
        return window_reverse(windows, self.window, self.size)

    def _attend_shifted(self, x: Tensor) -> Tensor:
        x = torch.roll(x, shifts=(-self.shift, -self.shift), dims=(1, 2))
        return torch.roll(self._attend(x), shifts=(self.shift, self.shift), dims=(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        grid = self.norm1(x).view(n, self.size, self.size, dim)
        grid = self._attend_shifted(grid) if self.shift else self._attend(grid)
        x = x + self.drop_path(grid.view(n, length, dim))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class PatchMerging(nn.Module):
    """Halves the map: four neighbours side by side, then linear, `[N, size**2, C] -> [N, size**2 / 4, 2C]`."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        n, _, dim = x.shape
        x = x.view(n, self.size, self.size, dim)
        top_left, bottom_left = x[:, 0::2, 0::2, :], x[:, 1::2, 0::2, :]
        top_right, bottom_right = x[:, 0::2, 1::2, :], x[:, 1::2, 1::2, :]
        x = torch.cat([top_left, bottom_left, top_right, bottom_right], dim=-1)
        out: Tensor = self.reduction(self.norm(x.view(n, -1, 4 * dim)))
        return out


class Stage(nn.Module):
    """Blocks at one resolution, plain and shifted in turn, then patch merging except in the last stage."""

    def __init__(self, dim: int, size: int, depth: int, num_heads: int, last: bool) -> None:
        super().__init__()
        shifts = [0 if number % 2 == 0 else WINDOW_SIZE // 2 for number in range(depth)]
        self.blocks = nn.ModuleList(SwinBlock(dim, size, num_heads, shift) for shift in shifts)
        self.downsample = None if last else PatchMerging(dim, size)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        out: Tensor = x if self.downsample is None else self.downsample(x)
        return out


class SwinTransformer(nn.Module):
    """Patches, four stages that halve the map and double the channels, mean of the tokens, linear head."""

    def __init__(self, embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], num_classes: int) -> None:
        super().__init__()
        dims = [embed_dim * 2**number for number in range(len(depths))]
        sizes = [IMAGE_SIZE // PATCH_SIZE // 2**number for number in range(len(depths))]
        lasts = [number == len(depths) - 1 for number in range(len(depths))]
        self.patch_embed = PatchEmbed(embed_dim)
        self.pos_drop = nn.Dropout(0.0)
        self.layers = nn.ModuleList(map(Stage, dims, sizes, depths, num_heads, lasts))
        self.norm = nn.LayerNorm(dims[-1])
        self.avgpool = nn.AdaptiveAvgPool1d(1)
        self.head = nn.Linear(dims[-1], num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pos_drop(self.patch_embed(image))
        for stage in self.layers:
            x = stage(x)
        x = self.avgpool(self.norm(x).transpose(1, 2))
        out: Tensor = self.head(torch.flatten(x, 1))
        return out
