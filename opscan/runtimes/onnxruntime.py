"""ONNX Runtime: its CPU execution provider, or another that is installed."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from opscan.runtimes import NotHere, Options, Run, Unreadable, Value

DISTRIBUTION = "onnxruntime"
EXTRA = "verify"
# Profile -> the provider that it describes.
PROFILES = {
    "onnxruntime-cpu": "",
    "onnxruntime-cuda": "CUDA",
    "onnxruntime-directml": "Dml",
    "onnxruntime-coreml": "CoreML",
    "qnn-htp": "QNN",
}

_CPU = "CPUExecutionProvider"
# What it says of outputs that it cannot hand over, bfloat16's and narrower.
_NO_NUMPY = "No corresponding Numpy type"
# StringNormalizer's, where the locale that it asks for is not installed.
_NO_LOCALE = "Failed to construct locale"
_RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"


class NotAssigned(Exception):
    """The session runs, and not all of it on the provider that was asked for."""


def load(model: bytes, options: Options) -> Run:
    """A session. Raises where onnxruntime rejects the model, or leaves a node of it to another provider."""
    import onnxruntime as ort

    provider = _provider(options.provider)
    providers = [(provider, dict(options.settings))] + ([(_CPU, {})] if provider != _CPU else [])
    try:
        session = ort.InferenceSession(model, _session_options(record=provider != _CPU), providers=providers)
    except Exception as error:  # onnxruntime raises a kind for each status
        if _NO_LOCALE in str(error):
            raise NotHere(str(error)) from error
        raise
    if provider != _CPU:
        _require_assigned(session, provider)
    names = [i.name for i in session.get_inputs()]

    def run(inputs: Sequence[Value]) -> list[Value]:
        try:
            return list(session.run(None, dict(zip(names, map(_fed, inputs), strict=True))))
        except RuntimeError as error:
            if str(error).startswith(_NO_NUMPY):
                raise Unreadable(str(error)) from error
            raise

    return run


def _session_options(*, record: bool) -> Any:  # onnxruntime has no types
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    if record:
        options.add_session_config_entry(_RECORD_ASSIGNMENT, "1")
    return options


@cache
def _provider(name: str) -> str:
    """The provider's full name: `openvino` stands for `OpenVINOExecutionProvider`."""
    import onnxruntime as ort

    available = ort.get_available_providers()
    wanted = (name or _CPU).casefold().removesuffix("executionprovider")
    matches = [p for p in available if p.casefold().removesuffix("executionprovider") == wanted]
    if not matches:
        raise NotAssigned(f"no execution provider {name} is installed; there are {', '.join(available)}")
    return str(matches[0])


def _require_assigned(session: Any, provider: str) -> None:
    elsewhere = sorted(
        f"{node.op_type} on {part.ep_name}"
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != provider
        for node in part.get_nodes()
    )
    if elsewhere:
        raise NotAssigned(f"not taken by {provider}: {', '.join(elsewhere)}")


def _fed(value: Value) -> Value:
    """onnxruntime takes the types that numpy lacks as OrtValues."""
    name = getattr(getattr(value, "dtype", None), "name", "")
    code = _NOT_NUMPY.get(name)
    if code is None:
        return value
    if name in _PACKED:
        raise Unreadable(f"onnxruntime does not take {name} from Python")
    import onnxruntime as ort

    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(value, code)


_PACKED = ("uint4", "int4", "float4_e2m1fn", "uint2", "int2")
# ml_dtypes name -> TensorProto.DataType.
_NOT_NUMPY = {
    "bfloat16": 16,
    "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18,
    "float8_e5m2": 19,
    "float8_e5m2fnuz": 20,
    "uint4": 21,
    "int4": 22,
    "float4_e2m1fn": 23,
    "float8_e8m0fnu": 24,
    "uint2": 25,
    "int2": 26,
}
