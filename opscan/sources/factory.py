"""A Python factory: `package.module:function`, called without arguments for a torch.nn.Module.

Input shapes come from the module or function attribute `INPUTS`, a mapping as in bundled
definitions (`{"image": {"shape": [1, 3, 224, 224]}}`); without it one float32 image of 224 x 224.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from opscan.core.errors import NoAnswer, UsageError
from opscan.core.source import InputSpec, TorchSource

PRIORITY = 30
FORM = "package.module:function"

_PATTERN = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_][\w.]*)")
_IMAGE = {"image": InputSpec((1, 3, 224, 224))}


def resolve(reference: str, models: Path | None = None) -> TorchSource | None:
    """The factory of that name, found on sys.path or below the working folder."""
    match = _PATTERN.fullmatch(reference)
    if match is None:
        return None
    factory = _import(reference, match["module"], match["name"])
    module = sys.modules[match["module"]]
    declared = getattr(factory, "INPUTS", None) or getattr(module, "INPUTS", None)
    import msgspec

    try:
        inputs = msgspec.convert(declared, dict[str, InputSpec]) if declared else _IMAGE
    except msgspec.ValidationError as error:
        raise UsageError(f"{reference}: INPUTS: {error}") from error
    return TorchSource(name=reference, build=factory, inputs=inputs)


def _import(reference: str, module_name: str, name: str) -> Any:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # the user's module may raise anything on import
        raise NoAnswer(f"{reference}: cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise UsageError(f"{reference}: {name} is not callable")
    return found
