"""`opscan matrix`: models x backends, a verdict and a percentage for each pair."""

import sys
from pathlib import Path

import click

from opscan.cli import _answers as shared
from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.answer_reports import matrix_table, no_answers
from opscan.core.matrix import DENOMINATORS, Cell, Share
from opscan.core.table import Report
from opscan.pipeline.options import Options, tool_versions
from opscan.serde.answers import matrix_json


@click.command()
@shared.references
@click.option(
    "--backend", "-b", "names", metavar="BACKEND", multiple=True, help="Backend profile, repeatable.  [default: all]"
)
@click.option(
    "--by",
    type=options.Values(Share),
    default=Share.SITES.value,
    show_default=True,
    help="What the percentages are of.",
)
@options.capturing()
@options.form
@options.output
def command(
    references: tuple[str, ...],
    names: tuple[str, ...],
    by: Share,
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Which models run on which backends? One verdict and one percentage for each pair.

    REF is a model; without any: those of the configuration, else all bundled ones.

    Example: opscan matrix vit_b16 swin_t --backend onnxruntime-cpu --by macs
    """
    profiles = [_configured.load_backend(name) for name in dict.fromkeys(names or _configured.backend_names())]
    rows = [
        [Cell(model=o.entry.model, backend=o.profile.id, coverage=o.coverage, reason=o.reason) for o in row]
        for row in shared.answers(references, profiles, settings)
    ]
    notes = (f"percentages: {DENOMINATORS[by]}", *no_answers(rows))
    data = matrix_json(rows, tool_versions()) if form == "json" else None
    terminal.write(form, [Report(data=data, tables=(matrix_table(rows, by),), notes=notes)], output)
    if not any(cell.coverage for row in rows for cell in row):
        sys.exit(shared.NO_ANSWER)
