"""The transformers of Deformable DETR (models/deformable_detr.py): levels to tokens, and where object queries come from."""

import math

import torch
from torch import Tensor, nn

from ._deformable_layers import Decoder, Dimensions, Encoder, Size, inverse_sigmoid


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
