"""EfficientNet, 2019.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
https://arxiv.org/abs/1905.11946. Laid out as in torchvision: symmetric padding where the authors'
TensorFlow code pads the right and bottom edge more, and batch norm with an epsilon of 1e-5 (theirs: 1e-3).

Operators: a CNN for whose blocks convolution, batch norm and relu are not enough. The activation
is silu (the paper's swish), and squeeze-and-excitation multiplies each channel by a sigmoid of its
global average. Convolutions come dense, depthwise (3x3 and 5x5, one filter per channel) and 1x1.
"""

import math

import torch
from torch import Tensor, nn

# fmt: off
FAMILY = {
    "system": "EfficientNet",
    "title": "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    "paper": "https://arxiv.org/abs/1905.11946",
    "date": "2019-05",
    "publication": "ICML 2019",
    "section": "1. Backbone/Classification",
    "method": "Supervised pretraining",
    "architecture": "CNN",
    "repository": "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet",
    "inputs": {"image": {"shape": [1, 3, 224, 224]}},
    "variants": {
        "efficientnet_b0": {
            "title": "EfficientNet-B0",
            "config": {"width_coefficient": 1.0, "depth_coefficient": 1.0, "dropout": 0.2},
            "params": 5_288_548,
            "macs": 385_814_752,
            "official_calls": {
                "Tensor.add_": 9, "Tensor.mul": 16, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 17,
                "nn.functional.batch_norm": 49, "nn.functional.conv2d": 81, "nn.functional.dropout": 1,
                "nn.functional.linear": 1, "nn.functional.silu": 49, "sigmoid": 16,
            },
            "table1": {"group": "CNN", "params_m": "5.3", "flops_g": "0.39", "throughput": "2694", "top1": "77.1"},
        },
        "efficientnet_b1": {
            "title": "EfficientNet-B1",
            "config": {"width_coefficient": 1.0, "depth_coefficient": 1.1, "dropout": 0.2},
            "inputs": {"image": {"shape": [1, 3, 240, 240]}},
            "params": 7_794_184,
            "macs": 686_802_832,
            "official_calls": {
                "Tensor.add_": 16, "Tensor.mul": 23, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 24,
                "nn.functional.batch_norm": 69, "nn.functional.conv2d": 115, "nn.functional.dropout": 1,
                "nn.functional.linear": 1, "nn.functional.silu": 69, "sigmoid": 23,
            },
            "table1": {
                "group": "CNN", "params_m": "7.8", "flops_g": "0.70", "throughput": "1662", "top1": "79.1",
                "flops_note": "The paper's figure at 240x240; convolutions and linear there are 0.687 (0.570 at 224x224).",
            },
        },
        "efficientnet_b2": {
            "title": "EfficientNet-B2",
            "config": {"width_coefficient": 1.1, "depth_coefficient": 1.2, "dropout": 0.3},
            "inputs": {"image": {"shape": [1, 3, 260, 260]}},
            "params": 9_109_994,
            "macs": 993_561_872,
            "official_calls": {
                "Tensor.add_": 16, "Tensor.mul": 23, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 24,
                "nn.functional.batch_norm": 69, "nn.functional.conv2d": 115, "nn.functional.dropout": 1,
                "nn.functional.linear": 1, "nn.functional.silu": 69, "sigmoid": 23,
            },
            "table1": {
                "group": "CNN", "params_m": "9.2", "flops_g": "1.0", "throughput": "1255", "top1": "80.1",
                "params_note": "The paper's figure; the 9,109,994 parameters round to 9.1, with batch norm's running statistics to 9.2.",
            },
        },
        "efficientnet_b3": {
            "title": "EfficientNet-B3",
            "config": {"width_coefficient": 1.2, "depth_coefficient": 1.4, "dropout": 0.3},
            "inputs": {"image": {"shape": [1, 3, 300, 300]}},
            "params": 12_233_232,
            "macs": 1_827_141_392,
            "official_calls": {
                "Tensor.add_": 19, "Tensor.mul": 26, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 27,
                "nn.functional.batch_norm": 78, "nn.functional.conv2d": 130, "nn.functional.dropout": 1,
                "nn.functional.linear": 1, "nn.functional.silu": 78, "sigmoid": 26,
            },
            "table1": {"group": "CNN", "params_m": "12", "flops_g": "1.8", "throughput": "732", "top1": "81.6"},
        },
        "efficientnet_b4": {
            "title": "EfficientNet-B4",
            "config": {"width_coefficient": 1.4, "depth_coefficient": 1.8, "dropout": 0.4},
            "inputs": {"image": {"shape": [1, 3, 380, 380]}},
            "params": 19_341_616,
            "macs": 4_393_771_024,
            "official_calls": {
                "Tensor.add_": 25, "Tensor.mul": 32, "flatten": 1, "nn.functional.adaptive_avg_pool2d": 33,
                "nn.functional.batch_norm": 96, "nn.functional.conv2d": 160, "nn.functional.dropout": 1,
                "nn.functional.linear": 1, "nn.functional.silu": 96, "sigmoid": 32,
            },
            "table1": {
                "group": "CNN", "params_m": "19", "flops_g": "4.2", "throughput": "349", "top1": "82.9",
                "flops_note": "The paper's figure at 380x380; convolutions and linear there are 4.39, with either padding.",
            },
        },
    },
    "calls_of": "torchvision 0.28.0, whose efficientnet is the reference in PyTorch",
    "checkpoint": "torchvision's efficientnet_b0 to efficientnet_b4: every name and shape.",
    "tags": ["cnn"],
}
# fmt: on

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
# The stages of B0, Table 1 of the paper: kernel, stride, expansion, output channels, repeats.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def build(*, width_coefficient: float, depth_coefficient: float, dropout: float, num_classes: int = 1000) -> nn.Module:
    """An EfficientNet classifier `[N, 3, H, W] -> [N, num_classes]`: B0 with more channels and repeats."""
    return EfficientNet(width_coefficient, depth_coefficient, dropout, num_classes)


