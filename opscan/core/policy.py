"""What closes the gate: a severity per rule, and thresholds; each value knows where it came from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePath

from opscan.core.record import Record, field
from opscan.core.rules import RULES, Severity


class Denominator(StrEnum):
    """What a coverage is a share of."""

    SITES = "sites"
    OPERATORS = "operators"
    """Distinct operators all of whose sites are supported."""
    MACS = "macs"


class Preset(StrEnum):
    """A severity for every rule."""

    STRICT = "strict"
    """Everything fails: what is unknown or conditional too."""
    DEFAULT = "default"
    """What is certain fails, what could not be told warns."""
    ADVISORY = "advisory"
    """Nothing fails."""


Value = Severity | float | int
RULE, COVERAGE, PARTITIONS, BORDER_BYTES = "rules.", "min_coverage.", "max_partitions", "max_border_bytes"
# The threshold that a rule looks at; without one it finds nothing.
THRESHOLD_OF = {"OPS201": "min_coverage", "OPS202": PARTITIONS, "OPS203": BORDER_BYTES}


class Layer(Record, frozen=True):
    """Settings from one place, which apply to models that match one of the globs (none: to all)."""

    origin: str
    values: Mapping[str, Value]
    """Keyed as in a configuration, with dots: `rules.OPS101`, `min_coverage.sites`, `max_partitions`."""
    models: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    """Key -> the key as it was written, where that is another: `unknown` for `rules.OPS103`."""


class Setting(Record, frozen=True):
    """A value and where it came from."""

    value: Value
    origin: str


class Policy(Record, frozen=True, kw_only=True):
    """What applies to one model."""

    severities: Mapping[str, Severity]
    min_coverage: Mapping[Denominator, float] = field(default_factory=dict)
    """Percent."""
    max_partitions: int | None = None
    max_border_bytes: int | None = None

    def severity(self, rule: str) -> Severity:
        """What a finding of that rule does."""
        return self.severities[rule]


def contradictions(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """Key and fault of what cannot be meant, in the settings of one place."""
    for key, value in values.items():
        if key.startswith(COVERAGE) and not 0 <= float(value) <= 100:
            yield key, f"{value} is not a percentage from 0 to 100"
        if key.startswith(COVERAGE) and 0 < float(value) < 1:
            yield key, f"{value} is less than 1 %; write {100 * float(value):g} % as {100 * float(value):g}"
        if key in (PARTITIONS, BORDER_BYTES) and int(value) < 0:
            yield key, f"{value} is below 0"
    for rule, threshold in THRESHOLD_OF.items():
        asked = [key for key in values if key.partition(".")[0] == threshold]
        if asked and values.get(f"{RULE}{rule}") is Severity.OFF:
            yield f"{RULE}{rule}", f"is off, so {', '.join(asked)} decides nothing; leave out one of them"
    wanted = [key for key, value in values.items() if key.startswith(COVERAGE) and float(value) > 0]
    if wanted and values.get(PARTITIONS) == 0:
        yield PARTITIONS, f"0 means that nothing is supported, and {wanted[0]} asks for {values[wanted[0]]} %"


def preset_layer(preset: Preset, origin: str = "") -> Layer:
    """The severities of a preset."""
    severity = {Preset.STRICT: Severity.ERROR, Preset.ADVISORY: Severity.WARN}.get(preset)
    values = {f"{RULE}{rule.id}": severity or rule.default for rule in RULES}
    return Layer(f"preset {preset}{f' ({origin})' if origin else ''}", values)


def matches(model: str, globs: Iterable[str]) -> bool:
    """Whether a glob fits a reference, the name of its file, or that without its ending."""
    path = PurePath(model)
    return any(fnmatchcase(name, glob) for glob in globs for name in {model, path.name, path.stem})


def settings(layers: Sequence[Layer], model: str | None = None) -> dict[str, Setting]:
    """What applies to a model, later layers winning; without a model: to all that no glob singles out."""
    applying = [layer for layer in layers if not layer.models or (model is not None and matches(model, layer.models))]
    return {
        key: Setting(value, _origin(layer, key)) for layer in applying for key, value in sorted(layer.values.items())
    }


def _origin(layer: Layer, key: str) -> str:
    return layer.origins.get(key, layer.origin)


def policy(layers: Sequence[Layer], model: str) -> Policy:
    """The policy for one model. The first layer is a preset's, which names every rule."""
    found = {key: setting.value for key, setting in settings(layers, model).items()}
    return Policy(
        severities={k.removeprefix(RULE): Severity(str(v)) for k, v in found.items() if k.startswith(RULE)},
        min_coverage={
            Denominator(k.removeprefix(COVERAGE)): float(v) for k, v in found.items() if k.startswith(COVERAGE)
        },
        max_partitions=_whole(found.get(PARTITIONS)),
        max_border_bytes=_whole(found.get(BORDER_BYTES)),
    )


def _whole(value: Value | None) -> int | None:
    return None if value is None else int(value)
