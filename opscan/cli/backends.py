"""`opscan backends`: lists the backend profiles, imports one, or holds one against its runtime."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.table import Column, Report, Table

if TYPE_CHECKING:
    from opscan.core.listing import Listed

_COLUMNS = (
    Column("backend"),
    Column("version"),
    Column("dialect"),
    Column("operators", numeric=True),
    Column("complete", priority=2),
    Column("confidence", priority=1),
    Column("title", priority=3),
    Column("sources", priority=4),
)


# Name of each command below this one -> the module that has it, and its name there. Listing needs none of them.
_COMMANDS = {
    "diff": ("_profiles", "diff"),
    "import": ("_import", "import_lists"),
    "lint": ("_profiles", "lint"),
    "show": ("_profiles", "show"),
    "verify": ("_verify", "verify"),
}


class _Commands(click.Group):
    """The commands on one backend, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In alphabetical order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None where there is none."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"opscan.cli.{module}"), name)
        return command


@click.group(cls=_Commands, invoke_without_command=True)
@options.form
@options.output
@click.pass_context
def command(context: click.Context, form: str, output: Path | None) -> None:
    """List the backend profiles.

    Example: opscan backends --format json
    """
    if context.invoked_subcommand:
        return
    from opscan.pipeline.profiles import listed_backends

    profiles = listed_backends(_configured.folders())
    data = _json(profiles) if form == "json" else None
    table = Table(_COLUMNS, tuple(map(_row, profiles)))
    terminal.write(form, [Report(data=data, tables=(table,))], output)


def _row(profile: "Listed") -> tuple[str, ...]:
    return (
        profile.name,
        profile.version,
        profile.dialect,
        str(profile.operators),
        "yes" if profile.exhaustive else "no",
        profile.confidence,
        profile.title,
        "\n".join(profile.sources),
    )


def _json(profiles: "Sequence[Listed]") -> dict[str, object]:
    from opscan.pipeline.options import tool_versions

    return {"schema_version": 1, "backends": list(map(_profile_json, profiles)), "tools": tool_versions()}


def _profile_json(profile: "Listed") -> dict[str, object]:
    return {
        "backend": profile.name,
        "version": profile.version,
        "title": profile.title,
        "dialect": profile.dialect,
        "operators": profile.operators,
        "exhaustive": profile.exhaustive,
        "confidence": profile.confidence,
        "sources": list(profile.sources),
    }
