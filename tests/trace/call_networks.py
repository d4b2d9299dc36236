"""Small networks whose calls torch.export meets in many ways: in place, as views, with values, in other modes."""

import torch
import torch.nn.functional as F
from torch import nn


class Functions(nn.Module):
    """As functions, methods, operators and modules, with defaults left out, given and by keyword."""

    def __init__(self):
        super().__init__()
        self.linear, self.softmax = nn.Linear(4, 4), nn.Softmax(dim=-1)

    def forward(self, x):
        y = F.linear(x, self.linear.weight, self.linear.bias) + self.linear(x) + x @ self.linear.weight.T
        y = torch.add(y, x, alpha=2) + y.add(x) + torch.add(x, y)
        return F.softmax(y, -1) + y.softmax(dim=-1) + torch.softmax(y, dim=-1) + self.softmax(y)


class EqualInPython(nn.Module):
    def forward(self, x):
        return torch.cat([torch.full_like(x, value) for value in (1, 1.0, True)] + [x * 2, x * 2.0])


class OneTensorTwice(nn.Module):
    def forward(self, x):
        y = x + 1
        return x @ x + x @ y + y @ x + torch.cat((x, x)).sum() + torch.cat((x, y)).sum()


class Strides(nn.Module):
    def forward(self, x):
        return x.reshape(16) + x.t().reshape(16) + x.t().contiguous().view(16) + x[1:].sum() + x[:-1].sum()


class Unchanged(nn.Module):
    """What gives back the tensor itself is an operator of the graph all the same."""

    def forward(self, x):
        y = F.dropout(x.contiguous().to(torch.float32), 0.5, self.training).expand_as(x)
        return y.float() + x


class Several(nn.Module):
    """Tuples, lists and named tuples, of which some parts are not used."""

    def forward(self, x):
        first, *_, last = x.chunk(4, dim=-1)
        best = x.max(dim=0)
        values, _ = torch.sort(x)
        return first + last + best.values[0] + values.unbind(0)[2].sum() + torch.stack(x.split([1, 3], 1)[0].unbind())


class Asks(nn.Module):
    """Questions about types leave nothing in the graph."""

    def forward(self, x):
        n, c = x.shape
        y = x.new_zeros(n, c, dtype=x.dtype, device=x.device)
        if x.is_floating_point() and y.dim() == x.ndim and x.size(0) == len(x) and x.stride(0) == 4:
            y = y + x.numel()
        return y


class Makes(nn.Module):
    """Tensors from no tensor."""

    def forward(self, x):
        grid = torch.meshgrid(torch.arange(4), torch.arange(4, dtype=torch.int64), indexing="ij")
        return x + torch.zeros(4, 4) + torch.linspace(0, 1, 4) + grid[0] * grid[1] + torch.eye(4)


class Parameters(nn.Module):
    """The same operator on parameters, buffers and results."""

    def __init__(self):
        super().__init__()
        self.weight, self.frozen = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4, 4), requires_grad=False)
        self.register_buffer("kept", torch.ones(4, 4))
        self.register_buffer("other", torch.ones(4, 4), persistent=False)

    def forward(self, x):
        return (self.weight * 2, self.frozen * 2, self.kept * 2, self.other * 2, x * 2, self.weight.view(16), self.kept)


class Layouts(nn.Module):
    """Strides follow from those of the operands, along single elements too."""

    def forward(self, x):
        y = x.view(1, 4, 2, 2).permute(0, 2, 3, 1)
        z = F.conv2d(y.permute(0, 3, 1, 2), torch.ones(4, 4, 1, 1)) + x.view(1, 4, 2, 2)
        z = z.contiguous(memory_format=torch.channels_last).softmax(1) + z.expand(3, 4, 2, 2).sum(0, True)
        flat = y.reshape(1, 4, 4) @ x.t() + z.flatten(2).transpose(1, 2).mean(-1, keepdim=True)
        return flat, F.gelu(y), torch.cat((y, y), 3), F.layer_norm(y, (4,)), (y + 1)[:, :1].squeeze(1), y.sum((1, 2))


