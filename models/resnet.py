"""ResNet, 2015.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
https://arxiv.org/abs/1512.03385. Laid out as in torchvision, "v1.5": the 3x3 convolution of a
bottleneck carries the stride, which the paper and the authors' Caffe release put on the first 1x1.

Operators: none that a CNN backend lacks; the baseline against which the survey calls an operator
special. Convolution, batch norm and relu, one max pooling behind the stem, one global average
pooling before the linear head. The shortcut is added in place.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "ResNet",
    "title": "Deep Residual Learning for Image Recognition",
    "paper": "https://arxiv.org/abs/1512.03385",
    "date": "2015-12",
    "publication": "CVPR 2016",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "CNN",
    "repository": "https://github.com/KaimingHe/deep-residual-networks",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "resnet50": {
            "title": "ResNet-50",
            "config": {"depths": [3, 4, 6, 3]},
            "params": 25_557_032,
            "macs": 4_089_184_256,
            "official_calls": {
                "Tensor.add_": 16, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.batch_norm": 53, "nn.functional.conv2d": 53, "nn.functional.linear": 1,
                "nn.functional.max_pool2d": 1, "nn.functional.relu": 49,
            },
            "table1": {
                "group": "CNN", "params_m": "25.6", "flops_g": "4.1", "throughput": "1226", "top1": "79.1",
                "top1_note": "Trained anew with the recipe of T2T-ViT; the original recipe gives 76.2.",
            },
        },
        "resnet101": {
            "title": "ResNet-101",
            "config": {"depths": [3, 4, 23, 3]},
            "params": 44_549_160,
            "macs": 7_801_405_440,
            "official_calls": {
                "Tensor.add_": 33, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.batch_norm": 104, "nn.functional.conv2d": 104, "nn.functional.linear": 1,
                "nn.functional.max_pool2d": 1, "nn.functional.relu": 100,
            },
            "table1": {
                "group": "CNN", "params_m": "44.7", "flops_g": "7.9", "throughput": "753", "top1": "79.9",
                "params_note": "The 44,549,160 parameters round to 44.5; with the running statistics of batch norm they are 44.65.",
                "flops_note": "Counts batch norm, relu and pooling too; convolutions and linear alone are 7.80.",
                "top1_note": "Trained anew with the recipe of T2T-ViT; the original recipe gives 77.4.",
            },
        },
        "resnet152": {
            "title": "ResNet-152",
            "config": {"depths": [3, 8, 36, 3]},
            "params": 60_192_808,
            "macs": 11_513_626_624,
            "official_calls": {
                "Tensor.add_": 50, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 1,
                "nn.functional.batch_norm": 155, "nn.functional.conv2d": 155, "nn.functional.linear": 1,
                "nn.functional.max_pool2d": 1, "nn.functional.relu": 151,
            },
            "table1": {
                "group": "CNN", "params_m": "60.2", "flops_g": "11.5", "throughput": "526", "top1": "80.8",
                "top1_note": "Trained anew with the recipe of T2T-ViT; the original recipe gives 78.3.",
            },
        },
    },
    "calls_of": "torchvision 0.28.0, whose resnet is the reference in PyTorch",
    "checkpoint": "torchvision's resnet50, resnet101 and resnet152: every name and shape.",
    "tags": ["cnn"],
}
# fmt: on

STEM_CHANNELS = 64
STAGE_WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


def build(*, depths: Sequence[int], num_classes: int = 1000) -> nn.Module:
    """A ResNet classifier `[N, 3, H, W] -> [N, num_classes]`; `depths` are the bottlenecks per stage."""
    return ResNet(depths, num_classes)


class Bottleneck(nn.Module):
    """`relu(F(x) + shortcut(x))`, `[N, C, H, W] -> [N, 4 * width, H / stride, W / stride]`.

    F reduces to `width` channels, convolves 3x3 and expands four times. The shortcut is the
    identity; where the shape changes, a 1x1 convolution and batch norm (`downsample`).
    """

    def __init__(self, in_channels: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, EXPANSION * width, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(EXPANSION * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        residual += shortcut
        out: Tensor = self.relu(residual)
        return out


def stage(in_channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` bottlenecks; the first one changes resolution and channels."""
    out_channels = EXPANSION * width
    downsample = nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )
    first = Bottleneck(in_channels, width, stride, downsample)
    return nn.Sequential(first, *(Bottleneck(out_channels, width, 1, None) for _ in range(depth - 1)))


class ResNet(nn.Module):
    """Stem at a quarter of the resolution, four stages, global average pooling, linear head."""

    def __init__(self, depths: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        in_channels = [STEM_CHANNELS, *(EXPANSION * width for width in STAGE_WIDTHS)]
        self.layer1 = stage(in_channels[0], STAGE_WIDTHS[0], depths[0], stride=1)
        self.layer2 = stage(in_channels[1], STAGE_WIDTHS[1], depths[1], stride=2)
        self.layer3 = stage(in_channels[2], STAGE_WIDTHS[2], depths[2], stride=2)
        self.layer4 = stage(in_channels[3], STAGE_WIDTHS[3], depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(in_channels[4], num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        out: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return out
