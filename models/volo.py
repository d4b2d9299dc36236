"""Vision Outlooker (VOLO), 2021.

Yuan et al., "VOLO: Vision Outlooker for Visual Recognition",
IEEE TPAMI 2022, https://arxiv.org/abs/2106.13112. Laid out as in the official repository,
sail-sg/volo.

Operators: stage one works on a 28x28 map with outlook attention, which multiplies no query by a
key: a linear layer on the average-pooled features gives, for each window, the 9x9 attention weights
between its 3x3 neighbours. They mix the unfolded values, and fold adds the overlapping windows up
again. Maps stay channels-last, hence the permutes around every unfold, fold, pool and convolution.
Two class attention blocks follow, where only the class token asks. The result adds half of the
best patch's logits (max over the tokens of the auxiliary head) to the class token's.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "VOLO",
    "title": "VOLO: Vision Outlooker for Visual Recognition",
    "paper": "https://arxiv.org/abs/2106.13112",
    "date": "2021-06",
    "publication": "TPAMI 2022",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "conv + transformer",
    "repository": "https://github.com/sail-sg/volo",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "volo_d1": {
            "title": "VOLO-D1",
            "config": {"layers": [4, 4, 8, 2], "embed_dims": [192, 384], "num_heads": [6, 12], "mlp_ratio": 3, "stem_width": 64},
            "params": 26_632_040,
            "macs": 6_918_741_504,
            "official_calls": {
                "Tensor.__getitem__": 54, "Tensor.add": 42, "Tensor.expand": 1, "Tensor.matmul": 36, "Tensor.max": 1,
                "Tensor.mul": 21, "Tensor.permute": 47, "Tensor.reshape": 47, "Tensor.softmax": 20,
                "Tensor.transpose": 32, "cat": 3, "nn.functional.avg_pool2d": 4, "nn.functional.batch_norm": 3,
                "nn.functional.conv2d": 5, "nn.functional.dropout": 81, "nn.functional.fold": 4, "nn.functional.gelu": 20,
                "nn.functional.layer_norm": 41, "nn.functional.linear": 88, "nn.functional.relu": 3,
                "nn.functional.unfold": 4,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "27", "flops_g": "6.8", "throughput": "481", "top1": "84.2",
                "flops_note": "published 1.7% below our count; leaving out no single part explains all five variants",
            },
        },
        "volo_d2": {
            "title": "VOLO-D2",
            "config": {"layers": [6, 4, 10, 4], "embed_dims": [256, 512], "num_heads": [8, 16], "mlp_ratio": 3, "stem_width": 64},
            "params": 58_678_336,
            "macs": 14_305_415_168,
            "official_calls": {
                "Tensor.__getitem__": 66, "Tensor.add": 54, "Tensor.expand": 1, "Tensor.matmul": 46, "Tensor.max": 1,
                "Tensor.mul": 27, "Tensor.permute": 65, "Tensor.reshape": 61, "Tensor.softmax": 26,
                "Tensor.transpose": 40, "cat": 3, "nn.functional.avg_pool2d": 6, "nn.functional.batch_norm": 3,
                "nn.functional.conv2d": 5, "nn.functional.dropout": 105, "nn.functional.fold": 6,
                "nn.functional.gelu": 26, "nn.functional.layer_norm": 53, "nn.functional.linear": 114,
                "nn.functional.relu": 3, "nn.functional.unfold": 6,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "59", "flops_g": "14.1", "throughput": "244", "top1": "85.2",
                "flops_note": "published 1.4% below our count; leaving out no single part explains all five variants",
            },
        },
        "volo_d3": {
            "title": "VOLO-D3",
            "config": {"layers": [8, 8, 16, 4], "embed_dims": [256, 512], "num_heads": [8, 16], "mlp_ratio": 3, "stem_width": 64},
            "params": 86_325_072,
            "macs": 20_732_057_600,
            "official_calls": {
                "Tensor.__getitem__": 96, "Tensor.add": 78, "Tensor.expand": 1, "Tensor.matmul": 68, "Tensor.max": 1,
                "Tensor.mul": 39, "Tensor.permute": 89, "Tensor.reshape": 87, "Tensor.softmax": 38,
                "Tensor.transpose": 60, "cat": 3, "nn.functional.avg_pool2d": 8, "nn.functional.batch_norm": 3,
                "nn.functional.conv2d": 5, "nn.functional.dropout": 153, "nn.functional.fold": 8,
                "nn.functional.gelu": 38, "nn.functional.layer_norm": 77, "nn.functional.linear": 164,
                "nn.functional.relu": 3, "nn.functional.unfold": 8,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "86", "flops_g": "20.6", "throughput": "168", "top1": "85.4",
                "flops_note": "published 0.6% below our count; leaving out no single part explains all five variants",
            },
        },
        "volo_d4": {
            "title": "VOLO-D4",
            "config": {"layers": [8, 8, 16, 4], "embed_dims": [384, 768], "num_heads": [12, 16], "mlp_ratio": 3, "stem_width": 64},
            "params": 192_961_520,
            "macs": 44_262_982_656,
            "official_calls": {
                "Tensor.__getitem__": 96, "Tensor.add": 78, "Tensor.expand": 1, "Tensor.matmul": 68, "Tensor.max": 1,
                "Tensor.mul": 39, "Tensor.permute": 89, "Tensor.reshape": 87, "Tensor.softmax": 38,
                "Tensor.transpose": 60, "cat": 3, "nn.functional.avg_pool2d": 8, "nn.functional.batch_norm": 3,
                "nn.functional.conv2d": 5, "nn.functional.dropout": 153, "nn.functional.fold": 8,
                "nn.functional.gelu": 38, "nn.functional.layer_norm": 77, "nn.functional.linear": 164,
                "nn.functional.relu": 3, "nn.functional.unfold": 8,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "193", "flops_g": "43.8", "throughput": "100", "top1": "85.7",
                "flops_note": "published 1.0% below our count; leaving out no single part explains all five variants",
            },
        },
        "volo_d5": {
            "title": "VOLO-D5",
            "config": {"layers": [12, 12, 20, 4], "embed_dims": [384, 768], "num_heads": [12, 16], "mlp_ratio": 4, "stem_width": 128},
            "params": 295_455_584,
            "macs": 72_301_181_952,
            "official_calls": {
                "Tensor.__getitem__": 120, "Tensor.add": 102, "Tensor.expand": 1, "Tensor.matmul": 88, "Tensor.max": 1,
                "Tensor.mul": 51, "Tensor.permute": 125, "Tensor.reshape": 115, "Tensor.softmax": 50,
                "Tensor.transpose": 76, "cat": 3, "nn.functional.avg_pool2d": 12, "nn.functional.batch_norm": 3,
                "nn.functional.conv2d": 5, "nn.functional.dropout": 201, "nn.functional.fold": 12,
                "nn.functional.gelu": 50, "nn.functional.layer_norm": 101, "nn.functional.linear": 216,
                "nn.functional.relu": 3, "nn.functional.unfold": 12,
            },
            "table1": {
                "group": "CNN + Transformer", "params_m": "296", "flops_g": "69.0", "throughput": "64", "top1": "86.1",
                "params_note": "published 0.2% above the released code's count, 295.5",
                "flops_note": "a stem 64 wide, as in D1 to D4, would give 69.1; the released D5 has 128",
            },
        },
    },
    "unreachable_opsets": {"17": "fold becomes Col2Im, which ONNX has since opset 18"},
    "checkpoint": "official state_dict, names and shapes",
    "tags": ["hybrid"],
}
# fmt: on


def build(
    *,
    layers: Sequence[int],
    embed_dims: Sequence[int],
    num_heads: Sequence[int],
    mlp_ratio: int,
    stem_width: int,
    image_size: int = 224,
    num_classes: int = 1000,
) -> nn.Module:
    """A VOLO classifier `[N, 3, image_size, image_size] -> [N, num_classes]`.

    `layers` are the outlookers, then three groups of transformer blocks; `embed_dims` and
    `num_heads` are those of the outlookers and of all that follows.
    """
    return Volo(
        layers=layers,
        embed_dims=embed_dims,
        num_heads=num_heads,
        mlp_ratio=mlp_ratio,
        stem_width=stem_width,
        image_size=image_size,
        num_classes=num_classes,
    )


class OutlookAttention(nn.Module):
    """Attention within windows of K x K pixels whose weights come from the features alone, `[N, S, S, C]` in and out.

    The paper's section 3.1, for each head. Equation 3: `V_delta(i, j)`, the projected values of the K x K
    neighbours of pixel (i, j). Equation 4: `Y_delta(i, j) = softmax(A(i, j)) V_delta(i, j)`, where a linear layer
    makes the K^2 x K^2 scores `A(i, j)` of the features at (i, j). Equation 5: every pixel sums what the windows
    that hold it have for it. The released models have K = 3 and a window at every second pixel, whose scores
    come from features pooled there and are scaled as in self-attention.
    """

    def __init__(self, dim: int, num_heads: int, map_side: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.map_side = map_side
        self.kernel, self.padding, self.stride = 3, 1, 2
        self.neighbours = self.kernel**2
        self.windows = math.ceil(map_side / self.stride) ** 2
        self.v = nn.Linear(dim, dim, bias=False)
        self.attn = nn.Linear(dim, self.neighbours**2 * num_heads)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)
        self.unfold = nn.Unfold(kernel_size=self.kernel, padding=self.padding, stride=self.stride)
        self.pool = nn.AvgPool2d(kernel_size=self.stride, stride=self.stride, ceil_mode=True)

    def _values(self, x: Tensor) -> Tensor:
        """Equation 3, the neighbours' values: `[N, heads, windows, K^2, C / heads]`."""
        patches: Tensor = self.unfold(self.v(x).permute(0, 3, 1, 2))
        split = patches.reshape(x.shape[0], self.num_heads, self.head_dim, self.neighbours, self.windows)
        return split.permute(0, 1, 4, 3, 2)

    def _weights(self, x: Tensor) -> Tensor:
        """softmax(A) of equation 4: `[N, heads, windows, K^2, K^2]`."""
        pooled = self.pool(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        scores = self.attn(pooled).reshape(x.shape[0], self.windows, self.num_heads, self.neighbours, self.neighbours)
        scores = scores.permute(0, 2, 1, 3, 4) * self.scale
        weights: Tensor = self.attn_drop(scores.softmax(dim=-1))
        return weights

    def forward(self, x: Tensor) -> Tensor:
        n, _, _, dim = x.shape
        values = self._values(x)
        mixed = (self._weights(x) @ values).permute(0, 1, 4, 3, 2)  # equation 4
        mixed = F.fold(  # equation 5
            mixed.reshape(n, dim * self.neighbours, self.windows),
            output_size=(self.map_side, self.map_side),
            kernel_size=self.kernel,
            padding=self.padding,
            stride=self.stride,
        )
        out: Tensor = self.proj_drop(self.proj(mixed.permute(0, 2, 3, 1)))
        return out


class Attention(nn.Module):
    """Multi-head self-attention over a map, `[N, H, W, C] -> [N, H, W, C]`."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, dim = x.shape
        qkv = self.qkv(x).reshape(n, height * width, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        context = (self.attn_drop(weights) @ v).transpose(1, 2).reshape(n, height, width, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class ClassAttention(nn.Module):
    """The class token attends to all tokens, itself included, `[N, L, C] -> [N, 1, C]`."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.kv = nn.Linear(dim, 2 * dim, bias=False)
        self.q = nn.Linear(dim, dim, bias=False)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        kv = self.kv(x).reshape(n, length, 2, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        k, v = kv[0], kv[1]
        q = self.q(x[:, :1, :]).reshape(n, self.num_heads, 1, self.head_dim)
        weights = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        context = (self.attn_drop(weights) @ v).transpose(1, 2).reshape(n, 1, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class Mlp(nn.Module):
    """Two linears around a gelu."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(hidden))
        return out


class Block(nn.Module):
    """Pre-norm block around an attention: `x + attn(norm1(x))`, then `x + mlp(norm2(x))`.

    Around outlook attention it is the paper's outlooker, equations 1 and 2.
    """

    def __init__(self, dim: int, attention: nn.Module, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = attention
        self.drop_path = nn.Identity()
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class ClassBlock(Block):
    """The same for the class token, the first of `[N, L, C]`; the other tokens pass unchanged."""

    def forward(self, x: Tensor) -> Tensor:
        class_token = x[:, :1]
        class_token = class_token + self.drop_path(self.attn(self.norm1(x)))
        class_token = class_token + self.drop_path(self.mlp(self.norm2(class_token)))
        return torch.cat([class_token, x[:, 1:]], dim=1)


class PatchEmbed(nn.Module):
    """Three convolutions at half the image's size, then 4x4 patches, `[N, 3, S, S] -> [N, C, S / 8, S / 8]`."""

    def __init__(self, stem_width: int, embed_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, kernel, stride in ((3, 7, 2), (stem_width, 3, 1), (stem_width, 3, 1)):
            layers += [
                nn.Conv2d(channels, stem_width, kernel, stride=stride, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(stem_width),
                nn.ReLU(inplace=True),
            ]
        self.conv = nn.Sequential(*layers)
        self.proj = nn.Conv2d(stem_width, embed_dim, kernel_size=4, stride=4)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.proj(self.conv(image))
        return out


class Downsample(nn.Module):
    """Merges 2x2 positions, `[N, H, W, C] -> [N, H / 2, W / 2, out_dim]`."""

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(dim, out_dim, kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return out


class Volo(nn.Module):
    """Stem, outlookers on a fine map, transformer blocks on a coarse one, class attention, two heads."""

    def __init__(
        self,
        *,
        layers: Sequence[int],
        embed_dims: Sequence[int],
        num_heads: Sequence[int],
        mlp_ratio: int,
        stem_width: int,
        image_size: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        (fine, dim), (fine_heads, heads), side = embed_dims, num_heads, image_size // 8
        self.patch_embed = PatchEmbed(stem_width, fine)
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, side // 2, side // 2, dim), std=0.02))
        self.pos_drop = nn.Dropout(0.0)
        outlookers = [Block(fine, OutlookAttention(fine, fine_heads, side), mlp_ratio) for _ in range(layers[0])]
        self.network = nn.ModuleList([nn.Sequential(*outlookers), Downsample(fine, dim)])
        for depth in layers[1:]:
            blocks = [Block(dim, Attention(dim, heads), mlp_ratio) for _ in range(depth)]
            self.network.append(nn.Sequential(*blocks))
        self.post_network = nn.ModuleList(ClassBlock(dim, ClassAttention(dim, heads), mlp_ratio) for _ in range(2))
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, dim), std=0.02))
        self.aux_head = nn.Linear(dim, num_classes)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)

    def _patch_tokens(self, image: Tensor) -> Tensor:
        """`[N, 3, S, S] -> [N, (S / 16)^2, C]`."""
        x = self.patch_embed(image).permute(0, 2, 3, 1)
        for index, stage in enumerate(self.network):
            if index == 2:  # positions enter after the outlookers and the downsampling
                x = self.pos_drop(x + self.pos_embed)
            x = stage(x)
        n, _, _, dim = x.shape
        tokens: Tensor = x.reshape(n, -1, dim)
        return tokens

    def forward(self, image: Tensor) -> Tensor:
        x = self._patch_tokens(image)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        for block in self.post_network:
            x = block(x)
        x = self.norm(x)
        class_logits = self.head(x[:, 0])
        patch_logits = self.aux_head(x[:, 1:])
        logits: Tensor = class_logits + 0.5 * patch_logits.max(1)[0]
        return logits
