"""Twins-SVT, 2021.

Chu, Tian, Wang, Zhang, Ren, Wei, Xia and Shen, "Twins: Revisiting the Design of Spatial Attention in
Vision Transformers", NeurIPS 2021, https://arxiv.org/abs/2104.13840. Laid out as in
Meituan-AutoML/Twins, class ALTGVT.

Operators: local and global attention take turns, and neither needs an operator beyond reshape,
transpose and permute. Windows are neither shifted nor masked and have no position bias; in their
place, a global attention follows whose keys and values come from a map shrunk by a strided
convolution. Positions come from a 3x3 depthwise convolution per stage, for which tokens turn into a
map by transpose and view, and back by flatten and transpose. The head takes the mean of the tokens.
"""

from collections.abc import Sequence

from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "Twins-SVT",
    "title": "Twins: Revisiting the Design of Spatial Attention in Vision Transformers",
    "paper": "https://arxiv.org/abs/2104.13840",
    "date": "2021-04",
    "publication": "NeurIPS 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "conv + transformer",
    "repository": "https://github.com/Meituan-AutoML/Twins",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "twins_svt_s": {
            "title": "Twins-SVT-S",
            "config": {"embed_dims": [64, 128, 256, 512], "num_heads": [2, 4, 8, 16], "depths": [2, 2, 10, 4]},
            "params": 24_060_776,
            "macs": 2_927_353_344,
            "official_calls": {
                "Tensor.__getitem__": 45, "Tensor.add": 40, "Tensor.contiguous": 3, "Tensor.flatten": 8,
                "Tensor.matmul": 36, "Tensor.mean": 1, "Tensor.mul": 18, "Tensor.permute": 44, "Tensor.reshape": 80,
                "Tensor.softmax": 18, "Tensor.transpose": 66, "Tensor.view": 4, "nn.functional.conv2d": 15,
                "nn.functional.dropout": 76, "nn.functional.gelu": 18, "nn.functional.layer_norm": 48,
                "nn.functional.linear": 82,
            },
            "table1": {"group": "CNN + Transformer", "params_m": "24", "flops_g": "2.9", "throughput": "1059", "top1": "81.7"},
        },
        "twins_svt_b": {
            "title": "Twins-SVT-B",
            "config": {"embed_dims": [96, 192, 384, 768], "num_heads": [3, 6, 12, 24], "depths": [2, 2, 18, 2]},
            "params": 56_070_952,
            "macs": 8_562_612_480,
            "official_calls": {
                "Tensor.__getitem__": 60, "Tensor.add": 52, "Tensor.contiguous": 3, "Tensor.flatten": 8,
                "Tensor.matmul": 48, "Tensor.mean": 1, "Tensor.mul": 24, "Tensor.permute": 61, "Tensor.reshape": 109,
                "Tensor.softmax": 24, "Tensor.transpose": 84, "Tensor.view": 4, "nn.functional.conv2d": 19,
                "nn.functional.dropout": 100, "nn.functional.gelu": 24, "nn.functional.layer_norm": 64,
                "nn.functional.linear": 109,
            },
            "table1": {"group": "CNN + Transformer", "params_m": "56", "flops_g": "8.6", "throughput": "469", "top1": "83.2"},
        },
        "twins_svt_l": {
            "title": "Twins-SVT-L",
            "config": {"embed_dims": [128, 256, 512, 1024], "num_heads": [4, 8, 16, 32], "depths": [2, 2, 18, 2]},
            "params": 99_271_400,
            "macs": 15_111_777_280,
            "official_calls": {
                "Tensor.__getitem__": 60, "Tensor.add": 52, "Tensor.contiguous": 3, "Tensor.flatten": 8,
                "Tensor.matmul": 48, "Tensor.mean": 1, "Tensor.mul": 24, "Tensor.permute": 61, "Tensor.reshape": 109,
                "Tensor.softmax": 24, "Tensor.transpose": 84, "Tensor.view": 4, "nn.functional.conv2d": 19,
                "nn.functional.dropout": 100, "nn.functional.gelu": 24, "nn.functional.layer_norm": 64,
                "nn.functional.linear": 109,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "99.2", "flops_g": "15.1", "throughput": "288", "top1": "83.7",
                "params_note": "The paper truncates 99.27 to 99.2.",
            },
        },
    },
    "checkpoint": "Meituan-AutoML/Twins, alt_gvt_{small,base,large}: every name and shape.",
    "tags": ["hybrid", "transformer"],
}
# fmt: on

IMAGE_SIZE = 224
PATCH_SIZES = (4, 2, 2, 2)
REDUCTIONS = (8, 4, 2, 1)
"""Side of the patch of the map that gives one key and value, per stage."""
WINDOW_SIZE = 7
MLP_RATIO = 4
EPS = 1e-6
"""Of the layer norms in blocks and head; those of patches and reduced maps have torch's 1e-5."""


def build(
    *, embed_dims: Sequence[int], num_heads: Sequence[int], depths: Sequence[int], num_classes: int = 1000
) -> nn.Module:
    """A Twins-SVT classifier `[N, 3, 224, 224] -> [N, num_classes]`; the sequences are per stage."""
    return TwinsSVT(embed_dims, num_heads, depths, num_classes)


class PatchEmbed(nn.Module):
    """Square patches to tokens, `[N, C, H, W] -> [N, H / patch * W / patch, dim]`."""

    def __init__(self, in_channels: int, dim: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=patch, stride=patch)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
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


