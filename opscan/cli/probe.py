"""`opscan probe`: what a runtime accepts, measured."""

from typing import Annotated

import typer

from opscan import pipeline, serde
from opscan.cli import _measuring as measuring
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Measurement
from opscan.core.probe_reports import measurement_head, measurement_table
from opscan.core.table import Report


def command(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[REF]…", help="Models whose operators are probed.")
    ] = None,
    runtime: measuring.RuntimeOption = "",
    compiler: measuring.CommandOption = "",
    provider: measuring.ProviderOption = "",
    provider_option: measuring.SettingOption = None,
    all_operators: Annotated[
        bool, typer.Option("--all-operators", help="Every operator of ONNX, with generated types and attributes.")
    ] = False,
    operator: measuring.OperatorOption = None,
    node_tests: measuring.NodeTestsOption = False,
    opset: measuring.OpsetsOption = None,
    seed: measuring.SeedOption = 0,
    sample: measuring.SampleOption = None,
    timeout: measuring.SecondsOption = 30.0,
    memory: measuring.MemoryOption = 8,
    jobs: measuring.JobsOption = 1,
    models: terminal.ModelsOption = None,
    form: terminal.FormatOption = "table",
    output: terminal.OutputOption = None,
) -> None:
    """Hand a backend single-operator models and see what it accepts, runs, gets wrong, rejects or dies of.

    Each model runs in a process of its own kind, with bounded time, memory and disk and without
    network: a crash costs its model only. Interrupted, it reports what was done.

    Example: `opscan probe resnet50 --runtime onnxruntime`

    Example: `opscan probe --all-operators --command 'mycompiler {model} -o {output}'`
    """
    target = measuring.target_of(runtime, compiler, provider, provider_option)
    generated = all_operators or bool(operator)
    if not (references or generated or node_tests):
        raise UsageError("nothing to probe: name models, or give --all-operators, --operator or --node-tests")
    choice = Choice(
        operators=tuple(operator or ()),
        opsets=tuple(opset or ()),
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
