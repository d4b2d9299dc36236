"""DETR, detection transformer, 2020.

Carion, Massa, Synnaeve, Usunier, Kirillov, Zagoruyko, "End-to-End Object Detection with
Transformers", ECCV 2020, https://arxiv.org/abs/2005.12872. Laid out as facebookresearch/detr.

Operators: no anchors, no non-maximum suppression. What is unusual is the arithmetic around the
transformer. Batch norm is frozen and written out (reshape, rsqrt, mul, sub, add). Positions are
counted in the padding mask (interpolate, `~`, cumsum) and turned to sines and cosines that
interleave (`//`, `**`, strided slices, sin, cos, stack). Tokens come first and the batch second
(permute), and attention is torch's own module, nn.MultiheadAttention. With a padding mask each of the
twelve attentions over image tokens turns it into 0 and minus infinity (zeros_like, masked_fill), to be
added to the scores; without one nothing is added, and the all-False mask in which positions are counted
is made by the model (new_zeros).

The encoder comes with and without a padding mask, as the survey draws it. A batch of several images is
padded to one size: `detr_r50_masked` takes the mask as an input, and every attention over image tokens
sets the padded scores to minus infinity. A single image has no padding: the other variants count
positions in an all-False mask, as the official code does, but hand no mask to the attention.

The published 86, 187, 152 and 253 GFLOPs are averages over the first 100 images of COCO val2017;
one image of 800 x 1066, a common size there, needs 5 to 8 percent less.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._detection_backbone import STAGE_CHANNELS, Backbone

# fmt: off
FAMILY = {
    "system": "DETR",
    "title": "End-to-End Object Detection with Transformers",
    "paper": "https://arxiv.org/abs/2005.12872",
    "date": "2020-05",
    "publication": "ECCV 2020",
    "section": "2.1 Object detection",
    "method": "Set prediction",
    "architecture": "conv + transformer",
    "repository": "https://github.com/facebookresearch/detr",
    "inputs": {"image": {"shape": [1, 3, 800, 1066]}},
    "variants": {
        "detr_r50": {
            "title": "DETR-R50",
            "config": {"backbone_depths": (3, 4, 6, 3), "dilate_c5": False, "masked": False},
            "params": 41_524_768,
            "macs": 81_245_056_000,
            "official_calls": {
                "Tensor.__floordiv__": 1, "Tensor.__getitem__": 12, "Tensor.__invert__": 1, "Tensor.__rpow__": 1,
                "Tensor.add": 162, "Tensor.add_": 16, "Tensor.cos": 2, "Tensor.cumsum": 2, "Tensor.div": 5,
                "Tensor.flatten": 4, "Tensor.float": 1, "Tensor.mul": 162, "Tensor.permute": 4, "Tensor.repeat": 1,
                "Tensor.reshape": 212, "Tensor.rsqrt": 53, "Tensor.sigmoid": 1, "Tensor.sin": 2, "Tensor.sub": 53,
                "Tensor.to": 2, "Tensor.transpose": 1, "Tensor.unsqueeze": 1, "Tensor.view": 1, "arange": 1, "cat": 1,
                "nn.functional.conv2d": 54, "nn.functional.dropout": 42, "nn.functional.interpolate": 1,
                "nn.functional.layer_norm": 37, "nn.functional.linear": 28, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 18, "nn.functional.relu": 63, "stack": 3, "zeros_like": 1,
            },
            "calls_of": "facebookresearch/detr, with mask=None in its transformer, as the survey edited it",
        },
        "detr_r50_masked": {
            "title": "DETR-R50, padded batch",
            "config": {"backbone_depths": (3, 4, 6, 3), "dilate_c5": False, "masked": True},
            "inputs": {"image": {"shape": [1, 3, 800, 1066]}, "mask": {"shape": [1, 800, 1066], "dtype": "bool"}},
            "params": 41_524_768,
            "macs": 81_245_056_000,
            "official_calls": {
                "Tensor.__floordiv__": 1, "Tensor.__getitem__": 12, "Tensor.__invert__": 1, "Tensor.__rpow__": 1,
                "Tensor.add": 162, "Tensor.add_": 16, "Tensor.cos": 2, "Tensor.cumsum": 2, "Tensor.div": 5,
                "Tensor.flatten": 5, "Tensor.float": 1, "Tensor.masked_fill_": 12, "Tensor.mul": 162, "Tensor.permute": 4,
                "Tensor.repeat": 1, "Tensor.reshape": 212, "Tensor.rsqrt": 53, "Tensor.sigmoid": 1, "Tensor.sin": 2,
                "Tensor.sub": 53, "Tensor.to": 2, "Tensor.transpose": 1, "Tensor.unsqueeze": 1, "Tensor.view": 1,
                "arange": 1, "cat": 1, "nn.functional.conv2d": 54, "nn.functional.dropout": 42,
                "nn.functional.interpolate": 1, "nn.functional.layer_norm": 37, "nn.functional.linear": 28,
                "nn.functional.max_pool2d": 1, "nn.functional.multi_head_attention_forward": 18, "nn.functional.relu": 63,
                "stack": 3, "zeros_like": 13,
            },
        },
        "detr_r50_dc5": {
            "title": "DETR-DC5-R50",
            "config": {"backbone_depths": (3, 4, 6, 3), "dilate_c5": True, "masked": False},
            "params": 41_524_768,
            "macs": 173_251_456_000,
            "official_calls": {
                "Tensor.__floordiv__": 1, "Tensor.__getitem__": 12, "Tensor.__invert__": 1, "Tensor.__rpow__": 1,
                "Tensor.add": 162, "Tensor.add_": 16, "Tensor.cos": 2, "Tensor.cumsum": 2, "Tensor.div": 5,
                "Tensor.flatten": 4, "Tensor.float": 1, "Tensor.mul": 162, "Tensor.permute": 4, "Tensor.repeat": 1,
                "Tensor.reshape": 212, "Tensor.rsqrt": 53, "Tensor.sigmoid": 1, "Tensor.sin": 2, "Tensor.sub": 53,
                "Tensor.to": 2, "Tensor.transpose": 1, "Tensor.unsqueeze": 1, "Tensor.view": 1, "arange": 1, "cat": 1,
                "nn.functional.conv2d": 54, "nn.functional.dropout": 42, "nn.functional.interpolate": 1,
                "nn.functional.layer_norm": 37, "nn.functional.linear": 28, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 18, "nn.functional.relu": 63, "stack": 3, "zeros_like": 1,
            },
            "calls_of": "facebookresearch/detr, with mask=None in its transformer, as the survey edited it",
        },
        "detr_r101": {
            "title": "DETR-R101",
            "config": {"backbone_depths": (3, 4, 23, 3), "dilate_c5": False, "masked": False},
            "params": 60_464_672,
            "macs": 144_693_734_400,
            "official_calls": {
                "Tensor.__floordiv__": 1, "Tensor.__getitem__": 12, "Tensor.__invert__": 1, "Tensor.__rpow__": 1,
                "Tensor.add": 264, "Tensor.add_": 33, "Tensor.cos": 2, "Tensor.cumsum": 2, "Tensor.div": 5,
                "Tensor.flatten": 4, "Tensor.float": 1, "Tensor.mul": 315, "Tensor.permute": 4, "Tensor.repeat": 1,
                "Tensor.reshape": 416, "Tensor.rsqrt": 104, "Tensor.sigmoid": 1, "Tensor.sin": 2, "Tensor.sub": 104,
                "Tensor.to": 2, "Tensor.transpose": 1, "Tensor.unsqueeze": 1, "Tensor.view": 1, "arange": 1, "cat": 1,
                "nn.functional.conv2d": 105, "nn.functional.dropout": 42, "nn.functional.interpolate": 1,
                "nn.functional.layer_norm": 37, "nn.functional.linear": 28, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 18, "nn.functional.relu": 114, "stack": 3, "zeros_like": 1,
            },
            "calls_of": "facebookresearch/detr, with mask=None in its transformer, as the survey edited it",
        },
        "detr_r101_dc5": {
            "title": "DETR-DC5-R101",
            "config": {"backbone_depths": (3, 4, 23, 3), "dilate_c5": True, "masked": False},
            "params": 60_464_672,
            "macs": 236_700_134_400,
            "official_calls": {
                "Tensor.__floordiv__": 1, "Tensor.__getitem__": 12, "Tensor.__invert__": 1, "Tensor.__rpow__": 1,
                "Tensor.add": 264, "Tensor.add_": 33, "Tensor.cos": 2, "Tensor.cumsum": 2, "Tensor.div": 5,
                "Tensor.flatten": 4, "Tensor.float": 1, "Tensor.mul": 315, "Tensor.permute": 4, "Tensor.repeat": 1,
                "Tensor.reshape": 416, "Tensor.rsqrt": 104, "Tensor.sigmoid": 1, "Tensor.sin": 2, "Tensor.sub": 104,
                "Tensor.to": 2, "Tensor.transpose": 1, "Tensor.unsqueeze": 1, "Tensor.view": 1, "arange": 1, "cat": 1,
                "nn.functional.conv2d": 105, "nn.functional.dropout": 42, "nn.functional.interpolate": 1,
                "nn.functional.layer_norm": 37, "nn.functional.linear": 28, "nn.functional.max_pool2d": 1,
                "nn.functional.multi_head_attention_forward": 18, "nn.functional.relu": 114, "stack": 3, "zeros_like": 1,
            },
            "calls_of": "facebookresearch/detr, with mask=None in its transformer, as the survey edited it",
        },
    },
    "call_differences": {
        "Tensor.new_zeros": "Without a mask of the image's padding ours makes the all-False one; the official code is given it with the image.",
        "arange": "The numbers of the features are a buffer here; the official code makes them in each forward.",
        "nn.functional.layer_norm": "The official decoder normalises the last layer's output twice and drops the first result.",
    },
    "checkpoint": "facebookresearch/detr, names and shapes; its first stage and stem are frozen there too",
    "tags": ("hybrid", "detection"),
}
# fmt: on


def build(
    *,
    backbone_depths: Sequence[int],
    dilate_c5: bool,
    masked: bool,
    embed_dim: int = 256,
    num_heads: int = 8,
    feedforward_dim: int = 2048,
    num_layers: int = 6,
    num_queries: int = 100,
    num_classes: int = 91,
) -> nn.Module:
    """A DETR detector, `image [N, 3, H, W]` -> class logits `[N, Q, classes + 1]` and boxes `[N, Q, 4]`."""
    backbone = Backbone(backbone_depths, levels=1, dilate_c5=dilate_c5)
    transformer = Transformer(embed_dim, num_heads, feedforward_dim, num_layers)
    return DETR(backbone, transformer, embed_dim, num_queries, num_classes, masked=masked)


class SinePositions(nn.Module):
    """Encodes where each unpadded position lies, mask `[N, H, W]` -> `[N, 2 * features, H, W]`, y before x.

    A row or column number `p`, scaled to 0..2 pi over the unpadded image, becomes
    `sin(p / T^(2i / features))` at feature 2i and `cos(p / T^(2i / features))` at feature 2i + 1.
    """

    feature: Tensor

    def __init__(self, features: int, temperature: int = 10000) -> None:
        super().__init__()
        self.features = features
        self.temperature = temperature
        # The official code calls arange in each forward, which torch.fx cannot record.
        self.register_buffer("feature", torch.arange(features, dtype=torch.float32), persistent=False)

    def forward(self, mask: Tensor) -> Tensor:
        unpadded = ~mask
        y = unpadded.cumsum(1, dtype=torch.float32)
        x = unpadded.cumsum(2, dtype=torch.float32)
        y = y / (y[:, -1:, :] + 1e-6) * (2 * math.pi)
        x = x / (x[:, :, -1:] + 1e-6) * (2 * math.pi)
        wavelength = self.temperature ** (2 * (self.feature // 2) / self.features)
        positions = torch.cat((self._waves(y, wavelength), self._waves(x, wavelength)), dim=3)
        return positions.permute(0, 3, 1, 2)

    def _waves(self, place: Tensor, wavelength: Tensor) -> Tensor:
        """`[N, H, W] -> [N, H, W, features]`."""
        angle = place[:, :, :, None] / wavelength
        return torch.stack((angle[:, :, :, 0::2].sin(), angle[:, :, :, 1::2].cos()), dim=4).flatten(3)


def score_mask(padding: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Padding `[N, HW]` as attention adds it to scores: minus infinity where padded, else 0.

    nn.MultiheadAttention makes the same of a mask of booleans. It is written out here, where torch.fx
    sees it: a module of torch's own is one operator to it.
    """
    return None if padding is None else torch.zeros_like(padding, dtype=dtype).masked_fill_(padding, -math.inf)


