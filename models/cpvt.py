"""Conditional Position encoding Vision Transformer (CPVT), 2021.

Chu et al., "Conditional Positional Encodings for Vision Transformers",
ICLR 2023, https://arxiv.org/abs/2102.10882. No official model code was released: encoder blocks are
those of DeiT, which the paper builds on, and the position encoding generator is the paper's, in the
layout that the authors published with Twins.

Operators: a ViT without a position table. After each of the first five blocks, patch tokens go back
to a map, pass a depthwise 3x3 convolution (whose zero padding tells where the border is) beside an
identity, and become tokens again: transpose, view, conv2d, add, flatten and transpose in the middle
of the encoder. The class token is cut off before and put back after: select, slice, unsqueeze, cat.
"""

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "CPVT",
    "title": "Conditional Positional Encodings for Vision Transformers",
    "paper": "https://arxiv.org/abs/2102.10882",
    "date": "2021-02",
    "publication": "ICLR 2023",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/Meituan-AutoML/CPVT",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "cpvt_s": {
            "title": "CPVT-S",
            "config": {"embed_dim": 384, "depth": 12, "num_heads": 6, "num_pegs": 5},
            "params": 21_994_216,
            "macs": 4_602_269_184,
            "table1": {
                "group": "Pure Transformer", "params_m": "23", "flops_g": "4.6", "throughput": "930", "top1": "80.5",
                "params_note": "the paper's comparison table prints 23, its table of variants 22; the structure it describes has 22.0",
            },
        },
        "cpvt_b": {
            "title": "CPVT-B",
            "config": {"embed_dim": 768, "depth": 12, "num_heads": 12, "num_pegs": 5},
            "params": 86_454_760,
            "macs": 17_570_601_984,
            "table1": {
                "group": "Pure Transformer", "params_m": "88", "flops_g": "17.6", "throughput": "285", "top1": "82.3",
                "params_note": "the paper's comparison table prints 88, its table of variants 86; the structure it describes has 86.5",
            },
        },
    },
    "calls_unknown": "Meituan-AutoML/CPVT holds no model code, and no code of anyone else with the paper's parameters was found.",
    "checkpoint": "none released; names and shapes as in DeiT without pos_embed, the generators as pos_block.i.proj",
    "tags": ["transformer"],
}
# fmt: on


def build(
    *, embed_dim: int, depth: int, num_heads: int, num_pegs: int, image_size: int = 224, num_classes: int = 1000
) -> nn.Module:
    """A CPVT classifier `[N, 3, image_size, image_size] -> [N, num_classes]`, with 16x16 patches.

    `num_pegs` position encoding generators follow the first blocks, one each.
    """
    return CPVT(
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads,
        num_pegs=num_pegs,
        image_size=image_size,
        num_classes=num_classes,
    )


class PositionEncodingGenerator(nn.Module):
    """PEG: adds to each patch token what a depthwise 3x3 convolution sees around it, `[N, 1 + S^2, D]`."""

    def __init__(self, dim: int, map_side: int) -> None:
        super().__init__()
        self.map_side = map_side
        self.proj = nn.Conv2d(dim, dim, kernel_size=3, stride=1, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        n, _, dim = x.shape
        class_token, patches = x[:, 0], x[:, 1:]
        feature_map = patches.transpose(1, 2).view(n, dim, self.map_side, self.map_side)
        feature_map = self.proj(feature_map) + feature_map
        patches = feature_map.flatten(2).transpose(1, 2)
        return torch.cat((class_token.unsqueeze(1), patches), dim=1)


class Attention(nn.Module):
    """Multi-head self-attention, `[N, L, D] -> [N, L, D]`."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        context = (self.attn_drop(weights) @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class Mlp(nn.Module):
    """Two linears around a gelu, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(hidden))
        return out


class Block(nn.Module):
    """Pre-norm encoder block: `x + attn(norm1(x))`, then `x + mlp(norm2(x))`."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, num_heads)
        self.drop_path = nn.Identity()
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class PatchEmbed(nn.Module):
    """16x16 patches as tokens, `[N, 3, S, S] -> [N, (S / 16)^2, D]`."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=16, stride=16)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.proj(image).flatten(2).transpose(1, 2)
        return out


class CPVT(nn.Module):
    """Patches, class token, encoder blocks with generators after the first ones, head on the class token."""

    def __init__(
        self, *, embed_dim: int, depth: int, num_heads: int, num_pegs: int, image_size: int, num_classes: int
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim)
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, embed_dim), std=0.02))
        self.pos_drop = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads) for _ in range(depth))
        self.pos_block = nn.ModuleList(PositionEncodingGenerator(embed_dim, image_size // 16) for _ in range(num_pegs))
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        x = self.pos_drop(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index < len(self.pos_block):
                x = self.pos_block[index](x)
        logits: Tensor = self.head(self.norm(x)[:, 0])
        return logits
