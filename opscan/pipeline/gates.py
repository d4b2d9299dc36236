"""Models against backends, by a policy."""

import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from opscan.core.coverage import Coverage
from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer, OpscanError
from opscan.core.gate import Gate, GateResult, judged, told_apart, waiver_findings
from opscan.core.inventory import Inventory
from opscan.core.judge import compare
from opscan.core.policy import Layer, policy
from opscan.core.profile import BackendProfile
from opscan.core.record import Record
from opscan.core.source import ModelSource
from opscan.core.waivers import Waiver
from opscan.pipeline.captures import asked, capture
from opscan.pipeline.options import Options
from opscan.pipeline.profiles import all_of, load_backend
from opscan.sources import resolve


class GateSettings(Record, frozen=True, kw_only=True):
    """What a gate is told, besides models and backends."""

    layers: tuple[Layer, ...]
    """The first is a preset's."""
    today: date
    waivers: tuple[Waiver, ...] = ()
    profiles: tuple[Path, ...] = ()
    """Folders of the user's profiles."""
    configuration: str = ""
    backend_origin: str = ""
    """Where the backends are named, for messages; empty: on the command line."""
    show_waived: bool = False


def check(reference: str, backend: str, options: Options) -> Coverage:
    """One model against one backend, without a policy. Raises NoAnswer, UsageError or DialectMismatch."""
    profile = load_backend(backend)
    source = resolve(reference, options.models)
    return compare(capture(source, *asked(source, profile, options)), profile)


def check_all(
    references: Sequence[str], names: Sequence[str], options: Options, settings: GateSettings
) -> Iterator[GateResult]:
    """One result per model and backend, in that order, as they are done; one without an answer has its reason.

    Raises UsageError before anything is captured.
    """
    profiles = all_of(names, lambda name: load_backend(name, settings.profiles), settings.backend_origin)
    sources = dict(zip(references, all_of(references, lambda reference: _source(reference, options)), strict=True))
    for reference in references:
        captured: dict[tuple[Dialect | None, Options], Inventory | OpscanError] = {}
        source = sources[reference]
        for profile in profiles:
            told = (None, options) if isinstance(source, NoAnswer) else asked(source, profile, options)
            if told not in captured:
                captured[told] = _captured(source, *told)
            yield _result(reference, captured[told], profile, settings)


def gate(results: Sequence[GateResult], settings: GateSettings) -> Gate:
    """The run as a whole, with what is to be said of its waivers."""
    about_all = policy(settings.layers, "")
    return Gate(
        results=told_apart(results),
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
