"""PVT, Pyramid Vision Transformer, 2021.

Wang, Xie, Li, Fan, Song, Liang, Lu, Luo and Shao, "Pyramid Vision Transformer: A Versatile Backbone
for Dense Prediction without Convolutions", ICCV 2021, https://arxiv.org/abs/2102.12122. Laid out as
in whai362/PVT, classification, version 1.

Operators: global attention at high resolution, affordable because keys and values come from a map
shrunk by a strided convolution; tokens turn into a map and back by permute and reshape. Each stage
has its own learned positions. The official code uses a table as it is only where the map has as many
patches as that of stage 1, and resizes the tables of stages 2 to 4 by bilinear interpolation to the
very size they have; the three interpolations stay here, since a tracer of that code finds them.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "PVT",
    "title": "Pyramid Vision Transformer: A Versatile Backbone for Dense Prediction without Convolutions",
    "paper": "https://arxiv.org/abs/2102.12122",
    "date": "2021-02",
    "publication": "ICCV 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/whai362/PVT",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "pvt_tiny": {
            "title": "PVT-Tiny",
            "config": {"depths": [2, 2, 2, 2]},
            "params": 13_229_288,
            "macs": 1_932_911_616,
            "official_calls": {
                "Tensor.__getitem__": 19, "Tensor.add": 20, "Tensor.contiguous": 3, "Tensor.expand": 1,
                "Tensor.flatten": 4, "Tensor.matmul": 16, "Tensor.mul": 8, "Tensor.permute": 37, "Tensor.reshape": 45,
                "Tensor.softmax": 8, "Tensor.transpose": 20, "cat": 2, "nn.functional.conv2d": 10,
                "nn.functional.dropout": 36, "nn.functional.gelu": 8, "nn.functional.interpolate": 3,
                "nn.functional.layer_norm": 27, "nn.functional.linear": 41,
            },
        },
        "pvt_small": {
            "title": "PVT-Small",
            "config": {"depths": [3, 4, 6, 3]},
            "params": 24_485_864,
            "macs": 3_815_701_504,
            "official_calls": {
                "Tensor.__getitem__": 35, "Tensor.add": 36, "Tensor.contiguous": 3, "Tensor.expand": 1,
                "Tensor.flatten": 4, "Tensor.matmul": 32, "Tensor.mul": 16, "Tensor.permute": 67, "Tensor.reshape": 83,
                "Tensor.softmax": 16, "Tensor.transpose": 36, "cat": 2, "nn.functional.conv2d": 17,
                "nn.functional.dropout": 68, "nn.functional.gelu": 16, "nn.functional.interpolate": 3,
                "nn.functional.layer_norm": 50, "nn.functional.linear": 81,
            },
            "table1": {"group": "Pure Transformer", "params_m": "24.5", "flops_g": "3.8", "throughput": "820", "top1": "79.8"},
        },
        "pvt_medium": {
            "title": "PVT-Medium",
            "config": {"depths": [3, 4, 18, 3]},
            "params": 44_208_104,
            "macs": 6_659_175_424,
            "official_calls": {
                "Tensor.__getitem__": 59, "Tensor.add": 60, "Tensor.contiguous": 3, "Tensor.expand": 1,
                "Tensor.flatten": 4, "Tensor.matmul": 56, "Tensor.mul": 28, "Tensor.permute": 115, "Tensor.reshape": 143,
                "Tensor.softmax": 28, "Tensor.transpose": 60, "cat": 2, "nn.functional.conv2d": 29,
                "nn.functional.dropout": 116, "nn.functional.gelu": 28, "nn.functional.interpolate": 3,
                "nn.functional.layer_norm": 86, "nn.functional.linear": 141,
            },
            "table1": {"group": "Pure Transformer", "params_m": "44.2", "flops_g": "6.7", "throughput": "526", "top1": "81.2"},
        },
        "pvt_large": {
            "title": "PVT-Large",
            "config": {"depths": [3, 8, 27, 3]},
            "params": 61_369_320,
            "macs": 9_813_765_632,
            "official_calls": {
                "Tensor.__getitem__": 85, "Tensor.add": 86, "Tensor.contiguous": 3, "Tensor.expand": 1,
                "Tensor.flatten": 4, "Tensor.matmul": 82, "Tensor.mul": 41, "Tensor.permute": 167, "Tensor.reshape": 208,
                "Tensor.softmax": 41, "Tensor.transpose": 86, "cat": 2, "nn.functional.conv2d": 42,
                "nn.functional.dropout": 168, "nn.functional.gelu": 41, "nn.functional.interpolate": 3,
                "nn.functional.layer_norm": 125, "nn.functional.linear": 206,
            },
            "table1": {"group": "Pure Transformer", "params_m": "61.4", "flops_g": "9.8", "throughput": "367", "top1": "81.7"},
        },
    },
    "checkpoint": "whai362/PVT, pvt_{tiny,small,medium,large}: every name and shape.",
    "tags": ["transformer"],
}
# fmt: on

IMAGE_SIZE = 224
EMBED_DIMS = (64, 128, 320, 512)
NUM_HEADS = (1, 2, 5, 8)
MLP_RATIOS = (8, 8, 4, 4)
PATCH_SIZES = (4, 2, 2, 2)
REDUCTIONS = (8, 4, 2, 1)
"""R in the paper, per stage: side of the patch of the map that gives one key and value."""
STAGES = 4
EPS = 1e-6
"""Of the layer norms in blocks and head; those of patches and reduced maps have torch's 1e-5."""


