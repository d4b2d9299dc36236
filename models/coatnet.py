"""CoAtNet, 2021.

Dai et al., "CoAtNet: Marrying Convolution and Attention for All Data Sizes", NeurIPS 2021,
https://arxiv.org/abs/2106.04803. The authors released no code, so there are two layouts. The
`_repo` models follow the repository that the survey links, chinhsuanwu/coatnet-pytorch, and are
defined here. The others follow the paper as timm lays it out; see `_coatnet_paper.py`.

The repository has the paper's stages (a convolutional stem, two of MBConv, two of transformer
blocks, each of which starts by halving the map) but smaller models than the paper's: always 8
heads of 32 channels, and widths inside a block that are multiples of its input's, not its output's.

Operators: maps and tokens by turns, each change a permute and a reshape. The attention is computed
with explicit matmuls on a qkv tensor cut by chunk; the relative position bias of each head is
gathered from a learned table with an index that is first repeated for every head. MBConv brings
squeeze-and-excitation: global pooling, linears, a sigmoid gate.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from ._coatnet_paper import PaperCoAtNet, relative_position_index

# fmt: off
FAMILY = {
    "system": "CoAtNet",
    "title": "CoAtNet: Marrying Convolution and Attention for All Data Sizes",
    "paper": "https://arxiv.org/abs/2106.04803",
    "date": "2021-06",
    "publication": "NeurIPS 2021",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "conv + transformer",
    "repository": "https://github.com/chinhsuanwu/coatnet-pytorch",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "coatnet_0_repo": {
            "title": "CoAtNet-0 (repository)",
            "config": {"layout": "repository", "num_blocks": [2, 2, 3, 5, 2], "channels": [64, 96, 192, 384, 768]},
            "params": 17_789_624, "macs": 3_395_216_384,
            "official_calls": {
                "Tensor.add": 26, "Tensor.chunk": 7, "Tensor.gather": 7, "Tensor.mul": 12, "Tensor.permute": 63, "Tensor.repeat": 7,
                "Tensor.reshape": 70, "Tensor.transpose": 7, "Tensor.view": 11, "matmul": 14, "nn.functional.adaptive_avg_pool2d": 5,
                "nn.functional.avg_pool2d": 1, "nn.functional.batch_norm": 22, "nn.functional.conv2d": 21, "nn.functional.dropout": 21,
                "nn.functional.gelu": 24, "nn.functional.layer_norm": 14, "nn.functional.linear": 39, "nn.functional.max_pool2d": 6,
                "nn.functional.softmax": 7, "sigmoid": 5,
            },
        },
        "coatnet_1_repo": {
            "title": "CoAtNet-1 (repository)",
            "config": {"layout": "repository", "num_blocks": [2, 2, 6, 14, 2], "channels": [64, 96, 192, 384, 768]},
            "params": 33_170_624, "macs": 7_056_880_640,
            "official_calls": {
                "Tensor.add": 56, "Tensor.chunk": 16, "Tensor.gather": 16, "Tensor.mul": 24, "Tensor.permute": 144, "Tensor.repeat": 16,
                "Tensor.reshape": 160, "Tensor.transpose": 16, "Tensor.view": 17, "matmul": 32, "nn.functional.adaptive_avg_pool2d": 8,
                "nn.functional.avg_pool2d": 1, "nn.functional.batch_norm": 34, "nn.functional.conv2d": 30, "nn.functional.dropout": 48,
                "nn.functional.gelu": 42, "nn.functional.layer_norm": 32, "nn.functional.linear": 81, "nn.functional.max_pool2d": 6,
                "nn.functional.softmax": 16, "sigmoid": 8,
            },
        },
        "coatnet_2_repo": {
            "title": "CoAtNet-2 (repository)",
            "config": {"layout": "repository", "num_blocks": [2, 2, 6, 14, 2], "channels": [128, 128, 256, 512, 1026]},  # 1026 as in the repository
            "params": 55_767_564, "macs": 13_052_583_920,
            "official_calls": {
                "Tensor.add": 56, "Tensor.chunk": 16, "Tensor.gather": 16, "Tensor.mul": 24, "Tensor.permute": 144, "Tensor.repeat": 16,
                "Tensor.reshape": 160, "Tensor.transpose": 16, "Tensor.view": 17, "matmul": 32, "nn.functional.adaptive_avg_pool2d": 8,
                "nn.functional.avg_pool2d": 1, "nn.functional.batch_norm": 34, "nn.functional.conv2d": 30, "nn.functional.dropout": 48,
                "nn.functional.gelu": 42, "nn.functional.layer_norm": 32, "nn.functional.linear": 81, "nn.functional.max_pool2d": 6,
                "nn.functional.softmax": 16, "sigmoid": 8,
            },
        },
        "coatnet_3_repo": {
            "title": "CoAtNet-3 (repository)",
            "config": {"layout": "repository", "num_blocks": [2, 2, 6, 14, 2], "channels": [192, 192, 384, 768, 1536]},
            "params": 117_724_480, "macs": 27_818_648_576,
            "official_calls": {
                "Tensor.add": 56, "Tensor.chunk": 16, "Tensor.gather": 16, "Tensor.mul": 24, "Tensor.permute": 144, "Tensor.repeat": 16,
                "Tensor.reshape": 160, "Tensor.transpose": 16, "Tensor.view": 17, "matmul": 32, "nn.functional.adaptive_avg_pool2d": 8,
                "nn.functional.avg_pool2d": 1, "nn.functional.batch_norm": 34, "nn.functional.conv2d": 30, "nn.functional.dropout": 48,
                "nn.functional.gelu": 42, "nn.functional.layer_norm": 32, "nn.functional.linear": 81, "nn.functional.max_pool2d": 6,
                "nn.functional.softmax": 16, "sigmoid": 8,
            },
        },
        "coatnet_4_repo": {
            "title": "CoAtNet-4 (repository)",
            "config": {"layout": "repository", "num_blocks": [2, 2, 12, 28, 2], "channels": [192, 192, 384, 768, 1536]},
            "params": 203_960_368, "macs": 48_815_662_080,
            "official_calls": {
                "Tensor.add": 104, "Tensor.chunk": 30, "Tensor.gather": 30, "Tensor.mul": 44, "Tensor.permute": 270, "Tensor.repeat": 30,
                "Tensor.reshape": 300, "Tensor.transpose": 30, "Tensor.view": 29, "matmul": 60, "nn.functional.adaptive_avg_pool2d": 14,
                "nn.functional.avg_pool2d": 1, "nn.functional.batch_norm": 58, "nn.functional.conv2d": 48, "nn.functional.dropout": 90,
                "nn.functional.gelu": 74, "nn.functional.layer_norm": 60, "nn.functional.linear": 149, "nn.functional.max_pool2d": 6,
                "nn.functional.softmax": 30, "sigmoid": 14,
            },
        },
        "coatnet_0": {
            "title": "CoAtNet-0",
            "config": {"layout": "paper", "num_blocks": [2, 2, 3, 5, 2], "channels": [64, 96, 192, 384, 768]},
            "params": 25_036_820, "macs": 4_141_888_512, "calls_of": "timm 1.0.31; no official code was released",
            "official_calls": {
                "_assert": 16, "Tensor.__getitem__": 7, "Tensor.add": 19, "Tensor.chunk": 7, "Tensor.contiguous": 28, "Tensor.flatten": 1,
                "Tensor.mean": 5, "Tensor.mul": 5, "Tensor.permute": 37, "Tensor.reshape": 7, "Tensor.sigmoid": 5, "Tensor.tanh": 1,
                "Tensor.transpose": 28, "Tensor.unsqueeze": 7, "Tensor.view": 14, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.avg_pool2d": 6, "nn.functional.batch_norm": 16, "nn.functional.conv2d": 59, "nn.functional.dropout": 15,
                "nn.functional.gelu": 18, "nn.functional.layer_norm": 15, "nn.functional.linear": 2,
                "nn.functional.scaled_dot_product_attention": 7, "nn.functional.silu": 5,
            },
        },
        "coatnet_1": {
            "title": "CoAtNet-1",
            "config": {"layout": "paper", "num_blocks": [2, 2, 6, 14, 2], "channels": [64, 96, 192, 384, 768]},
            "params": 42_225_776, "macs": 8_238_879_744, "calls_of": "timm 1.0.31; no official code was released",
            "official_calls": {
                "_assert": 25, "Tensor.__getitem__": 16, "Tensor.add": 40, "Tensor.chunk": 16, "Tensor.contiguous": 64, "Tensor.flatten": 1,
                "Tensor.mean": 8, "Tensor.mul": 8, "Tensor.permute": 82, "Tensor.reshape": 16, "Tensor.sigmoid": 8, "Tensor.tanh": 1,
                "Tensor.transpose": 64, "Tensor.unsqueeze": 16, "Tensor.view": 32, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.avg_pool2d": 6, "nn.functional.batch_norm": 25, "nn.functional.conv2d": 110, "nn.functional.dropout": 33,
                "nn.functional.gelu": 33, "nn.functional.layer_norm": 33, "nn.functional.linear": 2,
                "nn.functional.scaled_dot_product_attention": 16, "nn.functional.silu": 8,
            },
        },
        "coatnet_2": {
            "title": "CoAtNet-2",
            "config": {"layout": "paper", "num_blocks": [2, 2, 6, 14, 2], "channels": [128, 128, 256, 512, 1024]},
            "params": 74_684_744, "macs": 15_502_290_944, "calls_of": "timm 1.0.31; no official code was released",
            "official_calls": {
                "_assert": 25, "Tensor.__getitem__": 16, "Tensor.add": 40, "Tensor.chunk": 16, "Tensor.contiguous": 64, "Tensor.flatten": 1,
                "Tensor.mean": 8, "Tensor.mul": 8, "Tensor.permute": 82, "Tensor.reshape": 16, "Tensor.sigmoid": 8, "Tensor.tanh": 1,
                "Tensor.transpose": 64, "Tensor.unsqueeze": 16, "Tensor.view": 32, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.avg_pool2d": 6, "nn.functional.batch_norm": 25, "nn.functional.conv2d": 109, "nn.functional.dropout": 33,
                "nn.functional.gelu": 33, "nn.functional.layer_norm": 33, "nn.functional.linear": 2,
                "nn.functional.scaled_dot_product_attention": 16, "nn.functional.silu": 8,
            },
        },
        "coatnet_3": {
            "title": "CoAtNet-3",
            "config": {"layout": "paper", "num_blocks": [2, 2, 6, 14, 2], "channels": [192, 192, 384, 768, 1536]},
            "params": 166_966_264, "macs": 34_372_257_792, "calls_of": "timm 1.0.31; no official code was released",
            "official_calls": {
                "_assert": 25, "Tensor.__getitem__": 16, "Tensor.add": 40, "Tensor.chunk": 16, "Tensor.contiguous": 64, "Tensor.flatten": 1,
                "Tensor.mean": 8, "Tensor.mul": 8, "Tensor.permute": 82, "Tensor.reshape": 16, "Tensor.sigmoid": 8, "Tensor.tanh": 1,
                "Tensor.transpose": 64, "Tensor.unsqueeze": 16, "Tensor.view": 32, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.avg_pool2d": 6, "nn.functional.batch_norm": 25, "nn.functional.conv2d": 109, "nn.functional.dropout": 33,
                "nn.functional.gelu": 33, "nn.functional.layer_norm": 33, "nn.functional.linear": 2,
                "nn.functional.scaled_dot_product_attention": 16, "nn.functional.silu": 8,
            },
        },
        "coatnet_4": {
            "title": "CoAtNet-4",
            "config": {"layout": "paper", "num_blocks": [2, 2, 12, 28, 2], "channels": [192, 192, 384, 768, 1536]},
            "params": 275_425_288, "macs": 60_235_941_888, "calls_of": "timm 1.0.31; no official code was released",
            "official_calls": {
                "_assert": 43, "Tensor.__getitem__": 30, "Tensor.add": 74, "Tensor.chunk": 30, "Tensor.contiguous": 120, "Tensor.flatten": 1,
                "Tensor.mean": 14, "Tensor.mul": 14, "Tensor.permute": 152, "Tensor.reshape": 30, "Tensor.sigmoid": 14, "Tensor.tanh": 1,
                "Tensor.transpose": 120, "Tensor.unsqueeze": 30, "Tensor.view": 60, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.avg_pool2d": 6, "nn.functional.batch_norm": 43, "nn.functional.conv2d": 195, "nn.functional.dropout": 61,
                "nn.functional.gelu": 59, "nn.functional.layer_norm": 61, "nn.functional.linear": 2,
                "nn.functional.scaled_dot_product_attention": 30, "nn.functional.silu": 14,
            },
        },
    },
    # The paper's layout is compared with timm's, as its variants say.
    "calls_of": "chinhsuanwu/coatnet-pytorch, the repository of the survey's row",
    "call_differences": {"_assert": "timm checks the rank of batch norm's input; ours does not."},
    "checkpoint": "All names and shapes are those of the survey's repository (`_repo`) or of timm; neither publishes weights for these models.",
    "survey_row": {
        "listed": ["sigmoid", "chunk", "repeat", "gather"],
        "same_as": "TNT",
        "in_model": "coatnet_0_repo",
        "absent": {
            "@": "The repository calls torch.matmul; the infix operator does not occur.",
            "slice": "Tensors are sliced in the constructor only, for the relative position index.",
            "select": "Queries, keys and values come from chunk, whose parts are picked from a tuple.",
            "div": "Scores are multiplied by 1 / sqrt(head_dim).",
            "unfold": "The stem is made of convolutions; there are no patches to extract.",
        },
    },
    "tags": ["hybrid"],
}
# fmt: on

NUM_HEADS = 8
HEAD_DIM = 32
EXPANSION = 4


def build(
    *, layout: str, num_blocks: list[int], channels: list[int], image_size: int = 224, num_classes: int = 1000
) -> nn.Module:
    """A CoAtNet classifier `[N, 3, image_size, image_size] -> [N, num_classes]`; layout is `repository` or `paper`."""
    model = {"repository": CoAtNet, "paper": PaperCoAtNet}[layout]
    return model(num_blocks, channels, image_size, num_classes)


class PreNorm(nn.Module):
    """`fn(norm(x))`."""

    def __init__(self, norm: nn.Module, fn: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fn(self.norm(x))
        return out


class ToTokens(nn.Module):
    """`[N, C, H, W] -> [N, H * W, C]`."""

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        return x.permute(0, 2, 3, 1).reshape(n, height * width, channels)


class ToMap(nn.Module):
    """`[N, S * S, C] -> [N, C, S, S]`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        n, _, channels = x.shape
        return x.reshape(n, self.size, self.size, channels).permute(0, 3, 1, 2)


