"""A result -> text; one file per format. A format is a module with `render(reports, style) -> str`."""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass

from opscan.core.table import Report


@dataclass(frozen=True, slots=True)
class Style:
    """What the place that the text goes to can show."""

    width: int = 80
    color: bool = False


def formats() -> tuple[str, ...]:
    """Names of the formats, found by listing this folder."""
    return tuple(sorted(info.name.removesuffix("_") for info in pkgutil.iter_modules(__path__)))


def render(name: str, reports: Sequence[Report], style: Style) -> str:
    """The reports in one format, ending with a newline. `name` is one of `formats()`."""
    # A trailing underscore keeps a file apart from the standard module of that name.
    module = next(info.name for info in pkgutil.iter_modules(__path__) if info.name.removesuffix("_") == name)
    text: str = importlib.import_module(f"{__name__}.{module}").render(reports, style)
    return text
