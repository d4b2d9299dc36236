"""The package `onnx` without its own code, until somebody asks for it.

Importing it takes 0.15 s: numpy, and every tool of it. A file needs its messages and its compiled part
only, which are modules of it that import by themselves.
"""

import importlib.util
import sys
from types import ModuleType


class _Unread(ModuleType):
    """The package: its modules can be imported; its own code runs at the first name that it is asked for."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        assert spec is not None  # it was made from one
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # it is what it was made of
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer() -> None:
    """Puts off what `import onnx` does; no import and no answer changes otherwise."""
    if "onnx" in sys.modules:
        return
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.loader is None:
        return  # the import will say so
    package = importlib.util.module_from_spec(spec)
    package.__class__ = _Unread
    sys.modules["onnx"] = package