class ConvBlock(nn.Sequential):
    """The stem's 3x3 convolution, `[N, in, H, W] -> [N, out, H / stride, W / stride]`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.GELU(),
        )


class SqueezeExcitation(nn.Module):
    """Multiplies every channel of a map by a gate computed from the means of all, `[N, C, H, W] -> [N, C, H, W]`."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, squeezed, bias=False),
            nn.GELU(),
            nn.Linear(squeezed, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        n, channels, _, _ = x.size()
        gate: Tensor = self.fc(self.avg_pool(x).view(n, channels))
        return x * gate.view(n, channels, 1, 1)


class MBConv(nn.Module):
    """Inverted bottleneck with pre-norm, `[N, in, H, W] -> [N, out, H / stride, W / stride]`.

    `x + Conv(DWConv(Conv(Norm(x))))`; with stride 2, which is that of the first 1x1 convolution,
    the shortcut is `Proj(Pool(x))`.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        hidden = EXPANSION * in_channels
        self.downsamples = stride == 2
        if self.downsamples:
            self.pool = nn.MaxPool2d(3, stride=2, padding=1)
            self.proj = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        convolutions = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 1, stride=stride, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
            SqueezeExcitation(hidden, in_channels // 4),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.conv = PreNorm(nn.BatchNorm2d(in_channels), convolutions)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.proj(self.pool(x)) if self.downsamples else x
        out: Tensor = shortcut + self.conv(x)
        return out


class RelativeAttention(nn.Module):
    """`softmax(Q K^T / sqrt(head_dim) + B) V` over the S * S tokens of a map, `[N, S * S, in] -> [N, S * S, out]`.

    B holds, for each head, one learned number for each displacement between two positions.
    """

    relative_index: Tensor

    def __init__(self, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__()
        self.tokens = size * size
        self.scale = HEAD_DIM**-0.5
        self.relative_bias_table = nn.Parameter(torch.empty((2 * size - 1) ** 2, NUM_HEADS))
        nn.init.trunc_normal_(self.relative_bias_table, std=0.02)
        self.register_buffer("relative_index", relative_position_index(size).unsqueeze(1))
        self.attend = nn.Softmax(dim=-1)
        self.to_qkv = nn.Linear(in_channels, 3 * NUM_HEADS * HEAD_DIM, bias=False)
        self.to_out = nn.Sequential(nn.Linear(NUM_HEADS * HEAD_DIM, out_channels), nn.Dropout(0.0))

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, _ = x.shape
        q, k, v = self.to_qkv(x).chunk(3, dim=-1)
        q, k, v = self._split_heads(q), self._split_heads(k), self._split_heads(v)
        scores = torch.matmul(q, k.transpose(-1, -2)) * self.scale
        weights = self.attend(scores + self._bias())
        context = torch.matmul(weights, v).permute(0, 2, 1, 3).reshape(n, tokens, NUM_HEADS * HEAD_DIM)
        out: Tensor = self.to_out(context)
        return out

    def _split_heads(self, x: Tensor) -> Tensor:
        n, tokens, _ = x.shape
        return x.reshape(n, tokens, NUM_HEADS, HEAD_DIM).permute(0, 2, 1, 3)

    def _bias(self) -> Tensor:
        """`[1, heads, S * S, S * S]`."""
        bias = self.relative_bias_table.gather(0, self.relative_index.repeat(1, NUM_HEADS))
        bias = bias.reshape(self.tokens, self.tokens, NUM_HEADS).permute(2, 0, 1)
        return bias.reshape(1, NUM_HEADS, self.tokens, self.tokens)


class FeedForward(nn.Module):
    """Two linears around a gelu."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(channels, hidden), nn.GELU(), nn.Dropout(0.0), nn.Linear(hidden, channels), nn.Dropout(0.0)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class Transformer(nn.Module):
    """Attention, then feed-forward, on the tokens of a map that is S * S after the stride; `[N, in, …] -> [N, out, S, S]`.

    `x + Attention(Norm(x))`, then `x + FFN(Norm(x))`; with stride 2 the first is
    `Proj(Pool(x)) + Attention(Norm(Pool(x)))`, where the paper pools after the norm.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, size: int) -> None:
        super().__init__()
        self.downsamples = stride == 2
        if self.downsamples:
            self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
            self.pool2 = nn.MaxPool2d(3, stride=2, padding=1)
            self.proj = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        attention = RelativeAttention(in_channels, out_channels, size)
        feed_forward = FeedForward(out_channels, EXPANSION * in_channels)
        self.attn = nn.Sequential(ToTokens(), PreNorm(nn.LayerNorm(in_channels), attention), ToMap(size))
        self.ff = nn.Sequential(ToTokens(), PreNorm(nn.LayerNorm(out_channels), feed_forward), ToMap(size))

    def forward(self, x: Tensor) -> Tensor:
        shortcut, x = (self.proj(self.pool1(x)), self.pool2(x)) if self.downsamples else (x, x)
        x = shortcut + self.attn(x)
        out: Tensor = x + self.ff(x)
        return out


class CoAtNet(nn.Module):
    """Five stages at 1/2 to 1/32 of the image's size, global average pooling, linear head without bias."""

    def __init__(self, num_blocks: list[int], channels: list[int], image_size: int, num_classes: int) -> None:
        super().__init__()
        widths = list(pairwise([3, *channels]))
        self.s0 = _stage(ConvBlock, *widths[0], num_blocks[0])
        self.s1 = _stage(MBConv, *widths[1], num_blocks[1])
        self.s2 = _stage(MBConv, *widths[2], num_blocks[2])
        self.s3 = _stage(partial(Transformer, size=image_size // 16), *widths[3], num_blocks[3])
        self.s4 = _stage(partial(Transformer, size=image_size // 32), *widths[4], num_blocks[4])
        self.pool = nn.AvgPool2d(image_size // 32, stride=1)
        self.fc = nn.Linear(channels[-1], num_classes, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        x = self.s2(self.s1(self.s0(image)))
        x = self.s4(self.s3(x))
        out: Tensor = self.fc(self.pool(x).view(-1, x.shape[1]))
        return out


def _stage(block: Callable[[int, int, int], nn.Module], in_channels: int, out_channels: int, depth: int) -> nn.Module:
    """`depth` blocks, called with input width, output width and stride; the first halves the map."""
    first = block(in_channels, out_channels, 2)
    return nn.Sequential(first, *(block(out_channels, out_channels, 1) for _ in range(depth - 1)))
