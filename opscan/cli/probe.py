"""`opscan probe`: what a runtime or compiler accepts, measured with single-operator models."""

from pathlib import Path

import click

from opscan import pipeline, serde
from opscan.cli import _measuring as measuring
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Measurement
from opscan.core.probe_reports import measurement_head, measurement_table
from opscan.core.table import Report


@click.command()
@click.argument("references", metavar="[REF]…", nargs=-1)
@measuring.runtime
@measuring.compiler
@measuring.provider
@measuring.provider_option
@click.option("--all-operators", is_flag=True, help="Every operator of ONNX, with generated types and attributes.")
@measuring.operator
@measuring.node_tests
@measuring.opsets
@measuring.seed
@measuring.sample
@measuring.timeout
@measuring.memory
@measuring.jobs
@options.models
@options.form
@options.output
def command(
    references: tuple[str, ...],
    runtime: str,
    compiler: str,
    provider: str,
    settings: tuple[str, ...],
    all_operators: bool,
    operators: tuple[str, ...],
    node_tests: bool,
    opsets: tuple[int, ...],
    seed: int,
    sample: int | None,
    timeout: float,
    memory: int,
    jobs: int,
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
    target = measuring.target_of(runtime, compiler, provider, settings)
    generated = all_operators or bool(operators)
    if not (references or generated or node_tests):
        raise UsageError("nothing to probe: name models, or give --all-operators, --operator or --node-tests")
    choice = Choice(
        operators=operators,
        opsets=opsets,
        seed=seed,
        generated=generated,
        node_tests=node_tests,
        sample=sample,
    )
    cases = measuring.cases_of(choice)
    measured = measuring.measured(cases, target, seconds=timeout, memory=memory, jobs=jobs)
    terminal.write(form, [_report(measured)], output)
    if measured.interrupted:
        raise KeyboardInterrupt


def _report(measured: Measurement) -> Report:
    data = serde.probe_json(measured, pipeline.tool_versions())
    return Report(data=data, head=measurement_head(measured), tables=(measurement_table(measured),))
