"""From the stack traces that torch keeps to `file:line` of the author's code."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath
from types import CodeType, FrameType

# Also in a file that was exported on another machine.
_INSTALLED_MACHINERY = re.compile(r"[/\\](?:site|dist)-packages[/\\](?:torch|onnxscript|onnx_ir)[/\\]")
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in ')


@cache
def _installed() -> str:
    """Where packages are installed; asked for where a model says where it comes from, which few files do."""
    import sysconfig  # noqa: PLC0415  # reads Python's makefile

    return sysconfig.get_paths()["purelib"]


class SourceLines:
    """Finds the author's line in a stack trace and writes it as people write it.

    A file under one of `roots` is named from that root (`models/vit.py:88`), one under the working
    folder relative to it, an installed one from its package on.
    """

    def __init__(self, roots: Mapping[PurePath, str], machinery: tuple[Path, ...]) -> None:
        """Frames of files under `machinery` (torch itself, opscan's tracer) are nobody's model code."""
        self._roots = {str(root): label for root, label in roots.items()}
        self._machinery = tuple(f"{folder}/" for folder in machinery)
        self._here = str(Path.cwd())
        self._written: dict[str, str | None] = {}
        self._innermost: dict[str | None, str | None] = {}

    def innermost(self, stack_trace: str | None) -> str | None:
        """`file:line` of the innermost frame that is model code; None where there is none."""
        if stack_trace not in self._innermost:
            self._innermost[stack_trace] = self._last(stack_trace or "")
        return self._innermost[stack_trace]

    def _last(self, stack_trace: str) -> str | None:
        # The innermost frame is printed last.
        for frame in reversed(list(_FRAME.finditer(stack_trace))):
            if written := self._write(frame["file"]):
                return f"{written}:{frame['line']}"
        return None

    def running(self, frame: FrameType | None, within: CodeType) -> str | None:
        """`file:line` of the innermost model code that runs in a frame or its callers, up to the code `within`."""
        while frame is not None and frame.f_code is not within:
            if written := self._write(frame.f_code.co_filename):
                return f"{written}:{frame.f_lineno}"
            frame = frame.f_back
        return None

    def _write(self, path: str) -> str | None:
        """A file as people write it; None for one that is nobody's model code."""
        if path not in self._written:
            machinery = path.startswith((*self._machinery, "<")) or _INSTALLED_MACHINERY.search(path)
            self._written[path] = None if machinery else self._relative(path)
        return self._written[path]

    def _relative(self, path: str) -> str:
        for root, label in (*self._roots.items(), (_installed(), ""), (self._here, "")):
            if PurePath(path).is_relative_to(root):
                return (PurePath(label) / PurePath(path).relative_to(root)).as_posix()
        return path
