"""`opscan rank`: what a backend should implement next, so that most models start to run."""

import sys
from pathlib import Path

import click

from opscan.cli import _answers as shared
from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.answer_reports import blocker_table, curve_notes, curve_table
from opscan.core.needs import Doubt
from opscan.core.rank import Ranking, ranking
from opscan.core.table import Report
from opscan.pipeline.options import Options, tool_versions
from opscan.serde.answers import rank_json


@click.command()
@shared.references
@click.option("--backend", "-b", metavar="BACKEND", required=True, help="The backend profile (`opscan backends`).")
@click.option(
    "--up-to", "largest", type=click.IntRange(min=1), default=10, show_default=True, help="Largest set to look for."
)
@click.option(
    "--weights", type=options.path(), metavar="FILE", help="YAML of `model: number`; a model weighs 1 unless given."
)
@shared.unknown
@shared.conditional
@options.capturing()
@options.form
@options.output
def command(
    references: tuple[str, ...],
    backend: str,
    largest: int,
    weights: Path | None,
    unknown: Doubt,
    conditional: Doubt,
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Which operator should the backend get next, so that most models start to run?

    For everything that the backend lacks: the models that it blocks, and those that it alone
    blocks. Then the best set of 1, 2, 3, ... of them.

    REF is a model; without any: those of the configuration, else all bundled ones.

    Example: opscan rank --backend onnxruntime-cpu vit_b16 swin_t
    """
    profile = _configured.load_backend(backend)
    rows = shared.answers(references, [profile], settings)
    needed, unanswered = shared.all_needs(rows, unknown, conditional)
    found = ranking(needed, shared.weights_of(weights, [one.entry.model for (one,) in rows]), largest)
    data = rank_json(
        found,
        backend=profile.id,
        unknown=unknown.value,
        conditional=conditional.value,
        unanswered=unanswered,
        tools=tool_versions(),
    )
    head = (
        ("backend", f"{profile.id}, {profile.title}"),
        ("models", str(found.models)),
        ("undecided", f"unknown counted {_counted(unknown)}, conditional counted {_counted(conditional)}"),
    )
    tables = (curve_table(found), blocker_table(found))
    notes = (*curve_notes(found), *shared.no_answer_notes(unanswered))
    terminal.write(form, [Report(data=data, head=head, tables=tables, notes=notes)], output)
    terminal.note(_summary(found))
    if not needed:
        sys.exit(shared.NO_ANSWER)


def _counted(doubt: Doubt) -> str:
    return doubt.value if doubt is Doubt.APART else f"as {doubt.value}"


def _summary(found: Ranking) -> str:
    first, last = found.curve[0], found.curve[-1]
    now = f"{len(first.unblocked)} of {found.models} models are blocked by nothing known"
    more = (
        "1 more operator or clause" if len(last.obstacles) == 1 else f"{len(last.obstacles)} more operators or clauses"
    )
    then = f"; with {more} {len(last.unblocked)}"
    return now + (then if last.obstacles else "")
