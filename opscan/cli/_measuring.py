"""What `opscan probe` and `opscan backends verify` share: their options, and the run behind a progress bar."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Measurement

if TYPE_CHECKING:
    from opscan.probe import Case, Target

RuntimeOption = Annotated[
    str, typer.Option("--runtime", "-r", help="onnxruntime, openvino, tract or iree; each is an extra of opscan's.")
]
CommandOption = Annotated[
    str,
    typer.Option(
        "--command",
        metavar="CMD",
        help="A compiler instead of a runtime: 'mycompiler {model} -o {output}'. Exit code 0: it takes the model.",
    ),
]
ProviderOption = Annotated[
    str,
    typer.Option(
        help="onnxruntime: the execution provider that must take every node; openvino: the device. Default: CPU."
    ),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--provider-option", metavar="KEY=VALUE", help="An option of the provider's, repeatable."),
]
OperatorOption = Annotated[
    list[str] | None, typer.Option("--operator", metavar="OP", help="Only this operator, repeatable.")
]
OpsetsOption = Annotated[
    list[int] | None,
    typer.Option("--opset", min=7, help="Opset of generated models, repeatable; default: 17 and the newest."),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Chooses the random combinations and values.")]
SampleOption = Annotated[
    int | None, typer.Option(min=1, help="Only so many models, chosen by their names: the same every time.")
]
NodeTestsOption = Annotated[bool, typer.Option("--node-tests", help="Also the node tests of the onnx package.")]
SecondsOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that one model may take.")]
MemoryOption = Annotated[
    int, typer.Option(min=1, metavar="GIB", help="Address space that a process of the runtime may have.")
]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes of the runtime.")]


def settings_of(texts: Sequence[str] | None) -> dict[str, str]:
    """KEY=VALUE pairs. Raises UsageError for anything else."""
    found = {}
    for text in texts or ():
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"--provider-option {text}: write it as KEY=VALUE")
        found[key] = value
    return found


def target_of(runtime: str, command: str, provider: str, settings: Sequence[str] | None) -> "Target":
    """What the models are handed to. Raises UsageError where it is not there, or cannot be told."""
    from opscan import runtimes
    from opscan.probe import Target
    from opscan.runtimes import _command

    if bool(runtime) == bool(command):
        raise UsageError("give either --runtime NAME or --command 'mycompiler {model} -o {output}'")
    if command:
        return Target(command=tuple(_command.parsed(command)))
    runtimes.installed_version(runtime)
    return Target(runtime=runtime, options=runtimes.Options(provider, settings_of(settings)))


def cases_of(choice: Choice) -> "tuple[Case, ...]":
    """Raises UsageError for operators and opsets that the installed onnx does not have."""
    from opscan.probe.corpus import chosen

    return chosen(choice)


def measured(cases: "Sequence[Case]", target: "Target", *, seconds: float, memory: int, jobs: int) -> Measurement:
    """The cases handed to the target, behind a progress bar."""
    from opscan.probe import Bounds, measure

    bounds = Bounds(seconds=seconds, memory=memory * 2**30, jobs=jobs)
    with terminal.progress(len(cases), f"probing {target.title}") as bar:
        return measure(cases, target, bounds, advancer(bar))


def advancer(bar: Any) -> Callable[[], None]:  # rich's Progress, which is imported when needed
    """A function that moves the bar by one."""
    return lambda: bar.advance(bar.task_ids[0])
