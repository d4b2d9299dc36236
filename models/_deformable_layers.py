"""The layers of Deformable DETR's transformer (models/deformable_detr.py), after section 4 of its paper."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]


@dataclass(frozen=True)
class Dimensions:
    """What all layers share."""

    levels: Sequence[Size]
    """Height and width of each feature level, finest first."""
    embed_dim: int
    num_heads: int
    num_points: int
    """Samples that a head takes from each level."""
    feedforward_dim: int
    dropout: float = 0.1


def inverse_sigmoid(x: Tensor, eps: float = 1e-5) -> Tensor:
    """`log(x / (1 - x))`, kept finite at 0 and 1."""
    x = x.clamp(min=0, max=1)
    return torch.log(x.clamp(min=eps) / (1 - x).clamp(min=eps))


def move(origin: Tensor, shift: Tensor, reference_size: int) -> Tensor:
    """The box `[..., 4]` that a head predicts relative to a reference point or box.

    `origin` is the inverse sigmoid of that reference, `[..., 2]` or `[..., 4]`. The official code adds
    to a point in place, `shift[..., :2] += ...`, which torch.fx cannot trace.
    """
    if reference_size == 2:
        return torch.cat((shift[..., :2] + origin, shift[..., 2:]), dim=-1).sigmoid()
    return (shift + origin).sigmoid()


class DeformableAttention(nn.Module):
    """Multi-scale deformable attention of queries `[N, Q, D]` to the tokens `[N, S, D]` of all levels.

    Head m of a query reads `sum over level l and point k of A[m,l,k] * value_m(reference + offset[m,l,k])`;
    its weights A sum to 1. References `[N, Q, levels, 2]` are points relative to the level, and offsets
    count cells; `[N, Q, levels, 4]` are boxes, and `num_points` offsets make half a box.
    """

    cells: Tensor

    def __init__(self, dims: Dimensions, reference_size: int) -> None:
        super().__init__()
        self.reference_size = reference_size
        self.levels = list(dims.levels)
        self.num_heads = dims.num_heads
        self.num_points = dims.num_points
        self.head_dim = dims.embed_dim // dims.num_heads
        samples = dims.num_heads * len(dims.levels) * dims.num_points
        self.sampling_offsets = nn.Linear(dims.embed_dim, 2 * samples)
        self.attention_weights = nn.Linear(dims.embed_dim, samples)
        self.value_proj = nn.Linear(dims.embed_dim, dims.embed_dim)
        self.output_proj = nn.Linear(dims.embed_dim, dims.embed_dim)
        self.register_buffer("cells", torch.tensor([(w, h) for h, w in dims.levels]), persistent=False)

    def forward(self, query: Tensor, references: Tensor, tokens: Tensor, padding: Tensor) -> Tensor:
        n, queries, _ = query.shape
        levels, points = len(self.levels), self.num_points
        value = self.value_proj(tokens).masked_fill(padding[..., None], 0.0)
        value = value.view(n, tokens.shape[1], self.num_heads, self.head_dim)
        offsets = self.sampling_offsets(query).view(n, queries, self.num_heads, levels, points, 2)
        weights = self.attention_weights(query).view(n, queries, self.num_heads, levels * points)
        weights = F.softmax(weights, -1).view(n, queries, self.num_heads, levels, points)
        context: Tensor = self.output_proj(self._sample(value, self._locations(references, offsets), weights))
        return context

    def _locations(self, references: Tensor, offsets: Tensor) -> Tensor:
        """Where to sample, relative to the level: `[N, Q, heads, levels, points, 2]`."""
        if self.reference_size == 2:
            return references[:, :, None, :, None, :] + offsets / self.cells[None, None, None, :, None, :]
        centre, size = references[:, :, None, :, None, :2], references[:, :, None, :, None, 2:]
        return centre + offsets / self.num_points * size * 0.5

    def _sample(self, value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        """Value `[N, S, heads, head_dim]` at the locations, weighted and summed: `[N, Q, D]`."""
        n, queries = locations.shape[:2]
        sizes = [height * width for height, width in self.levels]
        value_of_level = value.split(sizes, dim=1)  # type: ignore[no-untyped-call]  # torch's
        grids = 2 * locations - 1  # grid_sample's coordinates run from -1 to 1
        sampled = []
        for level, (height, width) in enumerate(self.levels):
            image = value_of_level[level].flatten(2).transpose(1, 2)
            image = image.reshape(n * self.num_heads, self.head_dim, height, width)
            grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
            sampled.append(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
        weights = weights.transpose(1, 2).reshape(n * self.num_heads, 1, queries, len(sampled) * self.num_points)
        context = (torch.stack(sampled, dim=-2).flatten(-2) * weights).sum(-1)
        return context.view(n, self.num_heads * self.head_dim, queries).transpose(1, 2).contiguous()


class EncoderLayer(nn.Module):
    """Deformable self-attention over the tokens of all levels, then two linears, each with add and layer norm."""

    def __init__(self, dims: Dimensions) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(dims, reference_size=2)
        self.dropout1 = nn.Dropout(dims.dropout)
        self.norm1 = nn.LayerNorm(dims.embed_dim)
        self.linear1 = nn.Linear(dims.embed_dim, dims.feedforward_dim)
        self.dropout2 = nn.Dropout(dims.dropout)
        self.linear2 = nn.Linear(dims.feedforward_dim, dims.embed_dim)
        self.dropout3 = nn.Dropout(dims.dropout)
        self.norm2 = nn.LayerNorm(dims.embed_dim)

    def forward(self, tokens: Tensor, positions: Tensor, references: Tensor, padding: Tensor) -> Tensor:
        attended = self.self_attn(tokens + positions, references, tokens, padding)
        tokens = self.norm1(tokens + self.dropout1(attended))
        hidden = self.linear2(self.dropout2(F.relu(self.linear1(tokens))))
        result: Tensor = self.norm2(tokens + self.dropout3(hidden))
        return result


class DecoderLayer(nn.Module):
    """Self-attention over object queries `[N, Q, D]`, deformable attention to the tokens, two linears."""

    def __init__(self, dims: Dimensions, reference_size: int) -> None:
        super().__init__()
        self.cross_attn = DeformableAttention(dims, reference_size)
        self.dropout1 = nn.Dropout(dims.dropout)
        self.norm1 = nn.LayerNorm(dims.embed_dim)
        self.self_attn = nn.MultiheadAttention(dims.embed_dim, dims.num_heads, dropout=dims.dropout)
        self.dropout2 = nn.Dropout(dims.dropout)
        self.norm2 = nn.LayerNorm(dims.embed_dim)
        self.linear1 = nn.Linear(dims.embed_dim, dims.feedforward_dim)
        self.dropout3 = nn.Dropout(dims.dropout)
        self.linear2 = nn.Linear(dims.feedforward_dim, dims.embed_dim)
        self.dropout4 = nn.Dropout(dims.dropout)
        self.norm3 = nn.LayerNorm(dims.embed_dim)

    def forward(
        self, objects: Tensor, object_positions: Tensor, references: Tensor, memory: Tensor, padding: Tensor
    ) -> Tensor:
        query = key = objects + object_positions
        # This attention takes [Q, N, D].
        attended = self.self_attn(query.transpose(0, 1), key.transpose(0, 1), objects.transpose(0, 1))[0]
        objects = self.norm2(objects + self.dropout2(attended.transpose(0, 1)))
        attended = self.cross_attn(objects + object_positions, references, memory, padding)
        objects = self.norm1(objects + self.dropout1(attended))
        hidden = self.linear2(self.dropout3(F.relu(self.linear1(objects))))
        result: Tensor = self.norm3(objects + self.dropout4(hidden))
        return result


class Encoder(nn.Module):
    """Encoder layers in a row."""

    def __init__(self, dims: Dimensions, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(dims) for _ in range(num_layers))

    def forward(self, tokens: Tensor, positions: Tensor, references: Tensor, padding: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, positions, references, padding)
        return tokens


class Decoder(nn.Module):
    """Decoder layers in a row; their outputs `[layers, N, Q, D]` and the references that each leaves.

    With box heads every layer moves the references for the next one; `origin` is the inverse sigmoid of
    the first ones. The class heads are of use to the two-stage transformer only.
    """

    def __init__(
        self,
        dims: Dimensions,
        reference_sizes: Sequence[int],
        class_heads: nn.ModuleList | None,
        box_heads: nn.ModuleList | None,
    ) -> None:
        super().__init__()
        self.reference_sizes = list(reference_sizes)
        self.layers = nn.ModuleList(DecoderLayer(dims, size) for size in reference_sizes)
        self.class_embed = class_heads
        self.bbox_embed = box_heads

    def forward(
        self,
        objects: Tensor,
        object_positions: Tensor,
        references: Tensor,
        origin: Tensor,
        valid_ratios: Tensor,
        memory: Tensor,
        padding: Tensor,
    ) -> tuple[Tensor, Tensor]:
        outputs, moved = [], []
        for index, layer in enumerate(self.layers):
            size = self.reference_sizes[index]
            ratios = valid_ratios if size == 2 else torch.cat((valid_ratios, valid_ratios), dim=-1)
            on_levels = references[:, :, None] * ratios[:, None]
            objects = layer(objects, object_positions, on_levels, memory, padding)
            if self.bbox_embed is not None:
                origin = inverse_sigmoid(references) if index else origin
                references = move(origin, self.bbox_embed[index](objects), size).detach()
            outputs.append(objects)
            moved.append(references)
        return torch.stack(outputs), torch.stack(moved)
