"""Tokens-to-Token ViT (T2T-ViT), 2021.

Yuan et al., "Tokens-to-Token ViT: Training Vision Transformers from Scratch on ImageNet",
ICCV 2021, https://arxiv.org/abs/2101.11986. Laid out as in the official repository,
yitu-opensource/T2T-ViT.

Operators: no convolution at all. Three overlapping soft splits (unfold) and two layers of token
attention between them turn the image into 14x14 tokens. The performer variants replace softmax
attention over 3136 tokens by positive random features, and so bring five einsums, exp, repeat, sum
and divisions by an activation; the `_t` variants keep softmax attention with one head. The skip
connection of token attention starts at the values, since the width changes from 147 or 576 to 64.
The position table and the random features are fixed, yet parameters; both count.
"""

import math

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "T2T-ViT",
    "title": "Tokens-to-Token ViT: Training Vision Transformers from Scratch on ImageNet",
    "paper": "https://arxiv.org/abs/2101.11986",
    "date": "2021-01",
    "publication": "ICCV 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "transformer",
    "repository": "https://github.com/yitu-opensource/T2T-ViT",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "t2t_vit_14": {
            "title": "T2T-ViT-14",
            "config": {"tokens_type": "performer", "embed_dim": 384, "depth": 14, "num_heads": 6},
            "params": 21_545_550,
            "macs": 4_783_468_544,
            "official_calls": {
                "Tensor.__getitem__": 43, "Tensor.add": 35, "Tensor.div": 10, "Tensor.expand": 1, "Tensor.float": 6,
                "Tensor.matmul": 28, "Tensor.mul": 18, "Tensor.permute": 14, "Tensor.repeat": 6, "Tensor.reshape": 30,
                "Tensor.softmax": 14, "Tensor.sub": 4, "Tensor.sum": 6, "Tensor.transpose": 33, "Tensor.unsqueeze": 2,
                "cat": 1, "einsum": 10, "exp": 4, "nn.functional.dropout": 61, "nn.functional.gelu": 16,
                "nn.functional.layer_norm": 33, "nn.functional.linear": 66, "nn.functional.unfold": 3, "split": 2,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "21.5", "flops_g": "5.2", "throughput": "764", "top1": "81.5",
                "flops_note": "of an earlier arXiv version, which counts 0.4 G more for the T2T module; the ICCV paper prints 4.8",
            },
        },
        "t2t_vit_19": {
            "title": "T2T-ViT-19",
            "config": {"tokens_type": "performer", "embed_dim": 448, "depth": 19, "num_heads": 7},
            "params": 39_177_422,
            "macs": 8_479_682_176,
            "official_calls": {
                "Tensor.__getitem__": 58, "Tensor.add": 45, "Tensor.div": 10, "Tensor.expand": 1, "Tensor.float": 6,
                "Tensor.matmul": 38, "Tensor.mul": 23, "Tensor.permute": 19, "Tensor.repeat": 6, "Tensor.reshape": 40,
                "Tensor.softmax": 19, "Tensor.sub": 4, "Tensor.sum": 6, "Tensor.transpose": 43, "Tensor.unsqueeze": 2,
                "cat": 1, "einsum": 10, "exp": 4, "nn.functional.dropout": 81, "nn.functional.gelu": 21,
                "nn.functional.layer_norm": 43, "nn.functional.linear": 86, "nn.functional.unfold": 3, "split": 2,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "39.2", "flops_g": "8.9", "throughput": "464", "top1": "81.9",
                "flops_note": "of an earlier arXiv version, which counts 0.4 G more for the T2T module; the ICCV paper prints 8.5",
            },
        },
        "t2t_vit_24": {
            "title": "T2T-ViT-24",
            "config": {"tokens_type": "performer", "embed_dim": 512, "depth": 24, "num_heads": 8},
            "params": 64_105_934,
            "macs": 13_661_874_688,
            "official_calls": {
                "Tensor.__getitem__": 73, "Tensor.add": 55, "Tensor.div": 10, "Tensor.expand": 1, "Tensor.float": 6,
                "Tensor.matmul": 48, "Tensor.mul": 28, "Tensor.permute": 24, "Tensor.repeat": 6, "Tensor.reshape": 50,
                "Tensor.softmax": 24, "Tensor.sub": 4, "Tensor.sum": 6, "Tensor.transpose": 53, "Tensor.unsqueeze": 2,
                "cat": 1, "einsum": 10, "exp": 4, "nn.functional.dropout": 101, "nn.functional.gelu": 26,
                "nn.functional.layer_norm": 53, "nn.functional.linear": 106, "nn.functional.unfold": 3, "split": 2,
            },
            "table1": {
                "group": "Pure Transformer", "params_m": "64.1", "flops_g": "14.1", "throughput": "312", "top1": "82.3",
                "flops_note": "of an earlier arXiv version, which counts 0.4 G more for the T2T module; the ICCV paper prints 13.8",
            },
        },
        "t2t_vit_t_14": {
            "title": "T2T-ViT_t-14",
            "config": {"tokens_type": "transformer", "embed_dim": 384, "depth": 14, "num_heads": 6},
            "params": 21_541_070,
            "macs": 6_088_721_920,
            "official_calls": {
                "Tensor.__getitem__": 49, "Tensor.add": 33, "Tensor.expand": 1, "Tensor.matmul": 32, "Tensor.mul": 16,
                "Tensor.permute": 16, "Tensor.reshape": 34, "Tensor.softmax": 16, "Tensor.squeeze": 2,
                "Tensor.transpose": 37, "cat": 1, "nn.functional.dropout": 65, "nn.functional.gelu": 16,
                "nn.functional.layer_norm": 33, "nn.functional.linear": 66, "nn.functional.unfold": 3,
            },
        },
        "t2t_vit_t_19": {
            "title": "T2T-ViT_t-19",
            "config": {"tokens_type": "transformer", "embed_dim": 448, "depth": 19, "num_heads": 7},
            "params": 39_172_942,
            "macs": 9_784_935_552,
            "official_calls": {
                "Tensor.__getitem__": 64, "Tensor.add": 43, "Tensor.expand": 1, "Tensor.matmul": 42, "Tensor.mul": 21,
                "Tensor.permute": 21, "Tensor.reshape": 44, "Tensor.softmax": 21, "Tensor.squeeze": 2,
                "Tensor.transpose": 47, "cat": 1, "nn.functional.dropout": 85, "nn.functional.gelu": 21,
                "nn.functional.layer_norm": 43, "nn.functional.linear": 86, "nn.functional.unfold": 3,
            },
        },
        "t2t_vit_t_24": {
            "title": "T2T-ViT_t-24",
            "config": {"tokens_type": "transformer", "embed_dim": 512, "depth": 24, "num_heads": 8},
            "params": 64_101_454,
            "macs": 14_967_128_064,
            "official_calls": {
                "Tensor.__getitem__": 79, "Tensor.add": 53, "Tensor.expand": 1, "Tensor.matmul": 52, "Tensor.mul": 26,
                "Tensor.permute": 26, "Tensor.reshape": 54, "Tensor.softmax": 26, "Tensor.squeeze": 2,
                "Tensor.transpose": 57, "cat": 1, "nn.functional.dropout": 105, "nn.functional.gelu": 26,
                "nn.functional.layer_norm": 53, "nn.functional.linear": 106, "nn.functional.unfold": 3,
            },
        },
    },
    "checkpoint": "official state_dict, names and shapes; its released weights scale the backbone's scores by embed_dim ** -0.5, "
                  "where this definition has the code's default, head_dim ** -0.5",
    "tags": ["transformer"],
}
# fmt: on


