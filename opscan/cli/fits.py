"""`opscan fits`: which models run on a backend, and what is in the way of the nearest others."""

import sys
from pathlib import Path

import click

from opscan import backends
from opscan.cli import _answers as shared
from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.answer_reports import fits_table
from opscan.core.errors import UsageError
from opscan.core.fits import Fit, fits
from opscan.core.needs import Doubt
from opscan.core.table import Report, counted
from opscan.pipeline.options import Options, tool_versions
from opscan.serde.answers import fits_json

_PLURAL = {Fit.RUNS: "run"}


@click.command()
@shared.references
@click.option("--backend", "-b", metavar="BACKEND", help="The backend profile (`opscan backends`).")
@click.option(
    "--ops-file", metavar="FILE", help="A bare list of ONNX operator names, one a line, instead of a profile."
)
@shared.unknown
@shared.conditional
@options.capturing()
@options.form
@options.output
def command(
    references: tuple[str, ...],
    backend: str | None,
    ops_file: str | None,
    unknown: Doubt,
    conditional: Doubt,
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Which models run on that backend as they are, and what is in the way of the nearest others?

    REF is a model; without any: those of the configuration, else all bundled ones.

    Example: opscan fits --ops-file operators.txt swin_t swin_s swin_b
    """
    names = [name for name in (backend, ops_file and f"{backends.OPS_FILE}{ops_file}") if name]
    if len(names) != 1:
        raise UsageError("give either --backend or --ops-file")
    profile = _configured.load_backend(names[0])
    rows = shared.answers(references, [profile], settings)
    needed, unanswered = shared.all_needs(rows, unknown, conditional)
    found = fits(needed)
    data = fits_json(found, backend=profile.id, unanswered=unanswered, tools=tool_versions())
    head = (("backend", f"{profile.id}, {profile.title}"),)
    notes = shared.no_answer_notes(unanswered)
    terminal.write(form, [Report(data=data, head=head, tables=(fits_table(found),), notes=notes)], output)
    counts = [f"{sum(len(f.models) for f in found if f.fit is fit)} {_PLURAL.get(fit, fit.value)}" for fit in Fit]
    terminal.note(f"{counted(len(needed), 'model')}: {', '.join(counts)}")
    if not needed:
        sys.exit(shared.NO_ANSWER)
