"""The user's configuration: `opscan.yaml` or `[tool.opscan]` in pyproject.toml, found upward.

Most folders have none, which is found out without importing what reads one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from opscan.core.errors import UsageError

if TYPE_CHECKING:
    from opscan.core.policy import Layer, Preset
    from opscan.core.waivers import Waiver

YAML_NAMES = ("opscan.yaml", "opscan.yml")
TOML_NAME = "pyproject.toml"


class Configuration(NamedTuple):
    """What a file says; the flags of a command line win over it."""

    file: str = ""
    """As messages call it; empty: there is none."""
    preset: "Preset | None" = None
    backend: tuple[str, ...] = ()
    """Backends to check against: names, or paths of profiles."""
    backend_origin: str = ""
    """Where they are named, as messages call it: `opscan.yaml:2: backend`."""
    references: tuple[str, ...] = ()
    """The models that commands are about where none is named."""
    backends: Path | None = None
    """A folder of the user's profiles."""
    layers: "tuple[Layer, ...]" = ()
    waivers: "tuple[Waiver, ...]" = ()


def find(folder: Path) -> Path | None:
    """The configuration that applies in a folder: the nearest one upward.

    Raises UsageError where a folder holds two.
    """
    for place in (folder, *folder.parents):
        found = [place / name for name in YAML_NAMES if (place / name).is_file()]
        if _has_table(place / TOML_NAME):
            found.append(place / TOML_NAME)
        if len(found) > 1:
            names = " and ".join(file.name for file in found)
            raise UsageError(f"{place}: holds two configurations, {names}; keep one, or choose with --config")
        if found:
            return found[0]
    return None


def _has_table(file: Path) -> bool:
    """Whether it configures opscan; what else is wrong with somebody else's file is not our business."""
    try:
        text = file.read_bytes()
    except OSError:
        return False
    if b"opscan" not in text:
        return False
    try:
        return opscan_table(text, file) is not None
    except UsageError:
        return b"tool.opscan" in text


def opscan_table(text: bytes, file: Path) -> Any:
    """What a pyproject.toml holds for opscan, None where there is nothing. Raises UsageError."""
    from opscan.document.toml_text import read_toml

    table = read_toml(text, shortest_name(file)).value.get("tool")
    return table.get("opscan") if isinstance(table, dict) else None


def load(file: Path | None) -> Configuration:
    """What that file says; nothing for None. Raises UsageError with all its faults, one a line."""
    if file is None:
        return Configuration()
    from opscan.configuration.reading import read

    return read(file)


def shortest_name(file: Path) -> str:
    """As short as it can be told from here."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)