class Promotes(nn.Module):
    """Numbers and tensors of other types."""

    def forward(self, x):
        n = torch.arange(4)
        return n + 1, n + 1.5, n / 2, n * x, x.half() + n, x.half() + 1.5, x + torch.ones(()), (n > 1) * x


class SameAgain(nn.Module):
    """Who gives back his operand, and who a new tensor for the same values, shows where it is changed."""

    def forward(self, x):
        parts = []
        for give in (torch.Tensor.contiguous, lambda y: F.dropout(y, 0.5, False), lambda y: y.reshape(4, 4), torch.t):
            y = x + 1
            z = give(y)
            z += 1
            parts += [y, z]
        return parts


class InPlace(nn.Module):
    def forward(self, x):
        y = x + 1
        y += x
        y.mul_(2).clamp_(min=0)
        return F.relu(y, inplace=True) - y


class InPlaceOnViews(nn.Module):
    def forward(self, x):
        y = x + 1
        z = y.view(-1)
        y[0].mul_(2)
        y[:, 1] = 3
        z += 1
        return y, z, x.add_(1)


class BuffersChange(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.norm.train()
        self.count.add_(1)
        return self.norm(x) + self.count


class BufferAssigned(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(4, 4))

    def forward(self, x):
        self.last = x + self.last
        return self.last * 2


class Shared(nn.Module):
    """One module under two names, called thrice."""

    def __init__(self):
        super().__init__()
        self.one = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.parts = nn.ModuleList([self.one, nn.Linear(4, 4), self.one])

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return self.one(x) + self.parts[1](x)


class Unused(nn.Module):
    """What nobody uses stays or goes as torch has it."""

    def forward(self, x):
        x.sin()
        torch.ones(3)
        x.detach()
        return x.cos()


class Constants(nn.Module):
    def __init__(self):
        super().__init__()
        self.plain = torch.ones(4)

    def forward(self, x):
        return x * torch.tensor([1.0, 2.0, 3.0, 4.0]) + torch.tensor(2) * self.plain + torch.tensor(2.0).add(1) * x


class ValueOfConstant(nn.Module):
    """The code looks at a value, which torch knows."""

    def forward(self, x):
        size = torch.tensor(2)
        two = int(size * 1)
        return x[:two] + (x if bool(size > 1) else -x)[: int(size)]


class ConstantChanges(nn.Module):
    """The value of a constant is known until it changes."""

    def forward(self, x):
        a, b = torch.tensor(2.0), torch.tensor(2.0)
        a.add_(x[0, 0])
        return a * x + b * x


class TypeChanges(nn.Module):
    def forward(self, x):
        y = x + 1
        y.unsqueeze_(0)
        z = y + 1
        y.squeeze_(0)
        return y * z + y.t_() * y


class Gradients(nn.Module):
    def forward(self, x):
        y = x * 2
        with torch.enable_grad():
            y = y * 2
        return y * 2


class Autocast(nn.Module):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = x @ x
        return y + x @ x


class DefaultType(nn.Module):
    def forward(self, x):
        before = torch.get_default_dtype()
        y = torch.zeros(4)
        torch.set_default_dtype(torch.float64)
        z = torch.zeros(4)
        torch.set_default_dtype(before)
        return x + y + z


class OtherDevice(nn.Module):
    def forward(self, x):
        with torch.device("meta"):
            y = torch.zeros(4)
        return x + torch.zeros(4), y


class Complex(nn.Module):
    def forward(self, x):
        return torch.fft.ifft(torch.fft.fft(x) * 2).real


class Mapped(nn.Module):
    def forward(self, x):
        return torch.func.vmap(lambda row: row.sin() + torch.zeros(4))(x)


class SizeOfValue(nn.Module):
    def forward(self, x):
        return x[x > 0].sum() + x.nonzero().sum()


class Random(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5, True) + torch.rand(4) + torch.rand_like(x)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x * 2

    @staticmethod
    def backward(context, gradient):
        return gradient * 2


class OwnFunction(nn.Module):
    def forward(self, x):
        return Doubled.apply(x) + Doubled.apply(x)
