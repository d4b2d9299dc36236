"""Many models against many backends: each model captured once in every dialect that a backend speaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from opscan.core.coverage import Coverage
from opscan.core.errors import NoAnswer, UsageError
from opscan.core.judge import compare
from opscan.core.operator import AtenLevel, Dialect
from opscan.core.profile import BackendProfile
from opscan.core.source import ModelSource, TorchSource
from opscan.core.survey import Capture, Entry
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.pipeline.surveys import entry_of, sources_of, survey, survey_stub


@dataclass(frozen=True, slots=True)
class Judged:
    """One model against one backend, or why there is no answer."""

    entry: Entry
    profile: BackendProfile
    coverage: Coverage | None
    reason: str = ""


def judged(
    references: Sequence[str], profiles: Sequence[BackendProfile], options: Options
) -> Iterator[tuple[int, tuple[Judged, ...]]]:
    """For each reference, with its position and as it is done, the answer of every profile in their order.

    Raises UsageError for an unknown reference before anything is captured. What fails costs its own
    answer only.
    """
    sources = sources_of(references, options)
    torch_models = []
    for number, source in enumerate(sources):
        if isinstance(source, TorchSource):
            torch_models.append(number)
        else:
            entry = _read(references[number], source, options)
            yield number, tuple(_judged(entry, profile) for profile in profiles)
    names = [references[number] for number in torch_models]
    found: dict[int, dict[str, Judged]] = {}
    for level, spoken in _levels(profiles).items():
        dialects = list(dict.fromkeys(profile.dialect for profile in spoken))
        for position, entry in survey(names, dialects, replace(options, level=level, sites=True)):
            answers = found.setdefault(position, {})
            answers |= {profile.id: _judged(entry, profile) for profile in spoken}
            if len(answers) == len({profile.id for profile in profiles}):
                yield torch_models[position], tuple(answers[profile.id] for profile in profiles)


def _levels(profiles: Sequence[BackendProfile]) -> dict[AtenLevel, list[BackendProfile]]:
    """Profiles by the level at which they need aten captured; all others go with the first."""
    levels: dict[AtenLevel, list[BackendProfile]] = {}
    for profile in profiles:
        # The edge dialect is ExecuTorch's own, which it makes of core ATen by turning views into copies.
        level = AtenLevel.EXPORT if profile.level is AtenLevel.EXPORT else AtenLevel.CORE
        levels.setdefault(level, []).append(profile)
    return levels


def _read(reference: str, source: ModelSource | Exception, options: Options) -> Entry:
    """A file: read in this process, for sending its sites from another takes longer."""
    if isinstance(source, Exception):
        return survey_stub(reference, (Dialect.ONNX,), options, str(source))
    try:
        inventory = capture(source, None, options)
    except NoAnswer as error:
        return survey_stub(reference, (Dialect.ONNX,), options, str(error))
    # An inventory of a bundled model belongs to that model's family.
    entry = entry_of(inventory.model, (Capture.of(inventory),), options)
    return replace(entry, model=reference)


def _judged(entry: Entry, profile: BackendProfile) -> Judged:
    """The capture in the profile's dialect held against it; a file has its own dialect only."""
    found = next((c for c in entry.captures if c.dialect is profile.dialect), entry.captures[0])
    if found.inventory is None:
        return Judged(entry, profile, None, found.reason)
    try:
        return Judged(entry, profile, compare(found.inventory, profile))
    except UsageError as error:  # another dialect, with the remedy
        return Judged(entry, profile, None, str(error))