class EncoderLayer(nn.Module):
    """Self-attention over image tokens `[HW, N, D]`, then two linears, each followed by add and layer norm.

    Positions are added to queries and keys, not to values.
    """

    def __init__(self, embed_dim: int, num_heads: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(embed_dim, num_heads, dropout=dropout)
        self.linear1 = nn.Linear(embed_dim, feedforward_dim)
        self.dropout = nn.Dropout(dropout)
        self.linear2 = nn.Linear(feedforward_dim, embed_dim)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, positions: Tensor, padding: Tensor | None) -> Tensor:
        query = key = tokens + positions
        mask = score_mask(padding, query.dtype)
        attended = self.self_attn(query, key, tokens, key_padding_mask=mask)[0]
        tokens = self.norm1(tokens + self.dropout1(attended))
        hidden = self.linear2(self.dropout(F.relu(self.linear1(tokens))))
        result: Tensor = self.norm2(tokens + self.dropout2(hidden))
        return result


class DecoderLayer(nn.Module):
    """Self-attention over object queries `[Q, N, D]`, attention to the image tokens, two linears."""

    def __init__(self, embed_dim: int, num_heads: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(embed_dim, num_heads, dropout=dropout)
        self.multihead_attn = nn.MultiheadAttention(embed_dim, num_heads, dropout=dropout)
        self.linear1 = nn.Linear(embed_dim, feedforward_dim)
        self.dropout = nn.Dropout(dropout)
        self.linear2 = nn.Linear(feedforward_dim, embed_dim)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.norm3 = nn.LayerNorm(embed_dim)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)
        self.dropout3 = nn.Dropout(dropout)

    def forward(
        self, objects: Tensor, memory: Tensor, object_positions: Tensor, positions: Tensor, padding: Tensor | None
    ) -> Tensor:
        query = key = objects + object_positions
        attended = self.self_attn(query, key, objects)[0]
        objects = self.norm1(objects + self.dropout1(attended))
        query, key = objects + object_positions, memory + positions
        mask = score_mask(padding, query.dtype)
        attended = self.multihead_attn(query, key, memory, key_padding_mask=mask)[0]
        objects = self.norm2(objects + self.dropout2(attended))
        hidden = self.linear2(self.dropout(F.relu(self.linear1(objects))))
        result: Tensor = self.norm3(objects + self.dropout3(hidden))
        return result


