"""Where in the model's code a call is, written as torch's tracer writes it, in less time."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from traceback import FrameSummary, StackSummary
from types import CodeType, SimpleNamespace
from typing import Any

from torch.fx import proxy

# The tracer of torch.export.
_TRACER: Any = SimpleNamespace(_record_forward_stack_traces_only=True)


def place(tracer: Any, func: Any, count: int) -> dict[str, Any]:
    """Of the `count`-th call of a function: what torch's tracer says of each operator that it leaves in the graph."""
    said: dict[str, Any] = {
        "nn_module_stack": _modules(tracer.module_stack),
        "torch_fn": (f"{func.__name__}_{count}", f"{func.__class__.__name__}.{func.__name__}"),
    }
    if trace := _stack_trace():
        said["stack_trace"] = trace
    return said


def _modules(stack: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: (path, f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else kind)
        for key, (path, kind) in stack.items()
    }


def _stack_trace() -> str:
    """Of the frames that torch keeps: a trace has some hundred, of which a few are the model's."""
    frame: Any = sys._getframe(1)
    anchors = proxy._STACK_TRACE_ANCHORS
    places: list[tuple[CodeType, int]] = []
    while frame is not None:
        code = frame.f_code
        if (
            code.co_name == "forward"
            or code.co_filename.endswith("torch/__init__.py")
            or (anchors and (code.co_filename, code.co_name) in anchors)
        ):
            places.append((code, frame.f_lineno))
        frame = frame.f_back
    return _written(tuple(reversed(places)))


@lru_cache(maxsize=10_000)
def _written(places: tuple[tuple[CodeType, int], ...]) -> str:
    frames = StackSummary.from_list([FrameSummary(code.co_filename, line, code.co_name) for code, line in places])
    return "".join(proxy.TracerBase._filter_traceback_frames(_TRACER, frames).format()).strip()
