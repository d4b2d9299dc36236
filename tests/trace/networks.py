"""Networks small enough to count by hand, each with one thing that a walker can get wrong."""

import torch
import torch.nn.functional as F
from torch import nn


class Indexing(nn.Module):
    def forward(self, x):
        return x[:, 0] + x[..., None, 1, :4].squeeze(1)  # SOURCE


class Operands(nn.Module):
    """A number on the left, and an ellipsis at either end of an index."""

    def forward(self, x):
        return (1 - x)[0, ...] + 2**x / 4 - x[..., 0]


class TuplePicks(nn.Module):
    def forward(self, x):
        first, second = x.chunk(2, dim=1)
        values, _ = x.max(dim=1)
        return first + second + values[:, None]


class Wiring(nn.Module):
    """Values that are picked from tuples in every way, used twice, passed through and changed in place."""

    def __init__(self):
        super().__init__()
        self.same = nn.Dropout()
        self.part = Looping()

    def forward(self, x):
        parts = x.chunk(2, dim=1)
        rest = torch.cat(x.split(1, dim=1)[1:], 1)
        y = parts[0] + parts[-1] + parts[0]
        z = x + self.same(x)
        z += x
        pair = self.part(x, z)
        return rest, y, pair[0] * pair[1] + torch.max(x, 1).values[:, None]


class Looping(nn.Module):
    """torch.fx cannot see through a loop over a tensor."""

    def forward(self, x, y):
        return torch.stack([row.sin() for row in x]) + y, y


class SizeArithmetic(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        half = (h // 2) * 2
        return x.reshape(n, c * half, w)


class Spellings(nn.Module):
    def forward(self, x):
        y = x @ x.transpose(-1, -2)
        y = torch.matmul(y, x)
        y += x
        y *= 2
        return F.softmax(y, dim=-1).softmax(dim=-1)


class Buffers(nn.Module):
    """Operators on a buffer are the author's too."""

    def __init__(self):
        super().__init__()
        self.register_buffer("index", torch.arange(4).view(4, 1))

    def forward(self, x):
        return x.gather(0, self.index.repeat(1, 3))


class Branching(nn.Module):
    """torch.fx cannot see through a branch on a value."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        if x.shape[0] > 100:
            raise ValueError
        return self.linear(x).relu()


class WithBranchingPart(nn.Module):
    def __init__(self):
        super().__init__()
        self.before = nn.LayerNorm(4)
        self.parts = nn.ModuleList([Branching(), Branching()])

    def forward(self, x):
        x = self.before(x)
        for part in self.parts:
            x = part(x)
        return x


class SharedWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


class DataDependent(nn.Module):
    """No rung gets through: the number of outputs depends on values, and Python looks at it."""

    def forward(self, x):
        return x[: int(x.sum().item())]


class Loopy(nn.Module):
    """torch.cond: both branches are in the graph."""

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda t: t.sin(), lambda t: t.cos() + 1, (x,))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


class FusedAttention(nn.Module):
    def forward(self, x):
        return F.scaled_dot_product_attention(x, x, x)


class Einsum(nn.Module):
    def forward(self, x):
        return torch.einsum("nld,nmd->nlm", x, x)


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2)
        self.transposed = nn.ConvTranspose2d(8, 4, 2, stride=2)

    def forward(self, x):
        return self.transposed(self.grouped(x))