def build(
    *, tokens_type: str, embed_dim: int, depth: int, num_heads: int, image_size: int = 224, num_classes: int = 1000
) -> nn.Module:
    """A T2T-ViT classifier `[N, 3, image_size, image_size] -> [N, num_classes]`.

    `tokens_type` is the token attention: "performer" or "transformer".
    """
    return T2TViT(
        tokens_type=tokens_type,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads,
        image_size=image_size,
        num_classes=num_classes,
    )


def sinusoid_table(positions: int, dim: int) -> Tensor:
    """`[1, positions, dim]`: sines of the position at even indices, cosines at odd ones."""
    index = torch.arange(dim)
    wavelength = 10000 ** (2 * (index // 2).double() / dim)
    angle = torch.arange(positions).double()[:, None] / wavelength
    return torch.where(index % 2 == 0, angle.sin(), angle.cos()).float()[None]


class TokenPerformer(nn.Module):
    """Linear-time token attention, `[N, L, dim] -> [N, L, out_dim]`.

    softmax(q k^T) v is approximated by phi(q) (phi(k)^T v), with the positive random features
    phi(x) = exp(W x - |x|^2 / 2) / sqrt(features), so that no L x L matrix is formed.
    """

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.features = out_dim // 2
        self.epsilon = 1e-8
        self.norm1 = nn.LayerNorm(dim)
        self.kqv = nn.Linear(dim, 3 * out_dim)
        directions = nn.init.orthogonal_(torch.empty(self.features, out_dim))
        self.w = nn.Parameter(directions * math.sqrt(self.features), requires_grad=False)
        self.proj = nn.Linear(out_dim, out_dim)
        self.dp = nn.Dropout(0.1)
        self.norm2 = nn.LayerNorm(out_dim)
        self.mlp = nn.Sequential(nn.Linear(out_dim, out_dim), nn.GELU(), nn.Linear(out_dim, out_dim), nn.Dropout(0.1))

    def _random_features(self, x: Tensor) -> Tensor:
        """phi: `[N, L, out_dim] -> [N, L, features]`."""
        half_square = (x * x).sum(dim=-1, keepdim=True).repeat(1, 1, self.features) / 2
        projected = torch.einsum("nld,fd->nlf", x.float(), self.w)
        return torch.exp(projected - half_square) / math.sqrt(self.features)

    def _attend(self, x: Tensor) -> Tensor:
        k, q, v = torch.split(self.kqv(x), self.out_dim, dim=-1)
        phi_k, phi_q = self._random_features(k), self._random_features(q)
        normaliser = torch.einsum("nlf,nf->nl", phi_q, phi_k.sum(dim=1)).unsqueeze(dim=2)
        memory = torch.einsum("nld,nlf->ndf", v.float(), phi_k)
        context = torch.einsum("nlf,ndf->nld", phi_q, memory) / (normaliser.repeat(1, 1, self.out_dim) + self.epsilon)
        out: Tensor = v + self.dp(self.proj(context))
        return out

    def forward(self, x: Tensor) -> Tensor:
        x = self._attend(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
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


class TokenAttention(nn.Module):
    """One-head attention that narrows the tokens, `[N, L, dim] -> [N, L, out_dim]`; the skip is from v."""

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.scale = dim**-0.5  # of the width before the projection, as published
        self.qkv = nn.Linear(dim, 3 * out_dim, bias=False)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(out_dim, out_dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, 1, self.out_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        context = (self.attn_drop(weights) @ v).transpose(1, 2).reshape(n, length, self.out_dim)
        out: Tensor = v.squeeze(1) + self.proj_drop(self.proj(context))
        return out


class TokenTransformer(nn.Module):
    """Token attention and an mlp of its output's width, `[N, L, dim] -> [N, L, out_dim]`."""

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = TokenAttention(dim, out_dim)
        self.drop_path = nn.Identity()
        self.norm2 = nn.LayerNorm(out_dim)
        self.mlp = Mlp(out_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attn(self.norm1(x))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class TokensToToken(nn.Module):
    """Soft split, attend, back to a map; twice; split again. `[N, 3, S, S] -> [N, (S / 16)^2, embed_dim]`."""

    def __init__(self, tokens_type: str, embed_dim: int, image_size: int, token_dim: int = 64) -> None:
        super().__init__()
        token_attention = {"performer": TokenPerformer, "transformer": TokenTransformer}[tokens_type]
        self.sides = (image_size // 4, image_size // 8)  # of the maps that are split again
        self.soft_split0 = nn.Unfold(kernel_size=(7, 7), stride=(4, 4), padding=(2, 2))
        self.attention1 = token_attention(3 * 7 * 7, token_dim)
        self.soft_split1 = nn.Unfold(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
        self.attention2 = token_attention(token_dim * 3 * 3, token_dim)
        self.soft_split2 = nn.Unfold(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
        self.project = nn.Linear(token_dim * 3 * 3, embed_dim)

    @staticmethod
    def _to_map(tokens: Tensor, side: int) -> Tensor:
        """`[N, side^2, C] -> [N, C, side, side]`."""
        n, _, channels = tokens.shape
        return tokens.transpose(1, 2).reshape(n, channels, side, side)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.soft_split0(image).transpose(1, 2)
        restructured = self._to_map(self.attention1(tokens), self.sides[0])
        tokens = self.soft_split1(restructured).transpose(1, 2)
        restructured = self._to_map(self.attention2(tokens), self.sides[1])
        tokens = self.soft_split2(restructured).transpose(1, 2)
        out: Tensor = self.project(tokens)
        return out


class Attention(nn.Module):
    """Multi-head self-attention of the backbone, `[N, L, D] -> [N, L, D]`."""

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
        n, length, dim = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        context = (self.attn_drop(weights) @ v).transpose(1, 2).reshape(n, length, dim)
        out: Tensor = self.proj_drop(self.proj(context))
        return out


class Block(nn.Module):
    """Pre-norm encoder block: `x + attn(norm1(x))`, then `x + mlp(norm2(x))`; the mlp is three times as wide."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads)
        self.drop_path = nn.Identity()
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class T2TViT(nn.Module):
    """The T2T module, class token, fixed sinusoid positions, deep and narrow encoder, linear head."""

    def __init__(
        self, *, tokens_type: str, embed_dim: int, depth: int, num_heads: int, image_size: int, num_classes: int
    ) -> None:
        super().__init__()
        tokens = (image_size // 16) ** 2 + 1
        self.tokens_to_token = TokensToToken(tokens_type, embed_dim, image_size)
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, embed_dim), std=0.02))
        self.pos_embed = nn.Parameter(sinusoid_table(tokens, embed_dim), requires_grad=False)
        self.pos_drop = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.tokens_to_token(image)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        x = self.pos_drop(x + self.pos_embed)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x)[:, 0])
        return logits