def round_channels(channels: float) -> int:
    """The nearest multiple of 8; the next higher one where that would lose more than a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def conv_norm(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, which keeps the size at stride 1, and batch norm."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


def conv_norm_silu(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm and silu."""
    return conv_norm(in_channels, out_channels, kernel, stride, groups).append(nn.SiLU(inplace=True))


class SqueezeExcitation(nn.Module):
    """`x * sigmoid(fc2(silu(fc1(mean of x over H and W))))`, `[N, C, H, W] -> [N, C, H, W]`."""

    def __init__(self, channels: int, squeezed_channels: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed_channels, kernel_size=1)
        self.activation = nn.SiLU(inplace=True)
        self.fc2 = nn.Conv2d(squeezed_channels, channels, kernel_size=1)
        self.scale_activation = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(self.avgpool(x)))
        scale: Tensor = self.scale_activation(self.fc2(squeezed))
        return scale * x


class MBConv(nn.Module):
    """Mobile inverted bottleneck, `[N, C, H, W] -> [N, C', H / stride, W / stride]`.

    A 1x1 convolution expands the channels (left out at expansion 1), a depthwise one filters each,
    squeeze-and-excitation weighs them and a 1x1 projects them, without activation. The input is
    added where its shape is that of the output.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.has_shortcut = stride == 1 and in_channels == out_channels
        channels = expansion * in_channels
        self.block = nn.Sequential()
        if expansion > 1:
            self.block.append(conv_norm_silu(in_channels, channels, kernel=1))
        self.block.append(conv_norm_silu(channels, channels, kernel, stride, groups=channels))
        self.block.append(SqueezeExcitation(channels, max(1, in_channels // 4)))
        self.block.append(conv_norm(channels, out_channels, kernel=1))
        self.stochastic_depth = nn.Identity()  # drops the whole block, in training only

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        if self.has_shortcut:
            out = self.stochastic_depth(out)
            out += x
        return out


class EfficientNet(nn.Module):
    """Stem, seven stages of MBConv, 1x1 convolution, global average pooling, linear head."""

    def __init__(self, width_coefficient: float, depth_coefficient: float, dropout: float, num_classes: int) -> None:
        super().__init__()
        channels = round_channels(width_coefficient * STEM_CHANNELS)
        self.features = nn.Sequential(conv_norm_silu(3, channels, kernel=3, stride=2))
        for kernel, stride, expansion, base_channels, base_repeats in STAGES:
            out_channels = round_channels(width_coefficient * base_channels)
            stage = nn.Sequential(MBConv(channels, out_channels, kernel, stride, expansion))
            for _ in range(math.ceil(depth_coefficient * base_repeats) - 1):
                stage.append(MBConv(out_channels, out_channels, kernel, 1, expansion))
            self.features.append(stage)
            channels = out_channels
        head_channels = round_channels(width_coefficient * HEAD_CHANNELS)
        self.features.append(conv_norm_silu(channels, head_channels, kernel=1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(head_channels, num_classes))

    def forward(self, image: Tensor) -> Tensor:
        x = self.avgpool(self.features(image))
        out: Tensor = self.classifier(torch.flatten(x, 1))
        return out
