"""A reference on the command line -> a model. Each file of this folder (without leading underscore)
knows one kind of reference.

A kind is a module with `PRIORITY` (lower is asked first), `FORM` (how such a reference looks, for
messages) and `resolve(reference, models) -> ModelSource | None` (None: not of this kind).
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

from opscan.core.errors import UsageError
from opscan.core.source import ModelSource
from opscan.sources import bundled


@cache
def _kinds() -> tuple[ModuleType, ...]:
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(modules, key=lambda module: (module.PRIORITY, module.__name__)))


def resolve(reference: str, models: Path | None = None) -> ModelSource:
    """The model that a reference stands for; `models` is a folder of definitions beside the bundled ones.

    Raises UsageError with the nearest names where nothing fits.
    """
    for kind in _kinds():
        source: ModelSource | None = kind.resolve(reference, models)
        if source is not None:
            return source
    import difflib

    near = difflib.get_close_matches(reference, bundled.names(models), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "`opscan models` lists the bundled ones"
    forms = ", ".join(kind.FORM for kind in _kinds())
    raise UsageError(f"unknown model {reference!r}: {hint} (a reference is {forms})")
