"""`opscan check`: will these models run on that backend, and if not, what is in the way?"""

import sys
from pathlib import Path

import click

from opscan import backends, pipeline, serde
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.coverage import Coverage
from opscan.core.errors import NoAnswer
from opscan.core.reports import coverage_head, finding_table
from opscan.core.table import Report
from opscan.core.verdict import Support

FINDINGS, NO_ANSWER = 1, 3
# What fails the gate. `unknown` and `conditional` fail only if a policy says so.
_FAILING = (Support.UNSUPPORTED, Support.BROKEN)


@click.command()
@click.argument("references", metavar="REF…", nargs=-1, required=True)
@click.option(
    "--backend",
    "-b",
    "names",
    metavar="NAME",
    multiple=True,
    required=True,
    help="Backend profile, repeatable (opscan backends).",
)
@options.opset
@options.models
@options.cache
@options.form
@options.output
def command(
    references: tuple[str, ...],
    names: tuple[str, ...],
    opset: int | None,
    models: Path | None,
    cache: bool,
    form: str,
    output: Path | None,
) -> None:
    """Will these models run on that backend, and if not, what is in the way?

    Exits with 0 when nothing is unsupported or broken, 1 when something is, 3 when a model gave no
    answer. Unknown is neither yes nor no: it is shown and does not fail.

    Example: opscan check vit_b16 model.onnx --backend onnxruntime-cpu
    """
    for name in names:
        backends.load(name)  # a wrong name is said before anything is captured
    settings = pipeline.Options(opset=opset, models=models, cache=cache)
    results: list[serde.CheckResultJSON] = []
    reports: list[Report] = []
    worst = 0
    with terminal.progress(len(references) * len(names), "checking") as bar:
        for reference in references:
            for name in names:
                try:
                    coverage = pipeline.check(reference, name, settings)
                except NoAnswer as error:
                    results.append(serde.unanswered(reference, name, str(error)))
                    reports.append(Report(data=None, title=f"{reference} on {name}", head=(("no answer", str(error)),)))
                    worst = NO_ANSWER
                else:
                    results.append(serde.check_result(coverage))
                    reports.append(_report(coverage))
                    worst = max(worst, FINDINGS if coverage.verdict in _FAILING else 0)
                bar.advance(bar.task_ids[0])
    if form == "json":
        reports = [Report(data=serde.check_json(tuple(results), pipeline.tool_versions()))]
    terminal.write(form, reports, output)
    sys.exit(worst)


def _report(coverage: Coverage) -> Report:
    title = f"{coverage.inventory.model} on {coverage.profile.id}"
    return Report(data=None, title=title, head=coverage_head(coverage), tables=(finding_table(coverage),))
