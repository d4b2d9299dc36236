"""Many models with all their sites: torch models from the cache or captured in parallel, files read here."""

from collections.abc import Iterator, Sequence

from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer
from opscan.core.record import replace
from opscan.core.source import ModelSource, TorchSource
from opscan.core.survey import Capture, Entry
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.pipeline.surveys import entry_of, sources_of, survey, survey_stub


def with_sites(references: Sequence[str], dialects: Sequence[Dialect], options: Options) -> Iterator[tuple[int, Entry]]:
    """Entries with their position in `references`, as they are done; a file has its own dialect only.

    Raises UsageError for an unknown reference before anything is captured. What fails costs its own
    entry only.
    """
    torch_models = []
    for number, source in enumerate(sources_of(references, options)):
        if isinstance(source, TorchSource):
            torch_models.append(number)
        else:
            yield number, _read(references[number], source, options)
    names = [references[number] for number in torch_models]
    for position, entry in survey(names, dialects, replace(options, sites=True)):
        yield torch_models[position], entry


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
