"""The package `onnx`, and protobuf's messages in Python, without their own code until somebody asks for it.

Importing onnx takes 0.15 s: numpy, and every tool of it. A file needs its messages and its compiled part
only, which are modules of it that import by themselves. Protobuf imports its messages in Python, and with them its
text format, also where compiled ones stand in their place: 0.005 s.
"""

import importlib.util
import sys
from contextlib import suppress
from types import ModuleType

_PUT_OFF = ("onnx", "google.protobuf.internal.python_message")


class _Unread(ModuleType):
    """A module, or a package whose modules can be imported: its own code runs at the first name that it is asked for.

    (importlib's LazyLoader runs a package as soon as a module of it is imported.)
    """

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        assert spec is not None  # it was made from one
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # it is what it was made of
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer() -> None:
    """Puts off what importing them does; no import and no answer changes otherwise."""
    for name in _PUT_OFF:
        with suppress(ModuleNotFoundError):  # the import will say so
            _put_off(name)


def _put_off(name: str) -> None:
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        module.__class__ = _Unread
        sys.modules[name] = module
