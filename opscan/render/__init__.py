"""A result -> text; one file per format. A format is a module with `render(reports, style) -> str`.

What only the findings of a check can be written in has a folder of its own, `findings`.
"""

import importlib
import pkgutil
import re
from collections.abc import Sequence
from typing import NamedTuple

from opscan.core.table import Report


class Style(NamedTuple):
    """What the place that the text goes to can show."""

    width: int = 80
    color: bool = False


# What runners of continuous integration obey: GitHub Actions a line that begins with `::`, GitHub and
# Azure Pipelines these brackets anywhere in a line.
_COMMAND = re.compile(r"^\s*::|##(?=\[|vso\[)", re.MULTILINE)
_LOOKS_ALIKE = str.maketrans({":": "\N{RATIO}", "#": "\N{MUSIC SHARP SIGN}"})


def harmless(text: str) -> str:
    """Text for a log in which no name becomes a command: characters that look alike and are as wide stand for these."""
    return _COMMAND.sub(lambda found: found[0].translate(_LOOKS_ALIKE), text)


def formats() -> tuple[str, ...]:
    """Names of the formats, found by listing this folder."""
    return tuple(sorted(info.name.removesuffix("_") for info in pkgutil.iter_modules(__path__) if not info.ispkg))


def findings_formats() -> tuple[str, ...]:
    """Names of the formats in `findings`, without importing them."""
    return tuple(sorted(info.name.removesuffix("_") for info in pkgutil.iter_modules([f"{__path__[0]}/findings"])))


def render(name: str, reports: Sequence[Report], style: Style) -> str:
    """The reports in one format, ending with a newline. `name` is one of `formats()`."""
    # A trailing underscore keeps a file apart from the standard module of that name.
    module = next(info.name for info in pkgutil.iter_modules(__path__) if info.name.removesuffix("_") == name)
    text: str = importlib.import_module(f"{__name__}.{module}").render(reports, style)
    return text
