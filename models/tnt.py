"""Transformer in Transformer (TNT), 2021.

Han et al., "Transformer in Transformer", NeurIPS 2021, https://arxiv.org/abs/2103.00112. Laid out
as in the official repository, huawei-noah/CV-Backbones, tnt_pytorch.

Operators: two transformers, one inside the other. An unfold cuts the image into patches, which go
to the batch axis, so that the inner transformer sees every patch as an image of its own: a
sequence of 16 "words", 4x4 cells of the patch. The outer transformer is a ViT over the patches.
Each block flattens a patch's words and adds their projection to its token; the class token stays
as it is, which takes slices. One linear gives queries and keys together: its output is reshaped,
permuted and indexed. Scores are multiplied by 1 / sqrt(head_dim), nothing is divided.
"""

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "TNT",
    "title": "Transformer in Transformer",
    "paper": "https://arxiv.org/abs/2103.00112",
    "date": "2021-02",
    "publication": "NeurIPS 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/huawei-noah/CV-Backbones/tree/master/tnt_pytorch",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "tnt_s": {
            "title": "TNT-S",
            "config": {"outer_dim": 384, "inner_dim": 24, "depth": 12, "outer_heads": 6, "inner_heads": 4},
            "params": 23_843_848,
            "macs": 5_216_875_008,
            "official_calls": {
                "Tensor.__getitem__": 61, "Tensor.__setitem__": 12, "Tensor.add": 62, "Tensor.expand": 1,
                "Tensor.matmul": 48, "Tensor.mul": 24, "Tensor.permute": 48, "Tensor.reshape": 87,
                "Tensor.softmax": 24, "Tensor.transpose": 50, "cat": 1, "nn.functional.conv2d": 1,
                "nn.functional.dropout": 97, "nn.functional.gelu": 24, "nn.functional.layer_norm": 75,
                "nn.functional.linear": 134, "nn.functional.unfold": 1,
            },
            "table1": {"group": "Pure Transformer", "params_m": "23.8", "flops_g": "5.2", "throughput": "428", "top1": "81.5"},
        },
        "tnt_b": {
            "title": "TNT-B",
            "config": {"outer_dim": 640, "inner_dim": 40, "depth": 12, "outer_heads": 10, "inner_heads": 4},
            "params": 65_554_120,
            "macs": 14_049_082_880,
            "official_calls": {
                "Tensor.__getitem__": 61, "Tensor.__setitem__": 12, "Tensor.add": 62, "Tensor.expand": 1,
                "Tensor.matmul": 48, "Tensor.mul": 24, "Tensor.permute": 48, "Tensor.reshape": 87,
                "Tensor.softmax": 24, "Tensor.transpose": 50, "cat": 1, "nn.functional.conv2d": 1,
                "nn.functional.dropout": 97, "nn.functional.gelu": 24, "nn.functional.layer_norm": 75,
                "nn.functional.linear": 134, "nn.functional.unfold": 1,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "65.6", "flops_g": "14.1", "throughput": "246", "top1": "82.9",
                "flops_note": "Ours is 14.05, multiply-accumulates only; with five operations per layer-norm element, as fvcore counts, it is 14.1.",
            },
        },
    },
    "call_differences": {
        "Tensor.__setitem__": "The official block adds to outer_tokens[:, 1:] in place, which torch.fx cannot trace; ours joins slices instead.",
        "Tensor.__getitem__": "Ours also slices the class token off, once per block, to join it to the updated patches.",
        "cat": "Joins the class token and the updated patches, once per block, instead of an assignment in place.",
    },
    "checkpoint": "All names and shapes are those of the official checkpoints, the unused outer_tokens included.",
    "survey_row": {
        "listed": ["nn.Unfold", "reshape", "permute", "mul"],
        "same_as": "ViT",
        "in_model": "tnt_s",
        "absent": {
            "div": "Scores are multiplied by 1 / sqrt(head_dim). Only stochastic depth divides, in training.",
        },
    },
    "tags": ["transformer"],
}
# fmt: on

PATCH_SIZE = 16
WORDS_PER_PATCH = 16


def build(
    *,
    outer_dim: int,
    inner_dim: int,
    depth: int,
    outer_heads: int,
    inner_heads: int,
    image_size: int = 224,
    num_classes: int = 1000,
) -> nn.Module:
    """A TNT classifier `[N, 3, image_size, image_size] -> [N, num_classes]`."""
    return TNT(
        outer_dim=outer_dim,
        inner_dim=inner_dim,
        depth=depth,
        outer_heads=outer_heads,
        inner_heads=inner_heads,
        image_size=image_size,
        num_classes=num_classes,
    )


