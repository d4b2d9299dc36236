"""DeiT, Data-efficient image Transformer, 2020.

Touvron, Cord, Douze, Massa, Sablayrolles and Jégou, "Training data-efficient image transformers &
distillation through attention", ICML 2021, https://arxiv.org/abs/2012.12877. Laid out as in
facebookresearch/deit, which builds on the VisionTransformer of timm; blocks as in timm 0.5.4.

Operators: a ViT whose heads are written differently. One linear gives queries, keys and values,
reshape and permute sort them into heads, and unbind takes the three apart; the scores are
multiplied by head_dim**-0.5. A distilled model has a second token and a second classifier and
averages the two, which brings the only division.
"""

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "DeiT",
    "title": "Training data-efficient image transformers & distillation through attention",
    "paper": "https://arxiv.org/abs/2012.12877",
    "date": "2020-12",
    "publication": "ICML 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/facebookresearch/deit",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "deit_ti": {
            "title": "DeiT-Ti",
            "config": {"embed_dim": 192, "num_heads": 3, "distilled": False},
            "params": 5_717_416,
            "macs": 1_253_683_200,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12, "Tensor.transpose": 25,
                "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49, "nn.functional.gelu": 12,
                "nn.functional.layer_norm": 25, "nn.functional.linear": 49,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "5", "flops_g": "1.3", "throughput": "2536", "top1": "72.2",
                "params_note": "The paper truncates 5.7 to 5.",
            },
        },
        "deit_s": {
            "title": "DeiT-S",
            "config": {"embed_dim": 384, "num_heads": 6, "distilled": False},
            "params": 22_050_664,
            "macs": 4_598_882_304,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12, "Tensor.transpose": 25,
                "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49, "nn.functional.gelu": 12,
                "nn.functional.layer_norm": 25, "nn.functional.linear": 49,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "22", "flops_g": "4.6", "throughput": "940", "top1": "79.8",
                "top1_note": "As in the paper; the repository's README says 79.9.",
            },
        },
        "deit_b": {
            "title": "DeiT-B",
            "config": {"embed_dim": 768, "num_heads": 12, "distilled": False},
            "params": 86_567_656,
            "macs": 17_563_828_224,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12, "Tensor.transpose": 25,
                "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49, "nn.functional.gelu": 12,
                "nn.functional.layer_norm": 25, "nn.functional.linear": 49,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "86", "flops_g": "17.6", "throughput": "292", "top1": "81.8",
                "params_note": "The paper truncates 86.57 to 86.",
            },
        },
        "deit_ti_distilled": {
            "title": "DeiT-Ti distilled",
            "config": {"embed_dim": 192, "num_heads": 3, "distilled": True},
            "params": 5_910_800,
            "macs": 1_261_003_776,
            "official_calls": {
                "Tensor.__getitem__": 38, "Tensor.add": 26, "Tensor.div": 1, "Tensor.expand": 2, "Tensor.flatten": 1,
                "Tensor.matmul": 24, "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 50,
            },
        },
        "deit_s_distilled": {
            "title": "DeiT-S distilled",
            "config": {"embed_dim": 384, "num_heads": 6, "distilled": True},
            "params": 22_436_432,
            "macs": 4_624_140_288,
            "official_calls": {
                "Tensor.__getitem__": 38, "Tensor.add": 26, "Tensor.div": 1, "Tensor.expand": 2, "Tensor.flatten": 1,
                "Tensor.matmul": 24, "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 50,
            },
        },
        "deit_b_distilled": {
            "title": "DeiT-B distilled",
            "config": {"embed_dim": 768, "num_heads": 12, "distilled": True},
            "params": 87_338_192,
            "macs": 17_656_811_520,
            "official_calls": {
                "Tensor.__getitem__": 38, "Tensor.add": 26, "Tensor.div": 1, "Tensor.expand": 2, "Tensor.flatten": 1,
                "Tensor.matmul": 24, "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 50,
            },
        },
    },
    "calls_of": "facebookresearch/deit, on timm 0.3.2, which it pins",
    "call_differences": {
        "Tensor.__getitem__": "timm 0.3.2 takes queries, keys and values by three integer indices, 36 in 12 blocks; from "
                              "0.5.4 on timm unbinds them, as the survey's row says and as done here.",
        "Tensor.unbind": "One per block, in place of the three integer indices of timm 0.3.2.",
    },
    "survey_row": {
        "in_model": "deit_b_distilled",
        "listed": ["torch.unbind"],
        "same_as": "ViT",
        "unlisted": {
            "reshape": "Sorts the fused queries, keys and values into heads and merges the heads; the row covers it with "
                       "“multi-head attention is written differently”.",
            "permute": "Part of the same split into heads.",
            "mul": "The scores times head_dim**-0.5, where ViT divides them by sqrt(head_dim).",
        },
    },
    "checkpoint": "facebookresearch/deit, deit_*_patch16_224 and deit_*_distilled_patch16_224: every name and shape.",
    "tags": ["transformer"],
}
# fmt: on