def build(*, depths: Sequence[int], num_classes: int = 1000) -> nn.Module:
    """A PVT classifier `[N, 3, 224, 224] -> [N, num_classes]`; `depths` are the blocks per stage."""
    return PyramidVisionTransformer(depths, num_classes)


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
    def __init__(self, dim: int, ratio: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, ratio * dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(ratio * dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(x))
        return out


class SpatialReductionAttention(nn.Module):
    """SRA: multi-head attention to a reduced map, `[N, size**2, C] -> [N, size**2, C]`.

    Attention(Q, SR(K), SR(V)): one key and value per `reduction**2` tokens, by a convolution whose
    stride is its kernel, and layer norm. The last stage (`reduction` 1) has neither, and one token more.
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

    def _reduce(self, x: Tensor) -> Tensor:
        """SR, `[N, size**2, C] -> [N, (size / reduction)**2, C]`."""
        if self.reduction == 1:
            return x
        n, _, dim = x.shape
        grid: Tensor = self.sr(x.permute(0, 2, 1).reshape(n, dim, self.size, self.size))
        out: Tensor = self.norm(grid.reshape(n, dim, -1).permute(0, 2, 1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        q = self.q(x).reshape(n, length, self.num_heads, self.head_dim).permute(0, 2, 1, 3)
        kv = self.kv(self._reduce(x)).reshape(n, -1, 2, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        k, v = kv[0], kv[1]
        scores = (q @ k.transpose(-2, -1)) * self.scale
        weights = self.attn_drop(scores.softmax(dim=-1))
        context = (weights @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class Block(nn.Module):
    """`x + attn(norm1(x))`, then `x + mlp(norm2(x))`."""

    def __init__(self, dim: int, size: int, num_heads: int, mlp_ratio: int, reduction: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.attn = SpatialReductionAttention(dim, size, num_heads, reduction)
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = Mlp(dim, mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class PyramidVisionTransformer(nn.Module):
    """Four stages of patches, positions and blocks; in the last one a class token, which the head classifies.

    The modules of stage i are `patch_embed<i>`, `pos_embed<i>`, `pos_drop<i>` and `block<i>`.
    """

    def __init__(self, depths: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.sizes = [IMAGE_SIZE // PATCH_SIZES[0] // 2**stage for stage in range(STAGES)]
        for stage in range(STAGES):
            self._add_stage(stage, depths[stage])
        self.norm = nn.LayerNorm(EMBED_DIMS[-1], eps=EPS)
        self.cls_token = nn.Parameter(torch.empty(1, 1, EMBED_DIMS[-1]))
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.head = nn.Linear(EMBED_DIMS[-1], num_classes)

    def _add_stage(self, stage: int, depth: int) -> None:
        in_channels = 3 if stage == 0 else EMBED_DIMS[stage - 1]
        dim, size = EMBED_DIMS[stage], self.sizes[stage]
        positions = nn.Parameter(torch.empty(1, size * size + (stage == STAGES - 1), dim))
        nn.init.trunc_normal_(positions, std=0.02)
        blocks = [Block(dim, size, NUM_HEADS[stage], MLP_RATIOS[stage], REDUCTIONS[stage]) for _ in range(depth)]
        self.add_module(f"patch_embed{stage + 1}", PatchEmbed(in_channels, dim, PATCH_SIZES[stage]))
        self.register_parameter(f"pos_embed{stage + 1}", positions)
        self.add_module(f"pos_drop{stage + 1}", nn.Dropout(0.0))
        self.add_module(f"block{stage + 1}", nn.ModuleList(blocks))

    def _resized(self, table: Tensor, stage: int) -> Tensor:
        """Positions for the map of a stage, `[1, size**2, C] -> [1, size**2, C]`, interpolated beyond stage 1."""
        if stage == 0:
            return table
        size = self.sizes[stage]
        grid = table.reshape(1, size, size, -1).permute(0, 3, 1, 2)
        return F.interpolate(grid, size=(size, size), mode="bilinear").reshape(1, -1, size * size).permute(0, 2, 1)

    def _with_positions(self, x: Tensor, stage: int) -> Tensor:
        """Adds its position to each token; in the last stage, the class token comes first with its own."""
        table: Tensor = getattr(self, f"pos_embed{stage + 1}")
        if stage == STAGES - 1:
            x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
            positions = torch.cat((table[:, 0:1], self._resized(table[:, 1:], stage)), dim=1)
        else:
            positions = self._resized(table, stage)
        return x + positions

    def _stage(self, x: Tensor, stage: int) -> Tensor:
        """`[N, C, H, W] -> [N, size**2, dim]`, one token more from the last stage."""
        x = getattr(self, f"patch_embed{stage + 1}")(x)
        x = getattr(self, f"pos_drop{stage + 1}")(self._with_positions(x, stage))
        for block in getattr(self, f"block{stage + 1}"):
            x = block(x)
        return x

    def forward(self, image: Tensor) -> Tensor:
        x = self._stage(image, 0)
        for stage in range(1, STAGES):
            size = self.sizes[stage - 1]
            x = x.reshape(x.shape[0], size, size, -1).permute(0, 3, 1, 2).contiguous()
            x = self._stage(x, stage)
        out: Tensor = self.head(self.norm(x)[:, 0])
        return out
