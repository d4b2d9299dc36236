"""What `opscan probe` and `opscan backends verify` share: their options, and the run behind a progress bar."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.probe import Choice, Measurement
from opscan.core.record import Record

if TYPE_CHECKING:
    from opscan.probe import Bounds, Case, Target

_SEEDS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_MOST_SEEDS = 1000

runtime = click.option(
    "--runtime",
    "-r",
    metavar="NAME",
    default="",
    help="onnxruntime, openvino, tract or iree; each is an extra of opscan's.",
)
compiler = click.option(
    "--command",
    "compiler",
    metavar="CMD",
    default="",
    help="A compiler instead of a runtime: 'mycompiler {model} -o {output}'. Exit code 0: it takes the model.",
)
provider = click.option(
    "--provider",
    metavar="NAME",
    default="",
    help="onnxruntime: the execution provider that must take every node; openvino: the device.  [default: CPU]",
)
provider_option = click.option(
    "--provider-option",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="An option of the provider's, repeatable.",
)
operator = click.option("--operator", "operators", metavar="OP", multiple=True, help="Only this operator, repeatable.")
opsets = click.option(
    "--opset",
    "opsets",
    type=click.IntRange(min=7),
    multiple=True,
    help="Opset of generated models, repeatable.  [default: 17 and the newest]",
)


class SeedRange(click.ParamType[range]):
    """`3`, or `0-15` for the sixteen from 0 to 15."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """The seeds; fails with the remedy where it is no such text."""
        found = _SEEDS.fullmatch(value)
        if not found:
            self.fail(f"{value!r} is neither a number from 0 nor a range such as 0-15", param, ctx)
        first, last = int(found[1]), int(found[2] or found[1])
        if not first <= last < first + _MOST_SEEDS:
            self.fail(f"{value} is no range of at most {_MOST_SEEDS} seeds, the first of them first", param, ctx)
        return range(first, last + 1)


seeds = click.option(
    "--seed",
    "seeds",
    type=SeedRange(),
    metavar="N|N-M",
    multiple=True,
    default=("0",),
    show_default=True,
    help="Chooses the random combinations and values; repeatable, the models of all are taken together.",
)
sample = click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only so many models, chosen by their names: the same every time.",
)
node_tests = click.option("--node-tests", is_flag=True, help="Also the node tests of the onnx package.")
timeout = click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    metavar="S",
    default=30.0,
    show_default=True,
    help="Seconds that one model may take.",
)
memory = click.option(
    "--memory",
    type=click.IntRange(min=1),
    metavar="GIB",
    default=8,
    show_default=True,
    help="Address space that a process of the runtime may have.",
)
jobs = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="Processes of the runtime.",
)


def numbers(ranges: Sequence[range]) -> tuple[int, ...]:
    """All of the seeds, each once, in order."""
    return tuple(sorted({seed for some in ranges for seed in some}))


class Asked(Record, frozen=True, kw_only=True):
    """What the models are to be handed to, as it was typed."""

    runtime: str
    compiler: str
    provider: str
    settings: tuple[str, ...]


def _choice(*, seeds: tuple[range, ...], **given: Any) -> Choice:  # options of any type
    return Choice(seeds=numbers(seeds), **given)


def _bounds(timeout: float, memory: int, jobs: int) -> "Bounds":
    from opscan.probe import Bounds

    return Bounds(seconds=timeout, memory=memory * 2**30, jobs=jobs)


targeted = options.grouped(
    "asked",
    Asked,
    {"runtime": runtime, "compiler": compiler, "provider": provider, "settings": provider_option},
)
"""Gives a command the options that say what models are handed to, as `asked`."""
choosing = options.grouped(
    "choice",
    _choice,
    {"operators": operator, "node_tests": node_tests, "opsets": opsets, "seeds": seeds, "sample": sample},
)
"""Gives a command the options that choose models, as `choice`; it generates models."""
bounded = options.grouped("bounds", _bounds, {"timeout": timeout, "memory": memory, "jobs": jobs})
"""Gives a command the options on what one model may cost, as `bounds`."""


def settings_of(texts: Sequence[str] | None) -> dict[str, str]:
    """KEY=VALUE pairs. Raises UsageError for anything else."""
    found = {}
    for text in texts or ():
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"--provider-option {text}: write it as KEY=VALUE")
        found[key] = value
    return found


def target_of(asked: Asked) -> "Target":
    """What the models are handed to. Raises UsageError where it is not there, or cannot be told."""
    from opscan import runtimes
    from opscan.probe import Target
    from opscan.runtimes import _command

    if bool(asked.runtime) == bool(asked.compiler):
        raise UsageError("give either --runtime NAME or --command 'mycompiler {model} -o {output}'")
    if asked.compiler:
        return Target(command=tuple(_command.parsed(asked.compiler)))
    runtimes.installed_version(asked.runtime)
    return Target(runtime=asked.runtime, options=runtimes.Options(asked.provider, settings_of(asked.settings)))


def cases_of(choice: Choice) -> "tuple[Case, ...]":
    """Raises UsageError for operators and opsets that the installed onnx does not have."""
    from opscan.probe.corpus import chosen

    with terminal.progress(1, "making models"):
        return chosen(choice)


def measured(cases: "Sequence[Case]", target: "Target", bounds: "Bounds") -> Measurement:
    """The cases handed to the target, behind a progress bar."""
    from opscan.probe import measure

    with terminal.progress(len(cases), f"probing {target.title}") as bar:
        return measure(cases, target, bounds, advancer(bar))


def advancer(bar: Any) -> Callable[[], None]:  # rich's Progress, which is imported when needed
    """A function that moves the bar by one."""
    return lambda: bar.advance(bar.task_ids[0])
