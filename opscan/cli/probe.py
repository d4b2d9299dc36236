"""`opscan probe`: what a runtime or compiler accepts, measured with single-operator models."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opscan.cli import _measuring as measuring
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Measurement
from opscan.core.probe_reports import measurement_head, measurement_table
from opscan.core.record import replace
from opscan.core.table import Report
from opscan.pipeline.options import Options, tool_versions
from opscan.serde.probe import probe_json

if TYPE_CHECKING:
    from opscan.probe import Bounds, Case


@click.command()
@click.argument("references", metavar="[REF]…", nargs=-1)
@measuring.targeted
@click.option("--all-operators", is_flag=True, help="Every operator of ONNX, with generated types and attributes.")
@measuring.choosing
@measuring.bounded
@click.option(
    "--write-profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what was measured as a backend profile: no more than was tried.",
)
@options.models
@options.form
@options.output
def command(
    references: tuple[str, ...],
    asked: measuring.Asked,
    all_operators: bool,
    choice: Choice,
    bounds: "Bounds",
    write_profile: Path | None,
    models: Path | None,
    form: str,
    output: Path | None,
) -> None:
    """Hand a backend single-operator models and see what it accepts, runs, gets wrong, rejects or dies of.

    Each model runs in a process of its own kind, with bounded time, memory and disk and without
    network: a crash costs its model only. Interrupted, it reports what was done.

    REF: models whose operators are probed.

    Example: opscan probe resnet50 --runtime onnxruntime

    Example: opscan probe --all-operators --command 'mycompiler {model} -o {output}'
    """
    target = measuring.target_of(asked)
    choice = replace(choice, generated=all_operators or bool(choice.operators))
    wanted = choice.generated or choice.node_tests
    if not (references or wanted):
        raise UsageError("nothing to probe: name models, or give --all-operators, --operator or --node-tests")
    cases = (*_cases_of_models(references, choice.opsets, models), *(measuring.cases_of(choice) if wanted else ()))
    measured = measuring.measured(cases, target, bounds)
    if write_profile:
        exhaustive = all_operators and not (choice.operators or choice.sample)
        _write_profile(write_profile, cases, measured, exhaustive=exhaustive)
    terminal.write(form, [_report(measured)], output)
    if measured.interrupted:
        raise KeyboardInterrupt


def _cases_of_models(references: tuple[str, ...], opsets: tuple[int, ...], models: Path | None) -> "tuple[Case, ...]":
    """The distinct operators of the models; torch models are exported to the first of the opsets."""
    if not references:
        return ()
    from opscan.probe.extract import model_cases

    with terminal.progress(1, "taking the models apart"):
        return model_cases(references, Options(opset=opsets[0] if opsets else None, models=models))


def _write_profile(file: Path, cases: "Sequence[Case]", measured: Measurement, *, exhaustive: bool) -> None:
    from opscan.probe.profile import measured_profile

    text = measured_profile(cases, measured, file.stem, exhaustive=exhaustive and not measured.interrupted)
    terminal.write_file(file, text)


def _report(measured: Measurement) -> Report:
    data = probe_json(measured, tool_versions())
    return Report(data=data, head=measurement_head(measured), tables=(measurement_table(measured),))
