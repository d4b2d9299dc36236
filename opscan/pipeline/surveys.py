"""Many models, one entry each: from the cache, or captured in parallel; whatever fails costs its own row."""

import math
from collections.abc import Iterator, Sequence

from opscan.core.definition import Definition
from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer, OpscanError, UsageError
from opscan.core.record import replace
from opscan.core.source import ModelSource, TorchSource
from opscan.core.survey import Capture, Entry
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.pipeline.torch_captures import capture_torch_model, kept_summaries
from opscan.sources import bundled, resolve

# The section of models that are not bundled.
OWN_MODELS = "Your models"


def survey(references: Sequence[str], dialects: Sequence[Dialect], options: Options) -> Iterator[tuple[int, Entry]]:
    """Entries with their position in `references`, as they are done: those of earlier runs first.

    Raises UsageError for an unknown reference before anything is captured. A model whose process
    dies, that takes too long or that raises costs its own row only.
    """
    sources = sources_of(references, options)
    missing = []
    for number, source in enumerate(sources):
        if entry := _entry_without_capture(references[number], source, dialects, options):
            yield number, entry
        else:
            missing.append(number)
    missing.sort(key=lambda number: _expected_work(references[number], options), reverse=True)
    work = [(references[number], tuple(dialects), options) for number in missing]
    if len(work) > 1 or any(isinstance(sources[number], TorchSource) for number in missing):
        from opscan.pipeline.processes import run

        for position, result in run(_guarded_entry, work, options.jobs, options.timeout):
            entry = survey_stub(*work[position], result) if isinstance(result, str) else result
            yield missing[position], entry
    else:
        yield from ((number, _guarded_entry(*task)) for number, task in zip(missing, work, strict=True))


def _expected_work(reference: str, options: Options) -> float:
    """A guess at how long a capture takes, to begin with the longest: the last one then ends soon after the others.

    Large networks have many operators (rank correlation 0.57 with the measured times of the bundled
    ones); one about which nothing is known may be the largest.
    """
    definition = _definition(reference, options)
    macs = definition.variant.macs if definition else None
    return math.inf if macs is None else macs


def _definition(reference: str, options: Options) -> Definition | None:
    return next((d for d in bundled.available(options.models) if d.name == reference), None)


def sources_of(references: Sequence[str], options: Options) -> list[ModelSource | OpscanError]:
    """What the references stand for, or why that cannot be told. Raises UsageError with every unknown one."""
    sources = [_source(reference, options) for reference in references]
    usage = [fault for fault in sources if isinstance(fault, UsageError)]
    if usage:
        raise UsageError(*(line for fault in usage for line in fault.lines))
    return sources


def _source(reference: str, options: Options) -> ModelSource | OpscanError:
    try:
        return resolve(reference, options.models)
    except OpscanError as error:
        return error


def _entry_without_capture(
    reference: str, source: ModelSource | OpscanError, dialects: Sequence[Dialect], options: Options
) -> Entry | None:
    if isinstance(source, OpscanError):
        return survey_stub(reference, dialects, options, str(source))
    if isinstance(source, TorchSource) and not options.sites:
        captures = kept_summaries(source, dialects, options)
        return entry_of(reference, captures, options) if captures else None
    return None


def _guarded_entry(reference: str, dialects: Sequence[Dialect], options: Options) -> Entry:
    try:
        return _captured_entry(reference, dialects, options)
    except OpscanError as error:
        return survey_stub(reference, dialects, options, str(error))


def _captured_entry(reference: str, dialects: Sequence[Dialect], options: Options) -> Entry:
    """One model of the survey; what cannot be captured becomes a reason."""
    source = resolve(reference, options.models)
    if isinstance(source, TorchSource):
        captures = capture_torch_model(source, dialects, options)
    else:
        try:
            captures = (Capture.of(capture(source, None, options)),)
        except NoAnswer as error:
            captures = (Capture(Dialect.ONNX, None, str(error)),)
    if not options.sites:  # they are not sent to the process that asked
        captures = tuple(replace(c, inventory=None) for c in captures)
    return entry_of(reference, captures, options)


def survey_stub(reference: str, dialects: Sequence[Dialect], options: Options, reason: str) -> Entry:
    """The row of a model about which nothing could be found out, and why."""
    return entry_of(reference, tuple(Capture(dialect, None, reason) for dialect in dialects), options)


def entry_of(reference: str, captures: tuple[Capture, ...], options: Options) -> Entry:
    """The row of a model, with what its definition says about it."""
    definition = _definition(reference, options)
    if definition is None:
        return Entry(model=reference, system=reference, section=OWN_MODELS, captures=captures)
    family = definition.family
    row = family.survey_row
    return Entry(
        model=definition.name,
        system=family.system,
        section=family.section,
        method=family.method,
        architecture=family.architecture,
        repository=family.repository,
        publication=family.publication,
        same_as=row.same_as if row and row.in_model == definition.name else "",
        captures=captures,
    )
