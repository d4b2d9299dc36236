"""Many models against many backends: each model captured once in every dialect that a backend speaks."""

from collections.abc import Iterator, Sequence

from opscan.core.coverage import Coverage
from opscan.core.dialect import AtenLevel
from opscan.core.errors import UsageError
from opscan.core.judge import compare
from opscan.core.profile import BackendProfile
from opscan.core.record import Record, replace
from opscan.core.survey import Entry
from opscan.pipeline.inventories import with_sites
from opscan.pipeline.options import Options


class Judged(Record, frozen=True):
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
    asked = len({profile.id for profile in profiles})
    found: dict[int, dict[str, Judged]] = {}
    for level, spoken in _levels(profiles).items():
        dialects = list(dict.fromkeys(profile.dialect for profile in spoken))
        for number, entry in with_sites(references, dialects, replace(options, level=level)):
            answers = found.setdefault(number, {})
            answers |= {profile.id: _judged(entry, profile) for profile in spoken}
            if len(answers) == asked:
                yield number, tuple(answers[profile.id] for profile in profiles)
                del found[number]


def _levels(profiles: Sequence[BackendProfile]) -> dict[AtenLevel, list[BackendProfile]]:
    """Profiles by the level at which they need aten captured; all others go with the first."""
    levels: dict[AtenLevel, list[BackendProfile]] = {}
    for profile in profiles:
        # The edge dialect is ExecuTorch's own, which it makes of core ATen by turning views into copies.
        level = AtenLevel.EXPORT if profile.level is AtenLevel.EXPORT else AtenLevel.CORE
        levels.setdefault(level, []).append(profile)
    return levels


def _judged(entry: Entry, profile: BackendProfile) -> Judged:
    """The capture in the profile's dialect held against it; a file has its own dialect only."""
    found = next((c for c in entry.captures if c.dialect is profile.dialect), entry.captures[0])
    if found.inventory is None:
        return Judged(entry, profile, None, found.reason)
    try:
        return Judged(entry, profile, compare(found.inventory, profile))
    except UsageError as error:  # another dialect, with the remedy
        return Judged(entry, profile, None, str(error))
