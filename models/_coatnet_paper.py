"""CoAtNet in the layout of its paper (https://arxiv.org/abs/2106.04803, section 2 and appendix A).

The authors released no code. These modules follow timm's CoAtNet models (`coatnet_0_224` and so
on in huggingface/pytorch-image-models), except that the stride of MBConv is where the paper has
it, in the first 1x1 convolution; timm strides the depthwise one. Parameters then agree with the
paper's to 1 percent; multiply-accumulates are 1 to 2 percent fewer than its FLOPs.

Where timm departs from the paper, so do these: average pooling instead of max pooling, a silu
instead of gelu in squeeze-and-excitation, a linear with tanh before the classifier.

Operators: everything stays a map. Queries, keys, values and the feed-forward layers are 1x1
convolutions; layer norm over channels needs a permute before and after it; attention is one fused
operator, which gets the relative position bias as its mask. The bias is indexed, not gathered.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_DIM = 32
EXPANSION = 4


def relative_position_index(size: int) -> Tensor:
    """For each ordered pair of positions on a `[size, size]` map, the row of their displacement in a bias table.

    Displacements run from `1 - size` to `size - 1` both ways; a table lists them row by row.
    Returns `[size ** 4]`.
    """
    steps = torch.arange(size)
    displacement = steps[:, None] - steps[None, :] + (size - 1)
    row = displacement * (2 * size - 1)  # of the table: what a displacement by rows adds
    return (row[:, None, :, None] + displacement[None, :, None, :]).flatten()


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of a map, `[N, C, H, W] -> [N, C, H, W]`."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Downsample(nn.Module):
    """Halves a map; a 1x1 convolution follows where the width changes, `[N, in, H, W] -> [N, out, H / 2, W / 2]`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.widens = in_channels != out_channels
        if self.widens:
            self.expand = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(x)
        return self.expand(x) if self.widens else x


class Stem(nn.Module):
    """Two 3x3 convolutions, the first with stride 2, `[N, 3, H, W] -> [N, C, H / 2, W / 2]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.act1 = nn.GELU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.act1(self.norm1(self.conv1(image))))
        return out


class SqueezeExcitation(nn.Module):
    """Multiplies every channel of a map by a gate computed from the means of all, `[N, C, H, W] -> [N, C, H, W]`."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.act = nn.SiLU(inplace=True)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        gate: Tensor = self.fc2(self.act(self.fc1(mean)))
        return x * gate.sigmoid()


class MBConv(nn.Module):
    """Inverted bottleneck with pre-norm, `[N, in, H, W] -> [N, out, H / stride, W / stride]`.

    `x + Conv(DWConv(Conv(Norm(x))))`; with stride 2, which is that of the first 1x1 convolution,
    the shortcut is `Proj(Pool(x))`.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        hidden = EXPANSION * out_channels
        self.downsamples = stride == 2
        if self.downsamples:
            self.shortcut = Downsample(in_channels, out_channels)
        self.pre_norm = nn.BatchNorm2d(in_channels)
        self.conv1_1x1 = nn.Conv2d(in_channels, hidden, 1, stride=stride, bias=False)
        self.norm1 = nn.BatchNorm2d(hidden)
        self.conv2_kxk = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        self.norm2 = nn.BatchNorm2d(hidden)
        self.act = nn.GELU()
        self.se = SqueezeExcitation(hidden, out_channels // 4)
        self.conv3_1x1 = nn.Conv2d(hidden, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x) if self.downsamples else x
        x = self.conv1_1x1(self.pre_norm(x))
        x = self.conv2_kxk(self.act(self.norm1(x)))
        x = self.conv3_1x1(self.se(self.act(self.norm2(x))))
        return x + shortcut


class RelativePositionBias(nn.Module):
    """For each head, a learned number for each displacement between two positions: `[1, heads, S * S, S * S]`."""

    relative_position_index: Tensor

    def __init__(self, size: int, num_heads: int) -> None:
        super().__init__()
        self.shape = (size**2, size**2, num_heads)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * size - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(size), persistent=False)

    def forward(self) -> Tensor:
        bias = self.relative_position_bias_table[self.relative_position_index].view(self.shape)
        return bias.permute(2, 0, 1).unsqueeze(0).contiguous()


class RelativeAttention(nn.Module):
    """`softmax(Q K^T / sqrt(head_dim) + B) V` over the positions of a map, `[N, in, S, S] -> [N, out, S, S]`."""

    def __init__(self, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__()
        self.num_heads = out_channels // HEAD_DIM
        self.qkv = nn.Conv2d(in_channels, 3 * out_channels, 1)
        self.rel_pos = RelativePositionBias(size, self.num_heads)
        self.proj = nn.Conv2d(out_channels, out_channels, 1)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        # Channels first: [N, heads, 3 * head_dim, H * W].
        q, k, v = self.qkv(x).view(n, self.num_heads, 3 * HEAD_DIM, -1).chunk(3, dim=2)
        context = F.scaled_dot_product_attention(
            q.transpose(-1, -2).contiguous(),
            k.transpose(-1, -2).contiguous(),
            v.transpose(-1, -2).contiguous(),
            attn_mask=self.rel_pos(),
        )
        out: Tensor = self.proj_drop(self.proj(context.transpose(-1, -2).reshape(n, -1, height, width)))
        return out


class FeedForward(nn.Module):
    """Two 1x1 convolutions around a gelu."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, EXPANSION * channels, 1)
        self.act = nn.GELU()
        self.drop = nn.Dropout(0.0)
        self.fc2 = nn.Conv2d(EXPANSION * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.drop(self.act(self.fc1(x))))
        return out


