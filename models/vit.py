"""Vision Transformer (ViT), 2020.

Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
ICLR 2021, https://arxiv.org/abs/2010.11929. Laid out as in the repository that the survey links,
lukemelas/PyTorch-Pretrained-ViT.

Operators: the first classifier without convolutions beyond its stem. Everything a CNN backend may
lack starts here: layernorm, batched matmul on activations, softmax over tokens, gelu. Queries, keys
and values come from three linears and are split into heads by view and transpose; the scores are
divided by sqrt(head_dim), not multiplied by its inverse.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "ViT",
    "title": "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
    "paper": "https://arxiv.org/abs/2010.11929",
    "date": "2020-10",
    "publication": "ICLR 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/lukemelas/PyTorch-Pretrained-ViT",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "vit_b16": {
            "title": "ViT-B/16",
            "config": {"patch_size": 16, "embed_dim": 768, "depth": 12, "num_heads": 12},
            "params": 86_567_656,
            "macs": 17_563_828_224,
            "official_calls": {
                "Tensor.__getitem__": 1, "Tensor.add": 25, "Tensor.contiguous": 12, "Tensor.div": 12,
                "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24, "Tensor.transpose": 61,
                "Tensor.view": 48, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 36,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 73,
                "nn.functional.softmax": 12,
            },
        },
        "vit_b16_384": {
            "title": "ViT-B/16 at 384",
            "config": {"patch_size": 16, "embed_dim": 768, "depth": 12, "num_heads": 12, "image_size": 384},
            "inputs": {"image": {"shape": [1, 3, 384, 384]}},
            "params": 86_859_496,
            "macs": 55_484_350_464,
            "official_calls": {
                "Tensor.__getitem__": 1, "Tensor.add": 25, "Tensor.contiguous": 12, "Tensor.div": 12,
                "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24, "Tensor.transpose": 61,
                "Tensor.view": 48, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 36,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 73,
                "nn.functional.softmax": 12,
            },
        },
        "vit_b32": {
            "title": "ViT-B/32",
            "config": {"patch_size": 32, "embed_dim": 768, "depth": 12, "num_heads": 12},
            "params": 88_224_232,
            "macs": 4_409_186_304,
            "official_calls": {
                "Tensor.__getitem__": 1, "Tensor.add": 25, "Tensor.contiguous": 12, "Tensor.div": 12,
                "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24, "Tensor.transpose": 61,
                "Tensor.view": 48, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 36,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 73,
                "nn.functional.softmax": 12,
            },
        },
        "vit_b32_384": {
            "title": "ViT-B/32 at 384",
            "config": {"patch_size": 32, "embed_dim": 768, "depth": 12, "num_heads": 12, "image_size": 384},
            "inputs": {"image": {"shape": [1, 3, 384, 384]}},
            "params": 88_297_192,
            "macs": 13_043_564_544,
            "official_calls": {
                "Tensor.__getitem__": 1, "Tensor.add": 25, "Tensor.contiguous": 12, "Tensor.div": 12,
                "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24, "Tensor.transpose": 61,
                "Tensor.view": 48, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 36,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 73,
                "nn.functional.softmax": 12,
            },
        },
        "vit_l16": {
            "title": "ViT-L/16",
            "config": {"patch_size": 16, "embed_dim": 1024, "depth": 24, "num_heads": 16},
            "params": 304_326_632,
            "macs": 61_554_712_576,
            "official_calls": {
                "Tensor.__getitem__": 1, "Tensor.add": 49, "Tensor.contiguous": 24, "Tensor.div": 24,
                "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 48, "Tensor.transpose": 121,
                "Tensor.view": 96, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 72,
                "nn.functional.gelu": 24, "nn.functional.layer_norm": 49, "nn.functional.linear": 145,
                "nn.functional.softmax": 24,
            },
        },
        "vit_l16_384": {
            "title": "ViT-L/16 at 384",
            "config": {"patch_size": 16, "embed_dim": 1024, "depth": 24, "num_heads": 16, "image_size": 384},
            "inputs": {"image": {"shape": [1, 3, 384, 384]}},
            "params": 304_715_752,
            "macs": 191_066_300_416,
            "official_calls": {
                "Tensor.__getitem__": 1, "Tensor.add": 49, "Tensor.contiguous": 24, "Tensor.div": 24,
                "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 48, "Tensor.transpose": 121,
                "Tensor.view": 96, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 72,
                "nn.functional.gelu": 24, "nn.functional.layer_norm": 49, "nn.functional.linear": 145,
                "nn.functional.softmax": 24,
            },
        },
    },
    "survey_row": {
        "listed": ["layernorm", "transpose", "matmul", "softmax", "gelu", "slice", "select", "div", "@"],
        "in_model": "vit_b16",
    },
    "calls_of": "lukemelas/PyTorch-Pretrained-ViT, the repository of the survey's row",
    "checkpoint": "lukemelas/PyTorch-Pretrained-ViT: the same names and shapes.",
    "tags": ["transformer"],
}
# fmt: on


def build(
    *, patch_size: int, embed_dim: int, depth: int, num_heads: int, image_size: int = 224, num_classes: int = 1000
) -> nn.Module:
    """A ViT classifier `[N, 3, image_size, image_size] -> [N, num_classes]`."""
    return VisionTransformer(patch_size, embed_dim, depth, num_heads, image_size, num_classes)


class Attention(nn.Module):
    """Multi-head self-attention, `[N, L, D] -> [N, L, D]`, without its output projection."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.proj_q = nn.Linear(embed_dim, embed_dim)
        self.proj_k = nn.Linear(embed_dim, embed_dim)
        self.proj_v = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(0.1)

    def _split_heads(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        return x.view(n, length, self.num_heads, self.head_dim).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        n, length, embed_dim = x.shape
        q = self._split_heads(self.proj_q(x))
        k = self._split_heads(self.proj_k(x))
        v = self._split_heads(self.proj_v(x))
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        context: Tensor = self.drop(F.softmax(scores, dim=-1)) @ v
        return context.transpose(1, 2).contiguous().view(n, length, embed_dim)


class FeedForward(nn.Module):
    """Two linears around a gelu, four times as wide inside."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dim, 4 * embed_dim)
        self.fc2 = nn.Linear(4 * embed_dim, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Pre-norm encoder block: `x + proj(attn(norm1(x)))`, then `x + pwff(norm2(x))`."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attn = Attention(embed_dim, num_heads)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.pwff = FeedForward(embed_dim)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.proj(self.attn(self.norm1(x))))
        out: Tensor = x + self.drop(self.pwff(self.norm2(x)))
        return out


class Positions(nn.Module):
    """Adds a learned embedding to each of `tokens` positions."""

    def __init__(self, tokens: int, embed_dim: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, tokens, embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pos_embedding


class Transformer(nn.Module):
    """The encoder's blocks, one after the other."""

    def __init__(self, embed_dim: int, depth: int, num_heads: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class VisionTransformer(nn.Module):
    """Patches, class token, learned positions, encoder blocks, linear head on the class token."""

    def __init__(
        self, patch_size: int, embed_dim: int, depth: int, num_heads: int, image_size: int, num_classes: int
    ) -> None:
        super().__init__()
        tokens = (image_size // patch_size) ** 2 + 1
        self.patch_embedding = nn.Conv2d(3, embed_dim, kernel_size=patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.positional_embedding = Positions(tokens, embed_dim)
        self.transformer = Transformer(embed_dim, depth, num_heads)
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.fc = nn.Linear(embed_dim, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embedding(image).flatten(2).transpose(1, 2)
        x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x), dim=1)
        x = self.norm(self.transformer(self.positional_embedding(x)))
        logits: Tensor = self.fc(x[:, 0])
        return logits
