"""OpenVINO: read and compiled for a device, CPU where none is asked for."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from opscan.runtimes import Options, Run, Value

DISTRIBUTION = "openvino"
EXTRA = "openvino"
# Profile -> the provider that it describes.
PROFILES = {"openvino-cpu": "CPU", "openvino-gpu": "GPU", "openvino-npu": "NPU"}

_DEVICE = "CPU"
# One thread, and the precision that the model asks for: bfloat16 inference is another question.
_CONFIG = {"INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1"}


@cache
def _core() -> Any:  # openvino's bindings are untyped
    import openvino

    return openvino.Core()


def load(model: bytes, options: Options) -> Run:
    """A compiled model. Raises where OpenVINO cannot read or compile it."""
    device = options.provider or _DEVICE
    core = _core()
    config = {**(_CONFIG if device == _DEVICE else {}), **options.settings}
    compiled = core.compile_model(core.read_model(model), device, config)

    def run(inputs: Sequence[Value]) -> list[Value]:
        request = compiled.create_infer_request()
        # Inputs that nothing depends on are gone from the compiled model.
        results = request.infer(dict(enumerate(inputs)) if len(compiled.inputs) == len(inputs) else {})
        return [results[output] for output in compiled.outputs]

    return run
