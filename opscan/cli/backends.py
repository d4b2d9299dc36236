"""`opscan backends`: lists the backend profiles, imports one, or holds one against its runtime."""

from collections.abc import Sequence
from pathlib import Path

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.cli._import import import_lists
from opscan.cli._profiles import diff, lint, show
from opscan.cli._verify import verify
from opscan.core.profile import BackendProfile
from opscan.core.table import Column, Report, Table

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


@click.group(invoke_without_command=True)
@options.form
@options.output
@click.pass_context
def command(context: click.Context, form: str, output: Path | None) -> None:
    """List the backend profiles.

    Example: opscan backends --format json
    """
    if context.invoked_subcommand:
        return
    from opscan.pipeline.profiles import shipped_backends

    profiles = shipped_backends()
    data = _json(profiles) if form == "json" else None
    table = Table(_COLUMNS, tuple(map(_row, profiles)))
    terminal.write(form, [Report(data=data, tables=(table,))], output)


for _command in (show, diff, lint, verify, import_lists):
    command.add_command(_command)


def _row(profile: BackendProfile) -> tuple[str, ...]:
    return (
        profile.name,
        profile.version,
        profile.dialect.value,
        str(len(profile.rules)),
        "yes" if profile.exhaustive else "no",
        profile.confidence.value,
        profile.title,
        "\n".join(profile.sources),
    )


def _json(profiles: Sequence[BackendProfile]) -> dict[str, object]:
    from opscan.pipeline.options import tool_versions

    return {"schema_version": 1, "backends": list(map(_profile_json, profiles)), "tools": tool_versions()}


def _profile_json(profile: BackendProfile) -> dict[str, object]:
    return {
        "backend": profile.name,
        "version": profile.version,
        "title": profile.title,
        "dialect": profile.dialect.value,
        "operators": len(profile.rules),
        "exhaustive": profile.exhaustive,
        "confidence": profile.confidence.value,
        "sources": list(profile.sources),
    }
