"""MoCo v3, 2021.

Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021,
https://arxiv.org/abs/2104.02057. Laid out as in facebookresearch/moco-v3, which builds on the
VisionTransformer of timm 0.4.9.

Operators: a ViT on which self-supervision leaves no trace; deployed, it has the operators of DeiT,
with integer indices instead of unbind. Positions are a fixed sine and cosine table, computed once.
ViT-S has 12 heads of 32 channels where DeiT-S has 6 of 64. In pretraining the classifier gives way
to a projector and a predictor, which bring batch norm over vectors, without scale and shift at
their ends, and relu.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "MoCo v3",
    "title": "An Empirical Study of Training Self-Supervised Vision Transformers",
    "paper": "https://arxiv.org/abs/2104.02057",
    "date": "2021-04",
    "publication": "ICCV 2021",
    "section": "1. Backbone/Classification",
    "method": "Self-supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/facebookresearch/moco-v3",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "mocov3_vit_s": {
            "title": "MoCo v3 ViT-S",
            "config": {"embed_dim": 384, "pretraining": False},
            "params": 22_050_664,
            "macs": 4_598_882_304,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 49,
            },
        },
        "mocov3_vit_b": {
            "title": "MoCo v3 ViT-B",
            "config": {"embed_dim": 768, "pretraining": False},
            "params": 86_567_656,
            "macs": 17_563_828_224,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.conv2d": 1, "nn.functional.dropout": 49,
                "nn.functional.gelu": 12, "nn.functional.layer_norm": 25, "nn.functional.linear": 49,
            },
        },
        "mocov3_vit_s_pretraining": {
            "title": "MoCo v3 ViT-S, pretraining",
            "config": {"embed_dim": 384, "pretraining": True},
            "params": 43_186_048,
            "macs": 4_619_994_112,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.batch_norm": 5, "nn.functional.conv2d": 1,
                "nn.functional.dropout": 49, "nn.functional.gelu": 12, "nn.functional.layer_norm": 25,
                "nn.functional.linear": 53, "nn.functional.relu": 3,
            },
        },
        "mocov3_vit_b_pretraining": {
            "title": "MoCo v3 ViT-B, pretraining",
            "config": {"embed_dim": 768, "pretraining": True},
            "params": 108_891_904,
            "macs": 17_586_128_896,
            "official_calls": {
                "Tensor.__getitem__": 37, "Tensor.add": 25, "Tensor.expand": 1, "Tensor.flatten": 1, "Tensor.matmul": 24,
                "Tensor.mul": 12, "Tensor.permute": 12, "Tensor.reshape": 24, "Tensor.softmax": 12,
                "Tensor.transpose": 25, "cat": 1, "nn.functional.batch_norm": 5, "nn.functional.conv2d": 1,
                "nn.functional.dropout": 49, "nn.functional.gelu": 12, "nn.functional.layer_norm": 25,
                "nn.functional.linear": 53, "nn.functional.relu": 3,
            },
        },
    },
    "checkpoint":
        "facebookresearch/moco-v3, vit_small and vit_base: every name and shape. In pretraining base_encoder.* and "
        "predictor.*; momentum_encoder.*, a moving average of base_encoder.* that encodes the other view, is left out.",
    "tags": ["transformer", "self-supervised"],
}
# fmt: on

GRID_SIZE = 14
PATCH_SIZE = 16
DEPTH = 12
NUM_HEADS = 12  # in both sizes
MLP_RATIO = 4
PROJECTOR_DIM = 4096
CODE_DIM = 256


def build(*, embed_dim: int, pretraining: bool, num_classes: int = 1000) -> nn.Module:
    """A classifier `[N, 3, 224, 224] -> [N, num_classes]`, or where `pretraining` the trained branch, to codes."""
    return OnlineBranch(embed_dim) if pretraining else VisionTransformer(embed_dim, nn.Linear(embed_dim, num_classes))


class PatchEmbed(nn.Module):
    """Image to patch tokens, `[N, 3, 224, 224] -> [N, 196, D]`."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=PATCH_SIZE, stride=PATCH_SIZE)

    def forward(self, image: Tensor) -> Tensor:
        grid: Tensor = self.proj(image)
        return grid.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention, `[N, L, D] -> [N, L, D]`: softmax(q kᵀ / sqrt(head_dim)) v per head."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.head_dim = embed_dim // NUM_HEADS
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, length, embed_dim = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, NUM_HEADS, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]  # each [N, heads, L, head_dim]
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

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attn = Attention(embed_dim)
        self.drop_path = nn.Identity()  # stochastic depth, in training only
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-6)
        self.mlp = Mlp(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


def position_table(embed_dim: int) -> Tensor:
    """Fixed positions `[1, 1 + 196, D]`: sine and cosine of each axis at D / 4 frequencies, zeros for the class token.

    The frequencies fall geometrically from 1 towards 1 / 10000. Patches are numbered row by row;
    the first half of the channels tells the row, the second the column.
    """
    frequencies = 10000 ** -(torch.arange(embed_dim // 4) / (embed_dim // 4))
    angles = torch.outer(torch.arange(GRID_SIZE).float(), frequencies)
    waves = torch.cat((angles.sin(), angles.cos()), dim=1)  # of one axis: [14, D / 2]
    rows = waves.repeat_interleave(GRID_SIZE, dim=0)
    columns = waves.repeat(GRID_SIZE, 1)
    patches = torch.cat((rows, columns), dim=1)
    return torch.cat((torch.zeros(1, embed_dim), patches)).unsqueeze(0)


class VisionTransformer(nn.Module):
    """Patches, class token, fixed positions, encoder blocks, a head on the class token."""

    def __init__(self, embed_dim: int, head: nn.Module) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim)
        self.cls_token = nn.Parameter(nn.init.normal_(torch.empty(1, 1, embed_dim), std=1e-6))
        self.pos_embed = nn.Parameter(position_table(embed_dim), requires_grad=False)
        self.pos_drop = nn.Dropout(0.0)
        self.blocks = nn.Sequential(*(Block(embed_dim) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        patches: Tensor = self.patch_embed(image)
        x = torch.cat((self.cls_token.expand(patches.shape[0], -1, -1), patches), dim=1)
        x = self.norm(self.blocks(self.pos_drop(x + self.pos_embed)))
        out: Tensor = self.head(x[:, 0])
        return out


def mlp_head(*widths: int) -> nn.Sequential:
    """Linears without bias, `[N, widths[0]] -> [N, widths[-1]]`, each with batch norm; relu between them.

    The last batch norm has neither scale nor shift.
    """
    layers: list[nn.Module] = []
    for in_dim, out_dim in pairwise(widths[:-1]):
        layers += [nn.Linear(in_dim, out_dim, bias=False), nn.BatchNorm1d(out_dim), nn.ReLU(inplace=True)]
    last = nn.Linear(widths[-2], widths[-1], bias=False)
    return nn.Sequential(*layers, last, nn.BatchNorm1d(widths[-1], affine=False))


class OnlineBranch(nn.Module):
    """What pretraining trains: the encoder with its projector, then the predictor, `[N, 3, 224, 224] -> [N, 256]`.

    The loss compares these codes of one view with the momentum encoder's codes of another. The
    patch projection stays at its random values, which steadies the training.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        projector = mlp_head(embed_dim, PROJECTOR_DIM, PROJECTOR_DIM, CODE_DIM)
        self.base_encoder = VisionTransformer(embed_dim, projector)
        self.base_encoder.patch_embed.requires_grad_(False)
        self.predictor = mlp_head(CODE_DIM, PROJECTOR_DIM, CODE_DIM)

    def forward(self, image: Tensor) -> Tensor:
        codes: Tensor = self.predictor(self.base_encoder(image))
        return codes
