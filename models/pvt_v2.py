"""PVT v2, 2021.

Wang, Xie, Li, Fan, Song, Liang, Lu, Luo and Shao, "PVT v2: Improved Baselines with Pyramid Vision
Transformer", Computational Visual Media 2022, https://arxiv.org/abs/2106.13797. Laid out as in
whai362/PVT, classification, version 2.

Operators: those of PVT without its position tables, class token and interpolations. Patches overlap,
each MLP has a 3x3 depthwise convolution between its first linear and the gelu (tokens turn into a map
by transpose and view, and back by flatten and transpose), the head takes the mean of the tokens.
B2-Li shrinks the map for keys and values by adaptive average pooling to 7x7 at any resolution,
which makes attention linear in the number of pixels.
"""

from collections.abc import Sequence

from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "PVT v2",
    "title": "PVT v2: Improved Baselines with Pyramid Vision Transformer",
    "paper": "https://arxiv.org/abs/2106.13797",
    "date": "2021-06",
    "publication": "Computational Visual Media 2022",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "conv + transformer",
    "repository": "https://github.com/whai362/PVT",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "pvt_v2_b0": {
            "title": "PVT v2-B0",
            "config": {"embed_dims": [32, 64, 160, 256], "mlp_ratios": [8, 8, 4, 4], "depths": [2, 2, 2, 2], "linear_attention": False},
            "params": 3_666_760,
            "macs": 566_065_664,
            "official_calls": {
                "Tensor.__getitem__": 16, "Tensor.add": 16, "Tensor.contiguous": 3, "Tensor.flatten": 12,
                "Tensor.matmul": 16, "Tensor.mean": 1, "Tensor.mul": 8, "Tensor.permute": 31, "Tensor.reshape": 39,
                "Tensor.softmax": 8, "Tensor.transpose": 36, "Tensor.view": 8, "nn.functional.conv2d": 18,
                "nn.functional.dropout": 32, "nn.functional.gelu": 8, "nn.functional.layer_norm": 30,
                "nn.functional.linear": 41,
            },
        },
        "pvt_v2_b1": {
            "title": "PVT v2-B1",
            "config": {"embed_dims": [64, 128, 320, 512], "mlp_ratios": [8, 8, 4, 4], "depths": [2, 2, 2, 2], "linear_attention": False},
            "params": 14_009_000,
            "macs": 2_108_355_584,
            "official_calls": {
                "Tensor.__getitem__": 16, "Tensor.add": 16, "Tensor.contiguous": 3, "Tensor.flatten": 12,
                "Tensor.matmul": 16, "Tensor.mean": 1, "Tensor.mul": 8, "Tensor.permute": 31, "Tensor.reshape": 39,
                "Tensor.softmax": 8, "Tensor.transpose": 36, "Tensor.view": 8, "nn.functional.conv2d": 18,
                "nn.functional.dropout": 32, "nn.functional.gelu": 8, "nn.functional.layer_norm": 30,
                "nn.functional.linear": 41,
            },
        },
        "pvt_v2_b2": {
            "title": "PVT v2-B2",
            "config": {"embed_dims": [64, 128, 320, 512], "mlp_ratios": [8, 8, 4, 4], "depths": [3, 4, 6, 3], "linear_attention": False},
            "params": 25_362_856,
            "macs": 4_026_734_592,
            "official_calls": {
                "Tensor.__getitem__": 32, "Tensor.add": 32, "Tensor.contiguous": 3, "Tensor.flatten": 20,
                "Tensor.matmul": 32, "Tensor.mean": 1, "Tensor.mul": 16, "Tensor.permute": 61, "Tensor.reshape": 77,
                "Tensor.softmax": 16, "Tensor.transpose": 68, "Tensor.view": 16, "nn.functional.conv2d": 33,
                "nn.functional.dropout": 64, "nn.functional.gelu": 16, "nn.functional.layer_norm": 53,
                "nn.functional.linear": 81,
            },
        },
        "pvt_v2_b2_li": {
            "title": "PVT v2-B2-Li",
            "config": {"embed_dims": [64, 128, 320, 512], "mlp_ratios": [8, 8, 4, 4], "depths": [3, 4, 6, 3], "linear_attention": True},
            "params": 22_553_512,
            "macs": 3_888_850_944,
            "official_calls": {
                "Tensor.__getitem__": 32, "Tensor.add": 32, "Tensor.contiguous": 3, "Tensor.flatten": 20,
                "Tensor.matmul": 32, "Tensor.mean": 1, "Tensor.mul": 16, "Tensor.permute": 67, "Tensor.reshape": 83,
                "Tensor.softmax": 16, "Tensor.transpose": 68, "Tensor.view": 16,
                "nn.functional.adaptive_avg_pool2d": 16, "nn.functional.conv2d": 36, "nn.functional.dropout": 64,
                "nn.functional.gelu": 32, "nn.functional.layer_norm": 56, "nn.functional.linear": 81,
                "nn.functional.relu": 16,
            },
        },
        "pvt_v2_b3": {
            "title": "PVT v2-B3",
            "config": {"embed_dims": [64, 128, 320, 512], "mlp_ratios": [8, 8, 4, 4], "depths": [3, 4, 18, 3], "linear_attention": False},
            "params": 45_238_696,
            "macs": 6_897_303_552,
            "official_calls": {
                "Tensor.__getitem__": 56, "Tensor.add": 56, "Tensor.contiguous": 3, "Tensor.flatten": 32,
                "Tensor.matmul": 56, "Tensor.mean": 1, "Tensor.mul": 28, "Tensor.permute": 109, "Tensor.reshape": 137,
                "Tensor.softmax": 28, "Tensor.transpose": 116, "Tensor.view": 28, "nn.functional.conv2d": 57,
                "nn.functional.dropout": 112, "nn.functional.gelu": 28, "nn.functional.layer_norm": 89,
                "nn.functional.linear": 141,
            },
        },
        "pvt_v2_b4": {
            "title": "PVT v2-B4",
            "config": {"embed_dims": [64, 128, 320, 512], "mlp_ratios": [8, 8, 4, 4], "depths": [3, 8, 27, 3], "linear_attention": False},
            "params": 62_556_072,
            "macs": 10_101_116_416,
            "official_calls": {
                "Tensor.__getitem__": 82, "Tensor.add": 82, "Tensor.contiguous": 3, "Tensor.flatten": 45,
                "Tensor.matmul": 82, "Tensor.mean": 1, "Tensor.mul": 41, "Tensor.permute": 161, "Tensor.reshape": 202,
                "Tensor.softmax": 41, "Tensor.transpose": 168, "Tensor.view": 41, "nn.functional.conv2d": 83,
                "nn.functional.dropout": 164, "nn.functional.gelu": 41, "nn.functional.layer_norm": 128,
                "nn.functional.linear": 206,
            },
        },
        "pvt_v2_b5": {
            "title": "PVT v2-B5",
            "config": {"embed_dims": [64, 128, 320, 512], "mlp_ratios": [4, 4, 4, 4], "depths": [3, 6, 40, 3], "linear_attention": False},
            "params": 81_956_008,
            "macs": 11_717_260_288,
            "official_calls": {
                "Tensor.__getitem__": 104, "Tensor.add": 104, "Tensor.contiguous": 3, "Tensor.flatten": 56,
                "Tensor.matmul": 104, "Tensor.mean": 1, "Tensor.mul": 52, "Tensor.permute": 205,
                "Tensor.reshape": 257, "Tensor.softmax": 52, "Tensor.transpose": 212, "Tensor.view": 52,
                "nn.functional.conv2d": 105, "nn.functional.dropout": 208, "nn.functional.gelu": 52,
                "nn.functional.layer_norm": 161, "nn.functional.linear": 261,
            },
        },
    },
    "checkpoint": "whai362/PVT, pvt_v2_{b0,b1,b2,b2_li,b3,b4,b5}: every name and shape.",
    "tags": ["hybrid", "transformer"],
}
# fmt: on

