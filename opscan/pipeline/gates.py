"""Models against backends, by a policy."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from opscan.core.coverage import Coverage
from opscan.core.errors import NoAnswer, OpscanError, UsageError
from opscan.core.gate import Gate, GateResult, judged, waiver_findings
from opscan.core.inventory import Inventory
from opscan.core.judge import compare
from opscan.core.operator import AtenLevel, Dialect
from opscan.core.policy import Layer, policy
from opscan.core.profile import BackendProfile
from opscan.core.source import ModelSource, TorchSource
from opscan.core.waivers import Waiver
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.pipeline.profiles import load_backend
from opscan.sources import resolve

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What a gate is told, besides models and backends."""

    layers: tuple[Layer, ...]
    """The first is a preset's."""
    today: date
    waivers: tuple[Waiver, ...] = ()
    profiles: tuple[Path, ...] = ()
    """Folders of the user's profiles."""
    configuration: str = ""
    show_waived: bool = False


def check(reference: str, backend: str, options: Options) -> Coverage:
    """One model against one backend, without a policy. Raises NoAnswer, UsageError or DialectMismatch."""
    profile = load_backend(backend)
    source = resolve(reference, options.models)
    return compare(capture(source, *_asked(source, profile, options)), profile)


def _asked(source: ModelSource, profile: BackendProfile, options: Options) -> tuple[Dialect | None, Options]:
    """What a capture for that backend is told."""
    wanted = profile.dialect if isinstance(source, TorchSource) else None
    # The edge dialect is ExecuTorch's own, which it makes of core ATen by turning views into copies.
    level = AtenLevel.EXPORT if profile.level is AtenLevel.EXPORT else AtenLevel.CORE
    return wanted, replace(options, level=level)


def inspected(
    reference: str,
    names: Sequence[str],
    dialect: Dialect | None,
    options: Options,
    folders: tuple[Path, ...] = (),
) -> tuple[Inventory, tuple[Coverage, ...]]:
    """One capture held against several backends; without a dialect it is the first backend's.

    Raises NoAnswer, UsageError, or DialectMismatch where a backend speaks another dialect.
    """
    profiles = _all(names, lambda name: load_backend(name, folders))
    source = resolve(reference, options.models)
    if profiles and dialect is None:
        dialect, options = _asked(source, profiles[0], options)
    inventory = capture(source, dialect, options)
    return inventory, tuple(compare(inventory, profile) for profile in profiles)


def check_all(
    references: Sequence[str], names: Sequence[str], options: Options, settings: GateSettings
) -> Iterator[GateResult]:
    """One result per model and backend, in that order, as they are done; one without an answer has its reason.

    Raises UsageError before anything is captured.
    """
    profiles = _all(names, lambda name: load_backend(name, settings.profiles))
    sources = dict(zip(references, _all(references, lambda reference: _source(reference, options)), strict=True))
    for reference in references:
        captured: dict[tuple[Dialect | None, Options], Inventory | OpscanError] = {}
        source = sources[reference]
        for profile in profiles:
            asked = (None, options) if isinstance(source, NoAnswer) else _asked(source, profile, options)
            if asked not in captured:
                captured[asked] = _captured(source, *asked)
            yield _result(reference, captured[asked], profile, settings)


def _all(names: Sequence[str], load: Callable[[str], _Found]) -> list[_Found]:
    """What the names stand for. Raises UsageError with all that stand for nothing, one a line."""
    found: list[_Found] = []
    faults: list[str] = []
    for name in names:
        try:
            found.append(load(name))
        except UsageError as error:
            faults += error.lines
    if faults:
        raise UsageError(*faults)
    return found


def gate(results: Sequence[GateResult], settings: GateSettings) -> Gate:
    """The run as a whole, with what is to be said of its waivers."""
    about_all = policy(settings.layers, "")
    return Gate(
        results=tuple(results),
        configuration=settings.configuration,
        findings=waiver_findings(settings.waivers, results, about_all, settings.today),
        show_waived=settings.show_waived,
    )


def _source(reference: str, options: Options) -> ModelSource | NoAnswer:
    try:
        return resolve(reference, options.models)
    except NoAnswer as error:
        return error


def _captured(source: ModelSource | NoAnswer, wanted: Dialect | None, options: Options) -> Inventory | OpscanError:
    if isinstance(source, NoAnswer):
        return source
    try:
        return capture(source, wanted, options)
    except NoAnswer as error:
        return error


def _result(
    reference: str, found: Inventory | OpscanError, profile: BackendProfile, settings: GateSettings
) -> GateResult:
    model = _utf8(reference)
    file = model if os.path.isfile(reference) else ""
    try:
        if isinstance(found, OpscanError):
            raise found
        coverage = compare(found, profile)
    except OpscanError as error:
        reason = _utf8(str(error))
        return GateResult(model=model, backend=profile.id, file=file, reason=reason, exit_code=error.exit_code)
    chosen = policy(settings.layers, model)
    return judged(coverage, chosen, settings.waivers, settings.today, model=model, file=file)


def _utf8(text: str) -> str:
    """A file's name need not be UTF-8; reports are."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
