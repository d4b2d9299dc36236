"""OpenVINO: read and compiled for a device, CPU where none is asked for."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from opscan.runtimes import Options, Run, Value

DISTRIBUTION = "openvino"
EXTRA = "openvino"
# Profile -> the provider that it describes.
PROFILES = {"openvino-cpu": "CPU", "openvino-gpu": "GPU", "openvino-npu": "NPU"}

_DEVICE = "CPU"
_ADVICE = "To facilitate the conversion"
_CHAIN = re.compile(r"Exception from \S+:\s*")
# One thread, and the precision that the model asks for: bfloat16 inference is another question.
_CONFIG = {"INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1"}


class Refused(Exception):
    """OpenVINO does not take the model."""


@cache
def _core() -> Any:  # openvino's bindings are untyped
    import openvino

    return openvino.Core()


def load(model: bytes, options: Options) -> Run:
    """A compiled model. Raises where OpenVINO cannot read or compile it."""
    device = options.provider or _DEVICE
    core = _core()
    config = {**(_CONFIG if device == _DEVICE else {}), **options.settings}
    try:
        compiled = core.compile_model(core.read_model(model), device, config)
    except Exception as error:  # what it raises is not documented
        raise Refused(_summary(str(error))) from error

    def run(inputs: Sequence[Value]) -> list[Value]:
        request = compiled.create_infer_request()
        # Inputs that nothing depends on are gone from the compiled model.
        fed = dict(enumerate(map(_fed, inputs))) if len(compiled.inputs) == len(inputs) else {}
        results = request.infer(fed)
        return [results[output] for output in compiled.outputs]

    return run


def _summary(text: str) -> str:
    """The message without the advice that follows it and the chain of source files before it."""
    told = text.split(_ADVICE, maxsplit=1)[0]
    return told.split("Summary:")[-1] if "Summary:" in told else _CHAIN.sub("", told)


def _fed(value: Value) -> Value:
    """OpenVINO takes bfloat16 as a tensor of its own, and texts as fixed-width ones."""
    name = getattr(getattr(value, "dtype", None), "name", "")
    if name == "object":
        return value.astype(str)
    if name != "bfloat16":
        return value
    import numpy as np
    import openvino

    return openvino.Tensor(np.ascontiguousarray(value).view(np.uint16), list(value.shape), openvino.Type.bf16)
