"""Deformable DETR, 2020.

Zhu, Su, Lu, Li, Wang, Dai, "Deformable DETR: Deformable Transformers for End-to-End Object
Detection", ICLR 2021, https://arxiv.org/abs/2010.04159. Laid out as fundamentalvision/Deformable-DETR.

Operators: attention without a matrix product of queries and keys. Each query predicts a few points
per feature level and their weights (two linears, softmax); the values there are read by bilinear
sampling (F.grid_sample, once per level and attention), weighted and summed. Around that: softmax
over points, split, stack and transposes between levels, heads and points; coordinates through
sigmoid and its inverse (clamp, div, log); group norm after the input projections; in the two-stage
form topk and gather. Padding is part of the model: the mask is an input, zeroes the values
(masked_fill) and gives the share of each level that is image. Only the decoder's self-attention is
nn.MultiheadAttention.

The official model runs sampling and sum as one CUDA operator; this is its form in plain torch, which
needs no table of level offsets (prod and cumsum over level sizes). Level sizes are fixed by
`image_size`, so the cell centres that the official code computes in each forward (linspace, meshgrid)
are a buffer, and so are the feature numbers of the positions (arange).

The published 173, 78 and 128 GFLOPs are averages over the first 100 images of COCO val2017; the counts
here are for one image of 800 x 1066, and grid_sample counts 0.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._deformable_layers import Decoder, Dimensions, Encoder, Size, inverse_sigmoid, move
from ._deformable_transformer import OneStageTransformer, Transformer, TwoStageTransformer, Wavelengths, waves
from ._detection_backbone import STAGE_CHANNELS, Backbone, resize_mask

# fmt: off
FAMILY = {
    "system": "Deformable DETR",
    "title": "Deformable DETR: Deformable Transformers for End-to-End Object Detection",
    "paper": "https://arxiv.org/abs/2010.04159",
    "date": "2020-10",
    "publication": "ICLR 2021",
    "section": "2.1 Object detection",
    "method": "Set prediction",
    "architecture": "conv + transformer",
    "repository": "https://github.com/fundamentalvision/Deformable-DETR",
    "inputs": {"image": {"shape": [1, 3, 800, 1066]}, "mask": {"shape": [1, 800, 1066], "dtype": "bool"}},
    "variants": {
        "deformable_detr_r50": {
            "title": "Deformable DETR-R50",
            "config": {"image_size": (800, 1066), "num_levels": 4, "dilate_c5": False, "refine_boxes": False, "two_stage": False},
            "params": 40_069_665,
            "macs": 163_960_056_832,
            "official_calls": {
                "Tensor.__bool__": 12, "Tensor.__eq__": 12, "Tensor.__floordiv__": 4, "Tensor.__getitem__": 240,
                "Tensor.__invert__": 12, "Tensor.__rpow__": 4, "Tensor.__rsub__": 6, "Tensor.__setitem__": 6,
                "Tensor.add": 178, "Tensor.add_": 22, "Tensor.clamp": 18, "Tensor.contiguous": 12, "Tensor.cos": 8,
                "Tensor.cumsum": 9, "Tensor.div": 54, "Tensor.expand": 2, "Tensor.flatten": 128, "Tensor.float": 12,
                "Tensor.masked_fill": 12, "Tensor.mul": 270, "Tensor.new_zeros": 1, "Tensor.permute": 4, "Tensor.prod": 1,
                "Tensor.reshape": 280, "Tensor.rsqrt": 53, "Tensor.sigmoid": 7, "Tensor.sin": 8, "Tensor.split": 12,
                "Tensor.sub": 81, "Tensor.sum": 24, "Tensor.to": 8, "Tensor.transpose": 152, "Tensor.unbind": 125,
                "Tensor.unsqueeze": 2, "Tensor.view": 64, "arange": 4, "as_tensor": 1, "cat": 9, "linspace": 8, "log": 6,
                "meshgrid": 4, "nn.functional.conv2d": 57, "nn.functional.dropout": 42, "nn.functional.grid_sample": 48,
                "nn.functional.group_norm": 4, "nn.functional.interpolate": 4, "nn.functional.layer_norm": 30,
                "nn.functional.linear": 97, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 6, "nn.functional.relu": 73, "nn.functional.softmax": 12,
                "split": 1, "stack": 45, "sum": 8,
            },
        },
        "deformable_detr_r50_single_scale": {
            "title": "Deformable DETR-R50, single scale",
            "config": {"image_size": (800, 1066), "num_levels": 1, "dilate_c5": False, "refine_boxes": False, "two_stage": False},
            "params": 34_066_593,
            "macs": 76_358_118_400,
            "official_calls": {
                "Tensor.__bool__": 12, "Tensor.__eq__": 12, "Tensor.__floordiv__": 1, "Tensor.__getitem__": 153,
                "Tensor.__invert__": 3, "Tensor.__rpow__": 1, "Tensor.__rsub__": 6, "Tensor.__setitem__": 6,
                "Tensor.add": 169, "Tensor.add_": 22, "Tensor.clamp": 18, "Tensor.contiguous": 12, "Tensor.cos": 2,
                "Tensor.cumsum": 3, "Tensor.div": 27, "Tensor.expand": 2, "Tensor.flatten": 41, "Tensor.float": 3,
                "Tensor.masked_fill": 12, "Tensor.mul": 219, "Tensor.new_zeros": 1, "Tensor.permute": 1, "Tensor.prod": 1,
                "Tensor.reshape": 238, "Tensor.rsqrt": 53, "Tensor.sigmoid": 7, "Tensor.sin": 2, "Tensor.split": 12,
                "Tensor.sub": 69, "Tensor.sum": 24, "Tensor.to": 2, "Tensor.transpose": 74, "Tensor.unbind": 50,
                "Tensor.unsqueeze": 2, "Tensor.view": 61, "arange": 1, "as_tensor": 1, "cat": 6, "linspace": 2, "log": 6,
                "meshgrid": 1, "nn.functional.conv2d": 54, "nn.functional.dropout": 42, "nn.functional.grid_sample": 12,
                "nn.functional.group_norm": 1, "nn.functional.interpolate": 1, "nn.functional.layer_norm": 30,
                "nn.functional.linear": 97, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 6, "nn.functional.relu": 73, "nn.functional.softmax": 12,
                "split": 1, "stack": 33, "sum": 2,
            },
        },
        "deformable_detr_r50_single_scale_dc5": {
            "title": "Deformable DETR-DC5-R50, single scale",
            "config": {"image_size": (800, 1066), "num_levels": 1, "dilate_c5": True, "refine_boxes": False, "two_stage": False},
            "params": 34_066_593,
            "macs": 124_895_718_400,
            "official_calls": {
                "Tensor.__bool__": 12, "Tensor.__eq__": 12, "Tensor.__floordiv__": 1, "Tensor.__getitem__": 153,
                "Tensor.__invert__": 3, "Tensor.__rpow__": 1, "Tensor.__rsub__": 6, "Tensor.__setitem__": 6,
                "Tensor.add": 169, "Tensor.add_": 22, "Tensor.clamp": 18, "Tensor.contiguous": 12, "Tensor.cos": 2,
                "Tensor.cumsum": 3, "Tensor.div": 27, "Tensor.expand": 2, "Tensor.flatten": 41, "Tensor.float": 3,
                "Tensor.masked_fill": 12, "Tensor.mul": 219, "Tensor.new_zeros": 1, "Tensor.permute": 1, "Tensor.prod": 1,
                "Tensor.reshape": 238, "Tensor.rsqrt": 53, "Tensor.sigmoid": 7, "Tensor.sin": 2, "Tensor.split": 12,
                "Tensor.sub": 69, "Tensor.sum": 24, "Tensor.to": 2, "Tensor.transpose": 74, "Tensor.unbind": 50,
                "Tensor.unsqueeze": 2, "Tensor.view": 61, "arange": 1, "as_tensor": 1, "cat": 6, "linspace": 2, "log": 6,
                "meshgrid": 1, "nn.functional.conv2d": 54, "nn.functional.dropout": 42, "nn.functional.grid_sample": 12,
                "nn.functional.group_norm": 1, "nn.functional.interpolate": 1, "nn.functional.layer_norm": 30,
                "nn.functional.linear": 97, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 6, "nn.functional.relu": 73, "nn.functional.softmax": 12,
                "split": 1, "stack": 33, "sum": 2,
            },
        },
        "deformable_detr_r50_refine": {
            "title": "Deformable DETR-R50, iterative box refinement",
            "config": {"image_size": (800, 1066), "num_levels": 4, "dilate_c5": False, "refine_boxes": True, "two_stage": False},
            "params": 40_849_660,
            "macs": 164_197_829_632,
            "official_calls": {
                "Tensor.__bool__": 12, "Tensor.__eq__": 12, "Tensor.__floordiv__": 4, "Tensor.__getitem__": 226,
                "Tensor.__invert__": 12, "Tensor.__rpow__": 4, "Tensor.__rsub__": 12, "Tensor.__setitem__": 2,
                "Tensor.add": 184, "Tensor.add_": 22, "Tensor.clamp": 36, "Tensor.contiguous": 12, "Tensor.cos": 8,
                "Tensor.cumsum": 9, "Tensor.detach": 6, "Tensor.div": 60, "Tensor.expand": 2, "Tensor.flatten": 128,
                "Tensor.float": 12, "Tensor.masked_fill": 12, "Tensor.mul": 280, "Tensor.new_zeros": 1,
                "Tensor.permute": 4, "Tensor.prod": 1, "Tensor.reshape": 280, "Tensor.rsqrt": 53, "Tensor.sigmoid": 13,
                "Tensor.sin": 8, "Tensor.split": 12, "Tensor.sub": 81, "Tensor.sum": 24, "Tensor.to": 8,
                "Tensor.transpose": 152, "Tensor.unbind": 125, "Tensor.unsqueeze": 2, "Tensor.view": 64, "arange": 4,
                "as_tensor": 1, "cat": 14, "linspace": 8, "log": 12, "meshgrid": 4, "nn.functional.conv2d": 57,
                "nn.functional.dropout": 42, "nn.functional.grid_sample": 48, "nn.functional.group_norm": 4,
                "nn.functional.interpolate": 4, "nn.functional.layer_norm": 30, "nn.functional.linear": 115,
                "nn.functional.max_pool2d": 1, "nn.functional.multi_head_attention_forward": 6, "nn.functional.relu": 85,
                "nn.functional.softmax": 12, "split": 1, "stack": 40, "sum": 8,
            },
        },
        "deformable_detr_r50_two_stage": {
            "title": "Deformable DETR-R50, two-stage",
            "config": {"image_size": (800, 1066), "num_levels": 4, "dilate_c5": False, "refine_boxes": True, "two_stage": True},
            "params": 41_181_529,
            "macs": 168_213_477_120,
            "official_calls": {
                "Tensor.__and__": 1, "Tensor.__bool__": 12, "Tensor.__eq__": 12, "Tensor.__floordiv__": 5,
                "Tensor.__getitem__": 238, "Tensor.__invert__": 22, "Tensor.__rpow__": 5, "Tensor.__rsub__": 13,
                "Tensor.add": 194, "Tensor.add_": 25, "Tensor.all": 1, "Tensor.clamp": 36, "Tensor.contiguous": 12,
                "Tensor.cos": 9, "Tensor.cumsum": 9, "Tensor.detach": 7, "Tensor.div": 67, "Tensor.expand": 4,
                "Tensor.flatten": 129, "Tensor.float": 12, "Tensor.gt": 1, "Tensor.lt": 1, "Tensor.masked_fill": 16,
                "Tensor.mul": 300, "Tensor.new_zeros": 1, "Tensor.permute": 4, "Tensor.prod": 1, "Tensor.repeat": 1,
                "Tensor.reshape": 280, "Tensor.rsqrt": 53, "Tensor.sigmoid": 14, "Tensor.sin": 9, "Tensor.split": 12,
                "Tensor.sub": 89, "Tensor.sum": 24, "Tensor.to": 8, "Tensor.transpose": 152, "Tensor.unbind": 130,
                "Tensor.unsqueeze": 23, "Tensor.view": 76, "arange": 5, "as_tensor": 1, "cat": 28, "gather": 1,
                "linspace": 16, "log": 13, "meshgrid": 8, "nn.functional.conv2d": 57, "nn.functional.dropout": 42,
                "nn.functional.grid_sample": 48, "nn.functional.group_norm": 4, "nn.functional.interpolate": 4,
                "nn.functional.layer_norm": 32, "nn.functional.linear": 120, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 6, "nn.functional.relu": 87, "nn.functional.softmax": 12,
                "ones_like": 4, "split": 1, "stack": 40, "sum": 16, "topk": 1,
            },
        },
    },
    "calls_of": "fundamentalvision/Deformable-DETR, its CUDA operator in the repository's own plain PyTorch, without what only the loss reads",
    "call_differences": {
        "Tensor.__bool__": "Each official attention asserts, in tensors, that the level sizes add up to the number of tokens.",
        "Tensor.__eq__": "Part of the same assertion, one per attention.",
        "Tensor.__getitem__": "The official code takes level sizes out of a tensor, in the assertion and to scale offsets, and adds to the first two numbers of a box in place.",
        "Tensor.__rsub__": "The inverse sigmoid of the first references is computed once here, for the first layer and the first head.",
        "Tensor.__setitem__": "The official code adds reference points to boxes in place, which torch.fx cannot trace; ours joins slices.",
        "Tensor.add": "Ours adds references to boxes out of place; for the proposals the official code adds half a cell to each centre.",
        "Tensor.add_": "The official code adds references to boxes in place, and counts tokens in a tensor for the proposals.",
        "Tensor.clamp": "Part of the one inverse sigmoid that is shared here.",
        "Tensor.cumsum": "Of the first token of each level, which only the CUDA operator reads.",
        "Tensor.div": "Part of the one inverse sigmoid that is shared here.",
        "Tensor.expand": "The proposals' cell centres, a buffer here, are expanded to the batch.",
        "Tensor.mul": "Heights times widths of levels, in the assertion, to split values and to walk through the levels; integers here.",
        "Tensor.new_zeros": "Of the first token of the first level, which only the CUDA operator reads.",
        "Tensor.prod": "Of the first token of each level, which only the CUDA operator reads.",
        "Tensor.reshape": "Cell centres are flattened when ours is built, in each forward of the official code.",
        "Tensor.sub": "Of the cell centres' range, which is computed when ours is built.",
        "Tensor.sum": "Part of the assertion, one per attention.",
        "Tensor.unbind": "The official code iterates over a tensor of level sizes.",
        "Tensor.unsqueeze": "The official code puts the proposals' cell centres and valid sizes together by unsqueeze and cat; ours stacks.",
        "Tensor.view": "The official code views each level's mask, scale and proposals as a map and back.",
        "arange": "The numbers of the features are a buffer here.",
        "as_tensor": "Level sizes are integers here.",
        "cat": "Ours joins slices of a box where the official code adds in place; that joins the proposals' cell centres and valid sizes.",
        "linspace": "Cell centres are computed when ours is built.",
        "log": "Part of the one inverse sigmoid that is shared here.",
        "meshgrid": "Cell centres are computed when ours is built.",
        "split": "Ours splits the buffer of cell centres into levels.",
        "stack": "The official attentions stack level sizes to scale offsets, a buffer here; ours stacks valid sizes of proposals.",
    },
    "checkpoint": "fundamentalvision/Deformable-DETR, names and shapes; heads shared by the decoder appear there too",
    "tags": ("hybrid", "detection"),
}
# fmt: on


def build(
    *,
    image_size: Size,
    num_levels: int,
    dilate_c5: bool,
    refine_boxes: bool,
    two_stage: bool,
    embed_dim: int = 256,
    num_heads: int = 8,
    num_points: int = 4,
    feedforward_dim: int = 1024,
    num_layers: int = 6,
    num_queries: int = 300,
    num_classes: int = 91,
) -> nn.Module:
    """`image [N, 3, H, W]`, `mask [N, H, W]` -> class logits `[N, Q, classes]` and boxes `[N, Q, 4]`.

    `num_levels` is 4 (stages 3 to 5 and one more, strides 8 to 64) or 1 (stage 5). The two-stage form
    refines boxes too (`refine_boxes`), has one more pair of heads, for its proposals, and no learned queries.
    """
    strides = (8, 16, 32, 64) if num_levels > 1 else (16 if dilate_c5 else 32,)
    levels = [(-(-image_size[0] // stride), -(-image_size[1] // stride)) for stride in strides]
    dims = Dimensions(levels, embed_dim, num_heads, num_points, feedforward_dim)
    # Without refinement all layers share one pair of heads.
    distinct, uses = (num_layers + two_stage, 1) if refine_boxes else (1, num_layers)
    class_heads = nn.ModuleList([nn.Linear(embed_dim, num_classes) for _ in range(distinct)] * uses)
    box_heads = nn.ModuleList([BoxHead(embed_dim) for _ in range(distinct)] * uses)
    reference_sizes = [4 if two_stage or (refine_boxes and i > 0) else 2 for i in range(num_layers)]
    encoder = Encoder(dims, num_layers)
    decoder = Decoder(dims, reference_sizes, class_heads if two_stage else None, box_heads if refine_boxes else None)
    transformer: Transformer = OneStageTransformer(dims, encoder, decoder)
    if two_stage:
        transformer = TwoStageTransformer(dims, encoder, decoder, num_queries)
    backbone = Backbone((3, 4, 6, 3), levels=min(num_levels, 3), dilate_c5=dilate_c5)
    return DeformableDETR(dims, backbone, transformer, class_heads, box_heads, 0 if two_stage else num_queries)


class SinePositions(nn.Module):
    """Encodes where each unpadded cell's centre lies, mask `[N, H, W]` -> `[N, 2 * features, H, W]`, y before x.

    As in DETR, except that a centre lies half a cell before the counted row and column.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.wavelengths = Wavelengths(features)

    def forward(self, mask: Tensor) -> Tensor:
        unpadded = ~mask
        y = unpadded.cumsum(1, dtype=torch.float32)
        x = unpadded.cumsum(2, dtype=torch.float32)
        y = (y - 0.5) / (y[:, -1:, :] + 1e-6) * (2 * math.pi)
        x = (x - 0.5) / (x[:, :, -1:] + 1e-6) * (2 * math.pi)
        wavelength = self.wavelengths()
        positions = torch.cat((waves(y, wavelength).flatten(3), waves(x, wavelength).flatten(3)), dim=3)
        return positions.permute(0, 3, 1, 2)


