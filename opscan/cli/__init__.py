"""The command line: one thin file per command, found by listing this folder.

A command is a module (without leading underscore) with a function `command`.
"""

import importlib
import io
import pkgutil
import sys
from typing import Annotated

import typer

import opscan
from opscan.core.errors import OpscanError
from opscan.core.table import visible

INTERRUPTED = 130
# What a shell reports of a program that wrote into a pipe without reader.
READER_GONE = 141


def application() -> typer.Typer:
    """The Typer application with all commands, in alphabetical order."""
    app = typer.Typer(
        name="opscan",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_opscan)
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{__name__}.{info.name}")
            if hasattr(module, "app"):  # a command with commands of its own
                app.add_typer(module.app, name=info.name)
            else:
                app.command(info.name.removesuffix("_"))(module.command)
    return app


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"opscan {opscan.__version__}")
        raise typer.Exit


def _opscan(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Which operators do vision models need, and does a backend support them?

    A REF is a bundled model's name (`opscan models`), a path to an .onnx file, an inventory .json,
    or package.module:function.

    Exit codes: 0 clean, 1 findings over the policy, 2 usage or configuration, 3 no answer
    (unreadable model, capture failed), 130 interrupted, 141 nobody reads the output any more.
    """


def main() -> None:
    """Runs a command and exits with its documented code; what a user did wrong is said without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="backslashreplace")
    try:
        application()()
    except OpscanError as error:
        for line in str(error).split("\n"):
            _say(line)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer ends with 1, which would say "findings"
            sys.exit(READER_GONE)
        if end.code == INTERRUPTED:  # how typer ends on Ctrl-C, without a word
            _say("interrupted")
        raise


def _say(line: str) -> None:
    print(f"opscan: {visible(line)}", file=sys.stderr)
