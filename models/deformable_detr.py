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
        },
        "deformable_detr_r50_single_scale": {
            "title": "Deformable DETR-R50, single scale",
            "config": {"image_size": (800, 1066), "num_levels": 1, "dilate_c5": False, "refine_boxes": False, "two_stage": False},
            "params": 34_066_593,
            "macs": 76_358_118_400,
        },
        "deformable_detr_r50_single_scale_dc5": {
            "title": "Deformable DETR-DC5-R50, single scale",
            "config": {"image_size": (800, 1066), "num_levels": 1, "dilate_c5": True, "refine_boxes": False, "two_stage": False},
            "params": 34_066_593,
            "macs": 124_895_718_400,
        },
        "deformable_detr_r50_refine": {
            "title": "Deformable DETR-R50, iterative box refinement",
            "config": {"image_size": (800, 1066), "num_levels": 4, "dilate_c5": False, "refine_boxes": True, "two_stage": False},
            "params": 40_849_660,
            "macs": 164_197_829_632,
        },
        "deformable_detr_r50_two_stage": {
            "title": "Deformable DETR-R50, two-stage",
            "config": {"image_size": (800, 1066), "num_levels": 4, "dilate_c5": False, "refine_boxes": True, "two_stage": True},
            "params": 41_181_529,
            "macs": 168_213_477_120,
        },
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


class Wavelengths(nn.Module):
    """`T^(2i / features)` for features 2i and 2i + 1, `[features]`."""

    feature: Tensor

    def __init__(self, features: int, temperature: int = 10000) -> None:
        super().__init__()
        self.features = features
        self.temperature = temperature
        self.register_buffer("feature", torch.arange(features, dtype=torch.float32), persistent=False)

    def forward(self) -> Tensor:
        return self.temperature ** (2 * (self.feature // 2) / self.features)


def waves(place: Tensor, wavelength: Tensor) -> Tensor:
    """Places `[...]` in 0..2 pi -> their sines and cosines at each wavelength, `[..., features / 2, 2]`."""
    angle = place[..., None] / wavelength
    return torch.stack((angle[..., 0::2].sin(), angle[..., 1::2].cos()), dim=-1)


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


def cell_centres(size: Size) -> Tensor:
    """`(x, y)` of a level's cells, counted in cells, row by row: `[H * W, 2]`."""
    height, width = size
    rows, columns = torch.linspace(0.5, height - 0.5, height), torch.linspace(0.5, width - 0.5, width)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x.reshape(-1), y.reshape(-1)), dim=-1)


