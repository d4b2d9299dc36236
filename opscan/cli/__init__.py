"""The command line: one thin file per command, found by listing this folder.

A command is a module (without leading underscore) with a click command named `command`. The first
line of its docstring, "`opscan NAME`: what it does.", is its line in the list of commands, which is
read without importing the module: only the command that is called is imported.
"""

import importlib
import io
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

import click

import opscan
from opscan.cli._interrupts import remembered
from opscan.core.errors import OpscanError
from opscan.core.table import visible_line

INTERRUPTED = 130
# What a shell reports of a program that wrote into a pipe without reader.
READER_GONE = 141
_SUMMARY = re.compile(r'"""`opscan [^`]+`: (?P<summary>.+?)(?:"""|$)')


class _Commands(click.Group):
    """The commands of this folder, in alphabetical order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the files; a trailing underscore keeps a name apart from a Python word."""
        return sorted(name.removesuffix("_") for name in _modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command of that name. Raises click's usage error, with the nearest names, where there is none."""
        module = next((name for name in _modules() if name.removesuffix("_") == cmd_name), None)
        if module is None:
            import difflib

            near = difflib.get_close_matches(cmd_name, self.list_commands(ctx), n=2)
            ctx.fail(f"no such command {cmd_name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
        command: click.Command = importlib.import_module(f"{__name__}.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `opscan --help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name.removesuffix("_"), _summary(name)) for name in sorted(_modules())])


def _modules() -> list[str]:
    return [file.removesuffix(".py") for file in os.listdir(__path__[0]) if file.endswith(".py") and file[0] != "_"]


def _summary(module: str) -> str:
    with open(Path(__path__[0]) / f"{module}.py", encoding="utf-8") as file:
        found = _SUMMARY.match(file.readline().rstrip())
    text = found["summary"] if found else ""
    return text[:1].upper() + text[1:]


def application() -> click.Group:
    """The group of all commands."""

    @click.group(
        cls=_Commands,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    @click.version_option(opscan.__version__, message="opscan %(version)s")
    def group() -> None:
        """Which operators do vision models need, and does a backend support them?

        A REF is a bundled model's name (opscan models), a path to an .onnx file, an inventory .json,
        or package.module:function.

        Exit codes: 0 clean, 1 findings over the policy, 2 usage or configuration, 3 no answer
        (unreadable model, capture failed), 130 interrupted, 141 nobody reads the output any more.
        """

    return group


def main() -> NoReturn:
    """Runs a command and exits with its documented code; what a user did wrong is said without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_code_of_run())


def _code_of_run() -> int:
    group = application()
    with remembered() as interrupts:
        try:
            with group.make_context("opscan", sys.argv[1:]) as context:
                group.invoke(context)
        except BaseException as error:
            if interrupts or isinstance(error, KeyboardInterrupt):
                _say("interrupted")
                return INTERRUPTED
            return _code_of(error)
    return 0


def _code_of(error: BaseException) -> int:
    """The exit code, once what there is to say has been said. Raises what is a fault of ours."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit(code=int(code)):
            return code
        case click.exceptions.NoArgsIsHelpError():
            print(error.format_message(), file=sys.stderr)
            return error.exit_code
        case click.ClickException():
            _say(_in_one_line(error))
            return error.exit_code
        case OpscanError():
            for line in error.lines:
                _say(line)
            return error.exit_code
        case BrokenPipeError():
            _drop_output()
            return READER_GONE
        case _:
            raise error


def _in_one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).removesuffix(".")
    where = getattr(error, "ctx", None)
    return f"{message}; see `{where.command_path} --help`" if where else message


def _drop_output() -> None:
    """What could not be written is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(line: str) -> None:
    print(f"opscan: {visible_line(line)}", file=sys.stderr)
