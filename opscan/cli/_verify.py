"""`opscan backends verify NAME`: a profile held against the runtime that it describes."""

from typing import TYPE_CHECKING, Annotated

import typer

from opscan import backends, pipeline, serde
from opscan.cli import _measuring as measuring
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.operator import Dialect
from opscan.core.probe import Agreement, Choice, Measurement
from opscan.core.probe_reports import agreement_head, disagreement_table
from opscan.core.profile import BackendProfile
from opscan.core.table import Report

if TYPE_CHECKING:
    from opscan.probe import Target

FINDINGS = 1


def verify(
    name: Annotated[str, typer.Argument(metavar="BACKEND", help="A profile (`opscan backends`).")],
    runtime: measuring.RuntimeOption = "",
    provider: measuring.ProviderOption = "",
    provider_option: measuring.SettingOption = None,
    command: measuring.CommandOption = "",
    operator: measuring.OperatorOption = None,
    node_tests: measuring.NodeTestsOption = False,
    generated: Annotated[bool, typer.Option(help="Generated models of every operator.")] = True,
    opset: measuring.OpsetsOption = None,
    seed: measuring.SeedOption = 0,
    sample: measuring.SampleOption = None,
    timeout: measuring.SecondsOption = 30.0,
    memory: measuring.MemoryOption = 8,
    jobs: measuring.JobsOption = 1,
    form: terminal.FormatOption = "table",
    output: terminal.OutputOption = None,
) -> None:
    """Does a backend do what its profile says? Verdicts beside what the installed runtime does.

    A verdict that says neither yes nor no is counted apart. Exits with 1 where profile and runtime
    say the opposite of each other.

    Example: `opscan backends verify onnxruntime-cpu --sample 500`
    """
    profile = backends.load(name)
    if profile.dialect is not Dialect.ONNX:
        raise UsageError(
            f"{profile.id} lists {profile.dialect} operators; only onnx profiles can be held against models"
        )
    target = _target(profile, runtime, command, provider, provider_option)
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
    from opscan.probe.verify import agreement

    with terminal.progress(len(cases), "judging") as bar:
        held = agreement(cases, measured, profile, measuring.advancer(bar))
    terminal.write(form, [_report(held, profile, measured)], output)
    if measured.interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(FINDINGS if held.disagreements else 0)


def _target(profile: BackendProfile, runtime: str, command: str, provider: str, settings: list[str] | None) -> "Target":
    if not runtime and not command:
        from opscan.runtimes import runtime_of

        runtime, usual = runtime_of(profile.name)
        provider = provider or usual
    return measuring.target_of(runtime, command, provider, settings)


def _report(held: Agreement, profile: BackendProfile, measured: Measurement) -> Report:
    runtime = " ".join(filter(None, (measured.runtime, measured.version)))
    other = measured.version and profile.version and measured.version.split("-")[0] != profile.version
    notes = (f"the profile describes {profile.version}, installed is {measured.version}",) if other else ()
    return Report(
        data=serde.verify_json(held, profile, measured, pipeline.tool_versions()),
        head=(("backend", f"{profile.id}, {profile.title}"), ("runtime", runtime), *agreement_head(held)),
        tables=(disagreement_table(held),),
        notes=notes,
    )