def valid_size(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height `[N]` of the unpadded part, by the mask's first row and column."""
    return torch.sum(~mask[:, 0, :], 1), torch.sum(~mask[:, :, 0], 1)


class Transformer(nn.Module):
    """Feature levels `[N, D, H, W]` -> object embeddings `[layers, N, Q, D]` and what their boxes start from.

    That is the inverse sigmoid of the first references and, for each layer, the references it leaves.
    Subclasses say where the object queries come from.
    """

    centres: Tensor

    def __init__(self, dims: Dimensions, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.levels = list(dims.levels)
        self.embed_dim = dims.embed_dim
        self.encoder = encoder
        self.decoder = decoder
        self.level_embed = nn.Parameter(nn.init.normal_(torch.empty(len(dims.levels), dims.embed_dim)))
        self.register_buffer("centres", torch.cat([cell_centres(size) for size in dims.levels]), persistent=False)

    def forward(
        self, features: list[Tensor], masks: list[Tensor], positions: list[Tensor], queries: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        tokens = torch.cat([feature.flatten(2).transpose(1, 2) for feature in features], dim=1)
        padding = torch.cat([mask.flatten(1) for mask in masks], dim=1)
        sequences = [
            position.flatten(2).transpose(1, 2) + self.level_embed[level].view(1, 1, -1)
            for level, position in enumerate(positions)
        ]
        valid_ratios = torch.stack([self._valid_ratio(mask) for mask in masks], dim=1)
        memory = self.encoder(tokens, torch.cat(sequences, dim=1), self._cell_references(valid_ratios), padding)
        objects, object_positions, references = self._objects(memory, masks, padding, queries)
        # Once, for the first layer and the first head: the optimizer of onnxscript 0.7 fuses two clamps in a
        # row and names the constants after their input, so that the same twice is an invalid graph.
        origin = inverse_sigmoid(references)
        outputs, moved = self.decoder(objects, object_positions, references, origin, valid_ratios, memory, padding)
        return outputs, origin, moved

    def _objects(
        self, memory: Tensor, masks: list[Tensor], padding: Tensor, queries: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Content and position of the object queries, `[N, Q, D]` each, and their references."""
        raise NotImplementedError

    def _valid_ratio(self, mask: Tensor) -> Tensor:
        """Unpadded share of a level's width and height, `[N, 2]`."""
        _, height, width = mask.shape
        valid_width, valid_height = valid_size(mask)
        return torch.stack((valid_width.float() / width, valid_height.float() / height), dim=-1)

    def _cell_references(self, valid_ratios: Tensor) -> Tensor:
        """Every cell's centre as a point on every level, `[N, S, levels, 2]`."""
        centres = torch.split(self.centres, [height * width for height, width in self.levels])
        references = []
        for level, (height, width) in enumerate(self.levels):
            x = centres[level][None, :, 0] / (valid_ratios[:, None, level, 0] * width)
            y = centres[level][None, :, 1] / (valid_ratios[:, None, level, 1] * height)
            references.append(torch.stack((x, y), dim=-1))
        return torch.cat(references, dim=1)[:, :, None] * valid_ratios[:, None]


class OneStageTransformer(Transformer):
    """Object queries are learned, content and position, and a linear reads the reference point off the position."""

    def __init__(self, dims: Dimensions, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__(dims, encoder, decoder)
        self.reference_points = nn.Linear(dims.embed_dim, 2)

    def _objects(
        self, memory: Tensor, masks: list[Tensor], padding: Tensor, queries: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        assert queries is not None
        n = memory.shape[0]
        position, content = torch.split(queries, self.embed_dim, dim=1)
        position = position.unsqueeze(0).expand(n, -1, -1)
        content = content.unsqueeze(0).expand(n, -1, -1)
        return content, position, self.reference_points(position).sigmoid()


class TwoStageTransformer(Transformer):
    """Every token of the encoder proposes a box; the best scored become references and, encoded, queries."""

    def __init__(self, dims: Dimensions, encoder: Encoder, decoder: Decoder, num_queries: int) -> None:
        super().__init__(dims, encoder, decoder)
        self.num_queries = num_queries
        self.wavelengths = Wavelengths(dims.embed_dim // 2)
        self.enc_output = nn.Linear(dims.embed_dim, dims.embed_dim)
        self.enc_output_norm = nn.LayerNorm(dims.embed_dim)
        self.pos_trans = nn.Linear(2 * dims.embed_dim, 2 * dims.embed_dim)
        self.pos_trans_norm = nn.LayerNorm(2 * dims.embed_dim)

    def _objects(
        self, memory: Tensor, masks: list[Tensor], padding: Tensor, queries: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        assert self.decoder.class_embed is not None
        assert self.decoder.bbox_embed is not None
        memory, proposals = self._proposals(memory, masks, padding)
        scores = self.decoder.class_embed[-1](memory)
        boxes = self.decoder.bbox_embed[-1](memory) + proposals
        best = torch.topk(scores[..., 0], self.num_queries, dim=1)[1]
        boxes = torch.gather(boxes, 1, best.unsqueeze(-1).repeat(1, 1, 4)).detach()
        references = boxes.sigmoid()
        encoded = waves(boxes.sigmoid() * (2 * math.pi), self.wavelengths()).flatten(2)
        position, content = torch.split(self.pos_trans_norm(self.pos_trans(encoded)), self.embed_dim, dim=2)
        return content, position, references

    def _proposals(self, memory: Tensor, masks: list[Tensor], padding: Tensor) -> tuple[Tensor, Tensor]:
        """Memory for the proposal heads, and a box around each cell before the sigmoid, `[N, S, 4]`.

        Boxes are 0.05 of the image wide and high on the finest level, twice that on each next one.
        Padded cells and cells at the border propose nothing.
        """
        centres = torch.split(self.centres, [height * width for height, width in self.levels])
        levels = []
        for level, mask in enumerate(masks):
            centre = centres[level][None] / torch.stack(valid_size(mask), dim=-1)[:, None]
            extent = torch.ones_like(centre) * 0.05 * 2.0**level
            levels.append(torch.cat((centre, extent), dim=-1))
        proposals = torch.cat(levels, dim=1)
        valid = ((proposals > 0.01) & (proposals < 0.99)).all(-1, keepdim=True)
        proposals = torch.log(proposals / (1 - proposals))
        proposals = proposals.masked_fill(padding.unsqueeze(-1), math.inf).masked_fill(~valid, math.inf)
        memory = memory.masked_fill(padding.unsqueeze(-1), 0.0).masked_fill(~valid, 0.0)
        return self.enc_output_norm(self.enc_output(memory)), proposals


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
