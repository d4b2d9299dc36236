"""The dialects in which operators are named."""

from enum import StrEnum


class Dialect(StrEnum):
    """The level at which operators are named."""

    TORCH = "torch"
    """What the author wrote: `nn.LayerNorm`, `torch.unbind`, `@`, `x[i]`."""
    ATEN = "aten"
    """Core ATen, after torch.export and decomposition."""
    ONNX = "onnx"
    """Nodes of an ONNX graph at an opset."""


class AtenLevel(StrEnum):
    """How far an aten graph is decomposed. A profile of one level says nothing of the others."""

    EXPORT = "export"
    """As torch.export gives it."""
    CORE = "core"
    """After run_decompositions()."""
    EDGE = "edge"
    """ExecuTorch's edge dialect: core, with `_copy` variants instead of views."""