class Encoder(nn.Module):
    """Encoder layers in a row."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, tokens: Tensor, positions: Tensor, padding: Tensor | None) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, positions, padding)
        return tokens


class Decoder(nn.Module):
    """Decoder layers in a row; the normalised outputs of all of them, `[layers, Q, N, D]`.

    The official code normalises the last output twice over and drops the first result.
    """

    def __init__(self, layers: Sequence[nn.Module], embed_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(
        self, objects: Tensor, memory: Tensor, object_positions: Tensor, positions: Tensor, padding: Tensor | None
    ) -> Tensor:
        outputs = []
        for layer in self.layers:
            objects = layer(objects, memory, object_positions, positions, padding)
            outputs.append(self.norm(objects))
        return torch.stack(outputs)


class Transformer(nn.Module):
    """Feature map `[N, D, H, W]` and query positions `[Q, D]` -> object embeddings `[layers, N, Q, D]`.

    Also returns the encoder's output as a map, which only the panoptic segmentation head reads.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, feedforward_dim: int, num_layers: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        sizes = (embed_dim, num_heads, feedforward_dim, dropout)
        self.encoder = Encoder([EncoderLayer(*sizes) for _ in range(num_layers)])
        self.decoder = Decoder([DecoderLayer(*sizes) for _ in range(num_layers)], embed_dim)

    def forward(
        self, feature: Tensor, padding: Tensor | None, query_positions: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        n, embed_dim, height, width = feature.shape
        tokens = feature.flatten(2).permute(2, 0, 1)
        positions = positions.flatten(2).permute(2, 0, 1)
        object_positions = query_positions.unsqueeze(1).repeat(1, n, 1)
        if padding is not None:
            padding = padding.flatten(1)
        memory = self.encoder(tokens, positions, padding)
        objects = self.decoder(torch.zeros_like(object_positions), memory, object_positions, positions, padding)
        return objects.transpose(1, 2), memory.permute(1, 2, 0).view(n, embed_dim, height, width)


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


class DETR(nn.Module):
    """Backbone, transformer and two heads that run on the outputs of all decoder layers; the last one counts.

    Boxes are `(centre x, centre y, width, height)` relative to the image; the last class is "no object".
    """

    def __init__(
        self,
        backbone: Backbone,
        transformer: Transformer,
        embed_dim: int,
        num_queries: int,
        num_classes: int,
        *,
        masked: bool,
    ) -> None:
        super().__init__()
        self.masked = masked
        self.transformer = transformer
        self.class_embed = nn.Linear(embed_dim, num_classes + 1)
        self.bbox_embed = BoxHead(embed_dim)
        self.query_embed = nn.Embedding(num_queries, embed_dim)
        self.input_proj = nn.Conv2d(STAGE_CHANNELS[-1], embed_dim, kernel_size=1)
        self.backbone = nn.ModuleList([backbone, SinePositions(embed_dim // 2)])

    def forward(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`mask [N, H, W]` is True where the image is padded; a model that is not `masked` ignores it."""
        n, _, height, width = image.shape
        # The flag decides, because an argument that torch.fx traces is never None.
        if not self.masked or mask is None:
            mask = image.new_zeros((n, height, width), dtype=torch.bool)
        feature, padding = self.backbone[0](image, mask)[0]
        positions = self.backbone[1](padding).to(feature.dtype)
        objects = self.transformer(
            self.input_proj(feature), padding if self.masked else None, self.query_embed.weight, positions
        )[0]
        logits = self.class_embed(objects)
        boxes = self.bbox_embed(objects).sigmoid()
        return logits[-1], boxes[-1]