class Mlp(nn.Module):
    """Two linears around a gelu, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(x))
        return out


class Attention(nn.Module):
    """Multi-head self-attention, `[N, L, D] -> [N, L, D]`; one linear for queries and keys, one for values."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.scale = self.head_dim**-0.5
        self.qk = nn.Linear(dim, 2 * dim, bias=False)
        self.v = nn.Linear(dim, dim, bias=False)
        self.attn_drop = nn.Dropout(0.0, inplace=True)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        qk = self.qk(x).reshape(n, length, 2, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k = qk[0], qk[1]
        v = self.v(x).reshape(n, length, self.num_heads, self.head_dim).permute(0, 2, 1, 3)
        scores = (q @ k.transpose(-2, -1)) * self.scale
        weights = self.attn_drop(scores.softmax(dim=-1))
        context = (weights @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class Block(nn.Module):
    """One inner block over the words of each patch, then one outer block over the patches.

    Takes and returns the words `[N * P, 16, inner_dim]` and the class and patch tokens
    `[N, 1 + P, outer_dim]` of P patches.
    """

    def __init__(self, outer_dim: int, inner_dim: int, outer_heads: int, inner_heads: int, num_patches: int) -> None:
        super().__init__()
        self.num_patches = num_patches
        self.inner_norm1 = nn.LayerNorm(inner_dim)
        self.inner_attn = Attention(inner_dim, inner_heads)
        self.inner_norm2 = nn.LayerNorm(inner_dim)
        self.inner_mlp = Mlp(inner_dim)
        self.proj_norm1 = nn.LayerNorm(WORDS_PER_PATCH * inner_dim)
        self.proj = nn.Linear(WORDS_PER_PATCH * inner_dim, outer_dim, bias=False)
        self.proj_norm2 = nn.LayerNorm(outer_dim)
        self.outer_norm1 = nn.LayerNorm(outer_dim)
        self.outer_attn = Attention(outer_dim, outer_heads)
        self.outer_norm2 = nn.LayerNorm(outer_dim)
        self.outer_mlp = Mlp(outer_dim)

    def forward(self, words: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        words = words + self.inner_attn(self.inner_norm1(words))
        words = words + self.inner_mlp(self.inner_norm2(words))
        tokens = self._add_to_patches(words, tokens)
        tokens = tokens + self.outer_attn(self.outer_norm1(tokens))
        tokens = tokens + self.outer_mlp(self.outer_norm2(tokens))
        return words, tokens

    def _add_to_patches(self, words: Tensor, tokens: Tensor) -> Tensor:
        """Each patch's words, flattened and projected, added to its token but not to the class token."""
        sentences = words.reshape(tokens.shape[0], self.num_patches, -1)
        patches = tokens[:, 1:] + self.proj_norm2(self.proj(self.proj_norm1(sentences)))
        return torch.cat((tokens[:, :1], patches), dim=1)


class PatchEmbed(nn.Module):
    """Patches as small images, their cells as words: `[N, 3, H, W] -> [N * P, 16, inner_dim]`."""

    def __init__(self, inner_dim: int) -> None:
        super().__init__()
        self.inner_dim = inner_dim
        self.unfold = nn.Unfold(kernel_size=PATCH_SIZE, stride=PATCH_SIZE)
        self.proj = nn.Conv2d(3, inner_dim, kernel_size=7, padding=3, stride=4)

    def forward(self, image: Tensor) -> Tensor:
        patches = self.unfold(image).transpose(1, 2).reshape(-1, 3, PATCH_SIZE, PATCH_SIZE)
        words: Tensor = self.proj(patches).reshape(-1, self.inner_dim, WORDS_PER_PATCH)
        return words.transpose(1, 2)


class TNT(nn.Module):
    """Words and patch tokens from pixels, learned positions for both, blocks, linear head on the class token."""

    def __init__(
        self,
        *,
        outer_dim: int,
        inner_dim: int,
        depth: int,
        outer_heads: int,
        inner_heads: int,
        image_size: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.num_patches = num_patches = (image_size // PATCH_SIZE) ** 2
        self.patch_embed = PatchEmbed(inner_dim)
        self.proj_norm1 = nn.LayerNorm(WORDS_PER_PATCH * inner_dim)
        self.proj = nn.Linear(WORDS_PER_PATCH * inner_dim, outer_dim)
        self.proj_norm2 = nn.LayerNorm(outer_dim)
        self.cls_token = _position_table(1, outer_dim)
        # Never read. The official model has it, and its parameter count includes it.
        self.outer_tokens = nn.Parameter(torch.zeros(1, num_patches, outer_dim), requires_grad=False)
        self.outer_pos = _position_table(1 + num_patches, outer_dim)
        self.inner_pos = _position_table(WORDS_PER_PATCH, inner_dim)
        self.pos_drop = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(
            Block(outer_dim, inner_dim, outer_heads, inner_heads, num_patches) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(outer_dim)
        self.head = nn.Linear(outer_dim, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        n = image.shape[0]
        words = self.patch_embed(image) + self.inner_pos
        sentences = words.reshape(n, self.num_patches, -1)
        patches = self.proj_norm2(self.proj(self.proj_norm1(sentences)))
        tokens = torch.cat((self.cls_token.expand(n, -1, -1), patches), dim=1)
        tokens = self.pos_drop(tokens + self.outer_pos)
        for block in self.blocks:
            words, tokens = block(words, tokens)
        out: Tensor = self.head(self.norm(tokens)[:, 0])
        return out


def _position_table(rows: int, dim: int) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(1, rows, dim), std=0.02))
