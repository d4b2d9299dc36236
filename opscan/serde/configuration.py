"""What may stand in a configuration."""

import msgspec

from opscan.core.policy import Denominator, Preset
from opscan.core.rules import Severity


class SettingsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What closes the gate."""

    rules: dict[str, Severity] = {}
    """Rule id -> off, warn or error; `opscan explain` lists the ids."""
    unknown: Severity | None = None
    """Short for `rules.OPS103`: warn or error."""
    min_coverage: float | dict[Denominator, float] | None = None
    """Percent that must be supported; a bare number is that of sites."""
    max_partitions: int | None = None
    max_border_bytes: int | str | None = None
    """Bytes, or a number with a unit: `4 MiB`, `10 MB`."""


class OverrideFile(SettingsFile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings for models that match a glob; of two that match, the later one wins."""

    models: str | list[str]


class WaiverFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See opscan.core.waivers.Waiver."""

    rule: str
    statement: str
    model: str = "*"
    backend: str = "*"
    operator: str | None = None
    module: str | None = None
    expires: str | None = None


class ConfigurationFile(SettingsFile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`opscan.yaml`, or `[tool.opscan]` in pyproject.toml."""

    preset: Preset | None = None
    backend: str | list[str] = []
    """The backends to check against, as with `--backend`."""
    references: str | list[str] = []
    """The models that commands are about where none is named: as on a command line, globs among them."""
    backends: str | None = None
    """A folder of backend profiles of your own."""
    overrides: list[OverrideFile] = []
    waivers: list[WaiverFile] = []
