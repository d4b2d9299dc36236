"""ResNet as both DETR and Deformable DETR use it: frozen batch norm, maps of inner stages, padding masks.

The residual network is that of He et al., "Deep Residual Learning for Image Recognition", 2015,
https://arxiv.org/abs/1512.03385, with the stride on the 3x3 convolution. Names follow torchvision's
checkpoints, which the detectors start from; as there, the stem and the first stage are not trained.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGE_CHANNELS = (256, 512, 1024, 2048)


class FrozenBatchNorm2d(nn.Module):
    """Batch norm with fixed statistics and weights, `[N, C, H, W] -> [N, C, H, W]`.

    `scale = weight / sqrt(running_var + eps)`, then `x * scale + (bias - running_mean * scale)`. All
    four are buffers and the arithmetic is written out, so no backend sees a batch norm to fold.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.reshape(1, -1, 1, 1)
        bias = self.bias.reshape(1, -1, 1, 1)
        variance = self.running_var.reshape(1, -1, 1, 1)
        mean = self.running_mean.reshape(1, -1, 1, 1)
        scale = weight * (variance + self.eps).rsqrt()
        shift = bias - mean * scale
        return x * scale + shift


class Bottleneck(nn.Module):
    """1x1 down to `width`, 3x3, 1x1 up to four times `width`, added to the shortcut before the last ReLU."""

    def __init__(self, channels: int, width: int, stride: int, dilation: int, *, first: bool) -> None:
        super().__init__()
        out_channels = 4 * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = FrozenBatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = FrozenBatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = FrozenBatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if first:  # of its stage: the shortcut changes width, and resolution where the stage does
            projection = nn.Conv2d(channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, FrozenBatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)
        return result


def _stage(channels: int, width: int, depth: int, stride: int, dilation: int) -> nn.Sequential:
    """Blocks of one resolution. As in torchvision, dilation starts at the second block."""
    first = Bottleneck(channels, width, stride, 1, first=True)
    others = (Bottleneck(4 * width, width, 1, dilation, first=False) for _ in range(depth - 1))
    return nn.Sequential(first, *others)


class ResNetBody(nn.Module):
    """`[N, 3, H, W]` -> maps of the four stages, `[N, 256, H/4, W/4]` to `[N, 2048, H/32, W/32]`.

    With `dilate_c5` the last stage keeps its input's resolution and is dilated by 2 instead.
    """

    def __init__(self, depths: Sequence[int], *, dilate_c5: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenBatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(64, 64, depths[0], stride=1, dilation=1)
        self.layer2 = _stage(256, 128, depths[1], stride=2, dilation=1)
        self.layer3 = _stage(512, 256, depths[2], stride=2, dilation=1)
        self.layer4 = _stage(1024, 512, depths[3], stride=1 if dilate_c5 else 2, dilation=2 if dilate_c5 else 1)
        self.conv1.requires_grad_(False)
        self.layer1.requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        stem = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        c2 = self.layer1(stem)
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return c2, c3, c4, self.layer4(c4)


def resize_mask(mask: Tensor, feature: Tensor) -> Tensor:
    """The image's padding mask `[N, H, W]` at a feature map's resolution (nearest neighbour)."""
    return F.interpolate(mask[None].float(), size=feature.shape[-2:]).to(torch.bool)[0]


class Backbone(nn.Module):
    """Feature maps of the last `levels` stages and their padding masks, finest first."""

    def __init__(self, depths: Sequence[int], levels: int, *, dilate_c5: bool) -> None:
        super().__init__()
        self.levels = levels
        self.body = ResNetBody(depths, dilate_c5=dilate_c5)

    def forward(self, image: Tensor, mask: Tensor) -> list[tuple[Tensor, Tensor]]:
        features = self.body(image)[-self.levels :]
        return [(feature, resize_mask(mask, feature)) for feature in features]
