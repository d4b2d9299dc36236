"""A name -> a runtime that can be run here: one file each in this folder, found by listing it.

A runtime is a module with

- `DISTRIBUTION`, the package that must be installed, and `EXTRA`, the extra of opscan's that installs it;
- `PROFILES`, the backend profiles that it can be held against, each with the provider or device to ask;
- `load(model, options)`, which takes a serialized ONNX model and gives a function from inputs to outputs;
  it raises where the runtime rejects the model.

Both run in a process of their own (opscan.probe.pool), which may crash or hang.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, cast

from opscan.core.errors import UsageError

# numpy arrays; lists of them for sequences, None for an empty optional.
Value = Any
Run = Callable[[Sequence[Value]], list[Value]]


class Unreadable(Exception):
    """The model ran, and its outputs are of a type that Python is not given."""


class NotHere(Exception):
    """This machine lacks what the model needs besides the runtime, which would take it elsewhere."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a runtime is told besides the model."""

    provider: str = ""
    """onnxruntime: the execution provider whose acceptance is asked for; openvino: the device."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The provider's own options."""


class Runtime(Protocol):
    """A module of this folder."""

    DISTRIBUTION: str
    EXTRA: str
    PROFILES: Mapping[str, str]

    def load(self, model: bytes, options: Options) -> Run:
        """Raises, with the runtime's own message, where it rejects the model."""


def names() -> tuple[str, ...]:
    """The runtimes that opscan knows, installed or not."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")))


def runtime(name: str) -> Runtime:
    """The runtime of that name, not yet imported itself. Raises UsageError with the nearest name."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}; for another use --command"
        raise UsageError(f"unknown runtime {name!r}: {hint}")
    return cast(Runtime, importlib.import_module(f"{__name__}.{name}"))


def installed_version(name: str) -> str:
    """Version of the runtime that is installed. Raises UsageError, naming the extra, where none is."""
    found = runtime(name)
    try:
        return version(found.DISTRIBUTION)
    except PackageNotFoundError as error:
        raise UsageError(f"{name} is not installed: pip install 'opscan[{found.EXTRA}]'") from error


def runtime_of(profile: str) -> tuple[str, str]:
    """The runtime and provider that a backend profile describes. Raises UsageError where none is known."""
    for name in names():
        provider = runtime(name).PROFILES.get(profile)
        if provider is not None:
            return name, provider
    known = sorted(p for name in names() for p in runtime(name).PROFILES)
    raise UsageError(f"no runtime is known for {profile}; it can be told with --runtime. Known: {', '.join(known)}")