IMAGE_SIZE = 224
PATCH_SIZE = 16
DEPTH = 12
MLP_RATIO = 4


def build(*, embed_dim: int, num_heads: int, distilled: bool, num_classes: int = 1000) -> nn.Module:
    """A DeiT classifier `[N, 3, 224, 224] -> [N, num_classes]`, with a distillation token where `distilled`."""
    model = DistilledVisionTransformer if distilled else VisionTransformer
    return model(embed_dim, num_heads, num_classes)


class PatchEmbed(nn.Module):
    """Image to patch tokens, `[N, 3, H, W] -> [N, H / 16 * W / 16, D]`."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=PATCH_SIZE, stride=PATCH_SIZE)

    def forward(self, image: Tensor) -> Tensor:
        grid: Tensor = self.proj(image)
        return grid.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention, `[N, L, D] -> [N, L, D]`: softmax(q kᵀ / sqrt(head_dim)) v per head."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, length, embed_dim = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.num_heads, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each [N, heads, L, head_dim]
        scores = (q @ k.transpose(-2, -1)) * self.scale
        context = self.attn_drop(scores.softmax(dim=-1)) @ v
        merged = context.transpose(1, 2).reshape(n, length, embed_dim)
        out: Tensor = self.proj_drop(self.proj(merged))
        return out


class Mlp(nn.Module):
    """Two linears around a gelu, four times as wide inside."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dim, MLP_RATIO * embed_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(MLP_RATIO * embed_dim, embed_dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.act(self.fc1(x)))
        out: Tensor = self.drop(self.fc2(x))
        return out


class Block(nn.Module):
    """Pre-norm encoder block: `x + attn(norm1(x))`, then `x + mlp(norm2(x))`."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attn = Attention(embed_dim, num_heads)
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.mlp = Mlp(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class VisionTransformer(nn.Module):
    """Patches, class token, learned positions, encoder blocks, linear head on the class token."""

    extra_tokens = 1

    def __init__(self, embed_dim: int, num_heads: int, num_classes: int) -> None:
        super().__init__()
        length = self.extra_tokens + (IMAGE_SIZE // PATCH_SIZE) ** 2
        self.patch_embed = PatchEmbed(embed_dim)
        self.cls_token = learned(1, 1, embed_dim)
        self.pos_embed = learned(1, length, embed_dim)
        self.pos_drop = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)

    def encode(self, image: Tensor, *extra_tokens: Tensor) -> Tensor:
        """Normalised tokens `[N, L, D]`, the extra ones first."""
        patches: Tensor = self.patch_embed(image)
        expanded = [token.expand(patches.shape[0], -1, -1) for token in extra_tokens]
        x = self.pos_drop(torch.cat((*expanded, patches), dim=1) + self.pos_embed)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out

    def forward(self, image: Tensor) -> Tensor:
        x = self.encode(image, self.cls_token)
        out: Tensor = self.head(x[:, 0])
        return out


class DistilledVisionTransformer(VisionTransformer):
    """Adds a token that learns from the teacher, and its head; the prediction is the mean of both heads.

    In training the official model returns the two logits, each with its own loss.
    """

    extra_tokens = 2

    def __init__(self, embed_dim: int, num_heads: int, num_classes: int) -> None:
        super().__init__(embed_dim, num_heads, num_classes)
        self.dist_token = learned(1, 1, embed_dim)
        self.head_dist = nn.Linear(embed_dim, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.encode(image, self.cls_token, self.dist_token)
        class_token, dist_token = x[:, 0], x[:, 1]
        out: Tensor = (self.head(class_token) + self.head_dist(dist_token)) / 2
        return out


def learned(*shape: int) -> nn.Parameter:
    """A learned table, initialised as in the paper's code."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))