IMAGE_SIZE = 224
NUM_HEADS = (1, 2, 5, 8)
KERNELS = (7, 3, 3, 3)
STRIDES = (4, 2, 2, 2)
REDUCTIONS = (8, 4, 2, 1)
"""R in the paper, per stage: side of the patch of the map that gives one key and value."""
POOLED_SIZE = 7
"""Side of the map that linear attention pools to, in every stage."""
STAGES = 4
EPS = 1e-6
"""Of the layer norms in blocks and behind stages; those of patches and reduced maps have torch's 1e-5."""


def build(
    *,
    embed_dims: Sequence[int],
    mlp_ratios: Sequence[int],
    depths: Sequence[int],
    linear_attention: bool,
    num_classes: int = 1000,
) -> nn.Module:
    """A PVT v2 classifier `[N, 3, 224, 224] -> [N, num_classes]`; the sequences are per stage."""
    return PyramidVisionTransformerV2(embed_dims, mlp_ratios, depths, linear_attention, num_classes)


class OverlapPatchEmbed(nn.Module):
    """Patches that share pixels with their neighbours, `[N, C, H, W] -> [N, H / stride * W / stride, dim]`."""

    def __init__(self, in_channels: int, dim: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=kernel, stride=stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
        return out


class DepthwiseConv(nn.Module):
    """3x3 depthwise convolution of tokens on their map, `[N, size**2, C] -> [N, size**2, C]`."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=3, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        n, _, dim = x.shape
        grid: Tensor = self.dwconv(x.transpose(1, 2).view(n, dim, self.size, self.size))
        return grid.flatten(2).transpose(1, 2)


class Mlp(nn.Module):
    """Two linears around a depthwise convolution and a gelu; models with linear attention have a relu before both."""

    def __init__(self, dim: int, size: int, ratio: int, with_relu: bool) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, ratio * dim)
        self.relu = nn.ReLU(inplace=True) if with_relu else None
        self.dwconv = DepthwiseConv(ratio * dim, size)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(ratio * dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        if self.relu is not None:
            x = self.relu(x)
        x = self.drop(self.act(self.dwconv(x)))
        out: Tensor = self.drop(self.fc2(x))
        return out


class Attention(nn.Module):
    """Multi-head attention of every token to the whole map, `[N, size**2, C] -> [N, size**2, C]`.

    Keys and values come from the tokens themselves, as in the last stage; subclasses reduce them.
    """

    def __init__(self, dim: int, size: int, num_heads: int) -> None:
        super().__init__()
        self.size = size
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)

    def reduce(self, x: Tensor) -> Tensor:
        """What keys and values are made of, `[N, size**2, C] -> [N, reduced, C]`."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        q = self.q(x).reshape(n, length, self.num_heads, self.head_dim).permute(0, 2, 1, 3)
        kv = self.kv(self.reduce(x)).reshape(n, -1, 2, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        k, v = kv[0], kv[1]
        scores = (q @ k.transpose(-2, -1)) * self.scale
        weights = self.attn_drop(scores.softmax(dim=-1))
        context = (weights @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class SpatialReductionAttention(Attention):
    """SRA: one key and value per `reduction**2` tokens, by a convolution whose stride is its kernel."""

    def __init__(self, dim: int, size: int, num_heads: int, reduction: int) -> None:
        super().__init__(dim, size, num_heads)
        self.sr = nn.Conv2d(dim, dim, kernel_size=reduction, stride=reduction)
        self.norm = nn.LayerNorm(dim)

    def reduce(self, x: Tensor) -> Tensor:
        n, _, dim = x.shape
        grid: Tensor = self.sr(x.permute(0, 2, 1).reshape(n, dim, self.size, self.size))
        out: Tensor = self.norm(grid.reshape(n, dim, -1).permute(0, 2, 1))
        return out


class LinearAttention(Attention):
    """Linear SRA: 49 keys and values whatever the size of the map, by average pooling."""

    def __init__(self, dim: int, size: int, num_heads: int) -> None:
        super().__init__(dim, size, num_heads)
        self.pool = nn.AdaptiveAvgPool2d(POOLED_SIZE)
        self.sr = nn.Conv2d(dim, dim, kernel_size=1)
        self.norm = nn.LayerNorm(dim)
        self.act = nn.GELU()

    def reduce(self, x: Tensor) -> Tensor:
        n, _, dim = x.shape
        grid: Tensor = self.sr(self.pool(x.permute(0, 2, 1).reshape(n, dim, self.size, self.size)))
        out: Tensor = self.act(self.norm(grid.reshape(n, dim, -1).permute(0, 2, 1)))
        return out


def attention(dim: int, size: int, num_heads: int, reduction: int, linear: bool) -> Attention:
    """The attention of a stage; `reduction` is without meaning for linear attention."""
    if linear:
        return LinearAttention(dim, size, num_heads)
    if reduction > 1:
        return SpatialReductionAttention(dim, size, num_heads, reduction)
    return Attention(dim, size, num_heads)


class Block(nn.Module):
    """`x + attn(norm1(x))`, then `x + mlp(norm2(x))`."""

    def __init__(self, attn: Attention, mlp: Mlp, dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.attn = attn
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = mlp

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class PyramidVisionTransformerV2(nn.Module):
    """Four stages of patches, blocks and layer norm; mean of the tokens, linear head.

    The modules of stage i are `patch_embed<i>`, `block<i>` and `norm<i>`.
    """

    def __init__(
        self,
        embed_dims: Sequence[int],
        mlp_ratios: Sequence[int],
        depths: Sequence[int],
        linear_attention: bool,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.sizes = [IMAGE_SIZE // STRIDES[0] // 2**stage for stage in range(STAGES)]
        self.linear_attention = linear_attention
        for stage, dim in enumerate(embed_dims):
            in_channels = 3 if stage == 0 else embed_dims[stage - 1]
            patches = OverlapPatchEmbed(in_channels, dim, KERNELS[stage], STRIDES[stage])
            self.add_module(f"patch_embed{stage + 1}", patches)
            self.add_module(f"block{stage + 1}", self._blocks(stage, dim, mlp_ratios[stage], depths[stage]))
            self.add_module(f"norm{stage + 1}", nn.LayerNorm(dim, eps=EPS))
        self.head = nn.Linear(embed_dims[-1], num_classes)

    def _blocks(self, stage: int, dim: int, mlp_ratio: int, depth: int) -> nn.ModuleList:
        blocks = nn.ModuleList()
        for _ in range(depth):
            attn = attention(dim, self.sizes[stage], NUM_HEADS[stage], REDUCTIONS[stage], self.linear_attention)
            mlp = Mlp(dim, self.sizes[stage], mlp_ratio, with_relu=self.linear_attention)
            blocks.append(Block(attn, mlp, dim))
        return blocks

    def _stage(self, x: Tensor, stage: int) -> Tensor:
        """`[N, C, H, W] -> [N, size**2, dim]`."""
        x = getattr(self, f"patch_embed{stage + 1}")(x)
        for block in getattr(self, f"block{stage + 1}"):
            x = block(x)
        out: Tensor = getattr(self, f"norm{stage + 1}")(x)
        return out

    def forward(self, image: Tensor) -> Tensor:
        x = self._stage(image, 0)
        for stage in range(1, STAGES):
            size = self.sizes[stage - 1]
            x = x.reshape(x.shape[0], size, size, -1).permute(0, 3, 1, 2).contiguous()
            x = self._stage(x, stage)
        out: Tensor = self.head(x.mean(dim=1))
        return out