class LocalAttention(nn.Module):
    """Locally-grouped self-attention (LSA): each token attends to its window, `[N, size**2, C]` in and out."""

    def __init__(self, dim: int, size: int, num_heads: int) -> None:
        super().__init__()
        self.side = size // WINDOW_SIZE  # windows along each side of the map
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)

    def _queries_keys_values(self, x: Tensor) -> Tensor:
        """`[3, N, windows, heads, window**2, head_dim]`."""
        n, _, dim = x.shape
        windows = x.reshape(n, self.side, WINDOW_SIZE, self.side, WINDOW_SIZE, dim).transpose(2, 3)
        qkv: Tensor = self.qkv(windows)
        qkv = qkv.reshape(n, self.side**2, WINDOW_SIZE**2, 3, self.num_heads, self.head_dim)
        return qkv.permute(3, 0, 1, 4, 2, 5)

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        qkv = self._queries_keys_values(x)
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = (q @ k.transpose(-2, -1)) * self.scale
        weights = self.attn_drop(scores.softmax(dim=-1))
        context = (weights @ v).transpose(2, 3)  # [N, windows, window**2, heads, head_dim]
        context = context.reshape(n, self.side, self.side, WINDOW_SIZE, WINDOW_SIZE, dim)
        context = context.transpose(2, 3).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class GlobalAttention(nn.Module):
    """Global sub-sampled attention (GSA), `[N, size**2, C] -> [N, size**2, C]`.

    Every token attends to the whole map, of which a strided convolution leaves one key and value per
    `reduction**2` tokens. In the last stage (`reduction` 1) they come from the tokens themselves.
    """

    def __init__(self, dim: int, size: int, num_heads: int, reduction: int) -> None:
        super().__init__()
        self.size = size
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.reduction = reduction
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)
        if reduction > 1:
            self.sr = nn.Conv2d(dim, dim, kernel_size=reduction, stride=reduction)
            self.norm = nn.LayerNorm(dim)

    def _summary(self, x: Tensor) -> Tensor:
        """What keys and values are made of, `[N, (size / reduction)**2, C]`."""
        if self.reduction == 1:
            return x
        n, _, dim = x.shape
        grid: Tensor = self.sr(x.permute(0, 2, 1).reshape(n, dim, self.size, self.size))
        out: Tensor = self.norm(grid.reshape(n, dim, -1).permute(0, 2, 1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        q = self.q(x).reshape(n, length, self.num_heads, self.head_dim).permute(0, 2, 1, 3)
        kv = self.kv(self._summary(x)).reshape(n, -1, 2, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        k, v = kv[0], kv[1]
        scores = (q @ k.transpose(-2, -1)) * self.scale
        weights = self.attn_drop(scores.softmax(dim=-1))
        context = (weights @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class Block(nn.Module):
    """`x + attn(norm1(x))`, then `x + mlp(norm2(x))`."""

    def __init__(self, dim: int, attention: nn.Module) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.attn = attention
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class PositionEncodingGenerator(nn.Module):
    """PEG: adds a 3x3 depthwise convolution of the map to the tokens, `[N, size**2, C]` in and out.

    The zeros that pad the map tell a token how far from the border it is.
    """

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.proj = nn.Sequential(nn.Conv2d(dim, dim, kernel_size=3, padding=1, groups=dim))

    def forward(self, x: Tensor) -> Tensor:
        n, _, dim = x.shape
        grid = x.transpose(1, 2).view(n, dim, self.size, self.size)
        out: Tensor = self.proj(grid) + grid
        return out.flatten(2).transpose(1, 2)


def stage_blocks(dim: int, size: int, num_heads: int, reduction: int, depth: int) -> nn.ModuleList:
    """Blocks of one stage, local and global attention in turn."""
    blocks = nn.ModuleList()
    for number in range(depth):
        local = number % 2 == 0
        attention = LocalAttention(dim, size, num_heads) if local else GlobalAttention(dim, size, num_heads, reduction)
        blocks.append(Block(dim, attention))
    return blocks


class TwinsSVT(nn.Module):
    """Four stages, each with patches, blocks and a PEG behind its first block; mean of the tokens, linear head."""

    def __init__(
        self, embed_dims: Sequence[int], num_heads: Sequence[int], depths: Sequence[int], num_classes: int
    ) -> None:
        super().__init__()
        sizes = [IMAGE_SIZE // PATCH_SIZES[0] // 2**number for number in range(len(depths))]
        self.sizes = sizes
        self.patch_embeds = nn.ModuleList(map(PatchEmbed, [3, *embed_dims], embed_dims, PATCH_SIZES))
        self.pos_drops = nn.ModuleList(nn.Dropout(0.0) for _ in depths)
        self.blocks = nn.ModuleList(map(stage_blocks, embed_dims, sizes, num_heads, REDUCTIONS, depths))
        self.pos_block = nn.ModuleList(map(PositionEncodingGenerator, embed_dims, sizes))
        self.norm = nn.LayerNorm(embed_dims[-1], eps=EPS)
        self.head = nn.Linear(embed_dims[-1], num_classes)

    def _stage(self, number: int, x: Tensor) -> Tensor:
        """`[N, C, H, W] -> [N, size**2, dim]`."""
        first, *others = self.blocks[number].children()
        x = self.pos_drops[number](self.patch_embeds[number](x))
        x = self.pos_block[number](first(x))
        for block in others:
            x = block(x)
        return x

    def forward(self, image: Tensor) -> Tensor:
        x = self._stage(0, image)
        for number in range(1, len(self.sizes)):
            size = self.sizes[number - 1]
            x = x.reshape(x.shape[0], size, size, -1).permute(0, 3, 1, 2).contiguous()
            x = self._stage(number, x)
        out: Tensor = self.head(self.norm(x).mean(dim=1))
        return out