class Transformer(nn.Module):
    """Attention, then feed-forward, on a map that is S * S after the stride; `[N, in, …] -> [N, out, S, S]`.

    `x + Attention(Norm(x))`, then `x + FFN(Norm(x))`; with stride 2 the first is
    `Proj(Pool(x)) + Attention(Pool(Norm(x)))`.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, size: int) -> None:
        super().__init__()
        self.downsamples = stride == 2
        self.norm1: nn.Module = LayerNorm2d(in_channels)
        if self.downsamples:
            self.shortcut = Downsample(in_channels, out_channels)
            self.norm1 = nn.Sequential(
                OrderedDict(norm=LayerNorm2d(in_channels), down=Downsample(in_channels, in_channels))
            )
        self.attn = RelativeAttention(in_channels, out_channels, size)
        self.norm2 = LayerNorm2d(out_channels)
        self.mlp = FeedForward(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x) if self.downsamples else x
        x = shortcut + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Head(nn.Module):
    """Global average pooling, norm, a linear with tanh, and the classifier, `[N, C, H, W] -> [N, num_classes]`."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.norm = LayerNorm2d(channels)
        self.flatten = nn.Flatten(1)
        self.pre_logits = nn.Sequential(OrderedDict(fc=nn.Linear(channels, channels)))
        self.drop = nn.Dropout(0.0)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.pre_logits(self.flatten(self.norm(self.global_pool(x))))
        out: Tensor = self.fc(self.drop(hidden.tanh()))
        return out


class PaperCoAtNet(nn.Module):
    """The stem and four stages at 1/2 to 1/32 of the image's size, then the head."""

    def __init__(self, num_blocks: list[int], channels: list[int], image_size: int, num_classes: int) -> None:
        super().__init__()
        attention_14 = partial(Transformer, size=image_size // 16)
        attention_7 = partial(Transformer, size=image_size // 32)
        blocks: list[Callable[[int, int, int], nn.Module]] = [MBConv, MBConv, attention_14, attention_7]
        self.stem = Stem(channels[0])
        self.stages = nn.Sequential(
            *(Stage(*stage) for stage in zip(blocks, channels, channels[1:], num_blocks[1:], strict=False))
        )
        self.head = Head(channels[-1], num_classes)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.head(self.stages(self.stem(image)))
        return out


class Stage(nn.Module):
    """`depth` blocks, the first of which halves the map, `[N, in, H, W] -> [N, out, H / 2, W / 2]`.

    A block is called with input width, output width and stride.
    """

    def __init__(
        self, block: Callable[[int, int, int], nn.Module], in_channels: int, out_channels: int, depth: int
    ) -> None:
        super().__init__()
        first = block(in_channels, out_channels, 2)
        self.blocks = nn.Sequential(first, *(block(out_channels, out_channels, 1) for _ in range(depth - 1)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out
