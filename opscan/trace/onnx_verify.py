"""An exported file against the model it came from: onnxruntime's outputs against torch's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from opscan.core.errors import NoAnswer, UsageError
from opscan.trace.torch_model import one_line, tensors_in


@dataclass(frozen=True, slots=True)
class OutputError:
    """How far one output is from torch's."""

    name: str
    absolute: float
    """Largest absolute difference."""
    relative: float
    """The same, divided by the largest absolute value of torch's output."""


def output_errors(path: Path, model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[OutputError, ...]:
    """Runs both on the same inputs, on the CPU.

    Raises UsageError without onnxruntime, NoAnswer where it rejects or fails to run the file.
    """
    try:
        import onnxruntime  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise UsageError("--verify needs onnxruntime: pip install 'opscan[verify]'") from error
    with torch.no_grad():
        expected = tensors_in(model(*inputs))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feeds = {i.name: tensor.numpy() for i, tensor in zip(session.get_inputs(), inputs, strict=True)}
        actual = session.run(None, feeds)
    except Exception as error:  # onnxruntime raises its own kinds
        raise NoAnswer(f"{path}: onnxruntime {onnxruntime.__version__}: {one_line(error)}") from error
    names = [output.name for output in session.get_outputs()]
    return tuple(_error(n, a, e.numpy()) for n, a, e in zip(names, actual, expected, strict=True))


def _error(name: str, actual: Any, expected: Any) -> OutputError:  # numpy arrays of any dtype
    absolute = float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
    largest = float(np.abs(expected.astype(np.float64)).max())
    return OutputError(name, absolute, absolute / largest if largest else absolute)
