"""Options that several commands share, as decorators."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from opscan import render
from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Value = TypeVar("_Value", bound=StrEnum)


class Values(click.Choice[_Value]):
    """One of an enumeration's values, as written there."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Its value; click takes an enumeration's names."""
        return str(choice)


def path() -> click.Path:
    """A path as pathlib has it; what is there is looked at by whoever reads or writes it."""
    return click.Path(path_type=Path)


def _known_format(context: click.Context, option: click.Parameter, name: str) -> str:
    if name in render.findings_formats():
        others = ", ".join(render.formats())
        raise UsageError(f"--format {name}: holds findings, which only `opscan check` has; here it is one of {others}")
    if name not in render.formats():
        import difflib

        near = difflib.get_close_matches(name, render.formats(), n=1)
        hint = "".join(f"; did you mean {n}?" for n in near)
        raise UsageError(f"--format {name}: is not one of {', '.join(render.formats())}{hint}")
    return name


def writable(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """Said before the work is done, not after."""
    if file is not None:
        from opscan import store

        if obstacle := store.obstacle(file):
            raise UsageError(f"--output {file}: {obstacle}")
    return file


form = click.option(
    "--format",
    "-f",
    "form",
    default="table",
    show_default=True,
    metavar="FORMAT",
    callback=_known_format,
    help=f"How to write it: {', '.join(render.formats())}.",
)
output = click.option(
    "--output",
    "-o",
    type=path(),
    metavar="FILE",
    callback=writable,
    help="Write the report to this file instead of stdout.",
)
dialect = click.option(
    "--dialect", type=Values(Dialect), help="Level at which operators are named: torch source, Core ATen, or ONNX."
)
opset = click.option(
    "--opset", type=click.IntRange(min=1), help="ONNX opset to export to.  [default: that of torch.onnx.export]"
)
models = click.option(
    "--models",
    type=path(),
    metavar="FOLDER",
    help="A folder of model definitions of your own, beside the bundled ones.",
)
cache = click.option(
    "--cache/--no-cache",
    default=True,
    show_default=True,
    help="Keep captures of bundled models in the user's cache folder.",
)
jobs = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="N",
    help="Models captured at the same time.  [default: one per core]",
)

unfolded = click.option(
    "--unfolded",
    is_flag=True,
    help="Export repeated blocks one by one: the same operators, values named as in an exported file, more slowly.",
)


def timeout(command: _Command) -> _Command:
    """`--timeout`; a function, because its default takes longer to import than other commands wait for."""
    from opscan.pipeline.options import TIMEOUT

    explained = "Seconds that one model may take; it then costs its own row only."
    return click.option(
        "--timeout", type=click.FloatRange(min=1), metavar="S", default=TIMEOUT, show_default=True, help=explained
    )(command)


_CAPTURING: dict[str, Callable[[Any], Any]] = {
    "opset": opset,
    "jobs": jobs,
    "models": models,
    "cache": cache,
    "timeout": timeout,
    "unfolded": unfolded,
}
_USUAL = ("opset", "jobs", "models", "cache", "timeout")


def grouped(name: str, make: Callable[..., object], parts: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Gives a command several options as one parameter, which `make` makes of them.

    `parts`: name of each option's parameter -> its decorator; the help lists them in that order.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:  # options of any type
            made = make(**{part: given.pop(part) for part in parts})
            command(**{name: made}, **given)

        for option in reversed(list(parts.values())):
            run = option(run)
        return run

    return decorated


def capturing(*names: str) -> Callable[[Any], Any]:
    """Gives a command the options that captures take, the usual or those named, as one `settings`."""
    return grouped("settings", _settings, {name: _CAPTURING[name] for name in names or _USUAL})


def _settings(**given: Any) -> object:
    from opscan.pipeline.options import Options

    return Options(**given)