class BoxHead(nn.Module):
    """Three linears with ReLU between them, `[..., D] -> [..., 4]`: centre, width and height before the sigmoid."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        hidden = [nn.Linear(embed_dim, embed_dim) for _ in range(2)]
        self.layers = nn.ModuleList([*hidden, nn.Linear(embed_dim, 4)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        result: Tensor = self.layers[-1](x)
        return result


def _projection(channels: int, embed_dim: int, *, extra: bool = False) -> nn.Sequential:
    """Of a stage to `embed_dim` channels; the extra level halves the last stage."""
    conv = nn.Conv2d(channels, embed_dim, 3, stride=2, padding=1) if extra else nn.Conv2d(channels, embed_dim, 1)
    return nn.Sequential(conv, nn.GroupNorm(32, embed_dim))


class DeformableDETR(nn.Module):
    """Backbone, transformer and a pair of heads on every decoder layer's output; the last one counts.

    Boxes are `(centre x, centre y, width, height)` relative to the unpadded image; each class has its sigmoid.
    """

    def __init__(
        self,
        dims: Dimensions,
        backbone: Backbone,
        transformer: Transformer,
        class_heads: nn.ModuleList,
        box_heads: nn.ModuleList,
        num_queries: int,
    ) -> None:
        super().__init__()
        channels = STAGE_CHANNELS[-backbone.levels :]
        projections = [_projection(c, dims.embed_dim) for c in channels]
        if len(dims.levels) > len(channels):
            projections.append(_projection(channels[-1], dims.embed_dim, extra=True))
        self.transformer = transformer
        self.class_embed = class_heads
        self.bbox_embed = box_heads
        self.query_embed = nn.Embedding(num_queries, 2 * dims.embed_dim) if num_queries else None
        self.input_proj = nn.ModuleList(projections)
        self.backbone = nn.ModuleList([backbone, SinePositions(dims.embed_dim // 2)])

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`mask [N, H, W]` is True where the image is padded."""
        features, masks = self._levels(image, mask)
        positions = [self.backbone[1](m).to(feature.dtype) for feature, m in zip(features, masks, strict=True)]
        queries = self.query_embed.weight if self.query_embed is not None else None
        outputs, first_origin, moved = self.transformer(features, masks, positions, queries)
        logits, boxes = [], []
        for index, reference_size in enumerate(self.transformer.decoder.reference_sizes):
            origin = inverse_sigmoid(moved[index - 1]) if index else first_origin
            logits.append(self.class_embed[index](outputs[index]))
            boxes.append(move(origin, self.bbox_embed[index](outputs[index]), reference_size))
        return torch.stack(logits)[-1], torch.stack(boxes)[-1]

    def _levels(self, image: Tensor, mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Projected feature levels and their masks, finest first."""
        stages = self.backbone[0](image, mask)
        features, masks = [], []
        for project, (feature, small_mask) in zip(self.input_proj, stages, strict=False):
            features.append(project(feature))
            masks.append(small_mask)
        if len(self.input_proj) > len(stages):
            features.append(self.input_proj[-1](stages[-1][0]))
            masks.append(resize_mask(mask, features[-1]))
        return features, masks
