"""`opscan backends`: lists the backend profiles, imports one, or holds one against its runtime."""

from collections.abc import Sequence
from pathlib import Path

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.cli._profiles import diff, lint, show
from opscan.cli._verify import verify
from opscan.core.errors import UsageError
from opscan.core.profile import BackendProfile, VersionMatch
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
    from opscan import pipeline

    profiles = pipeline.shipped_backends()
    data = _json(profiles) if form == "json" else None
    table = Table(_COLUMNS, tuple(map(_row, profiles)))
    terminal.write(form, [Report(data=data, tables=(table,))], output)


for _command in (show, diff, lint, verify):
    command.add_command(_command)


@command.command("import")
@click.argument("file", metavar="CSV", type=options.path())
@click.option("--output", "-o", type=options.path(), metavar="FILE", required=True, help="The profile to write.")
@click.option("--name", required=True, help="The profile's name.")
@click.option("--title", required=True, help="The backend's full name.")
@click.option("--confidence", required=True, help="measured, registry, documented or secondary.")
@click.option("--licence", required=True, help="The licence of the list.")
@click.option("--retrieved", required=True, help="The date when it was read.")
@click.option(
    "--exhaustive/--no-exhaustive",
    default=True,
    show_default=True,
    help="Whether an operator that is not listed is unsupported.",
)
@click.option(
    "--version-match",
    type=options.Values(VersionMatch),
    default=VersionMatch.AT_LEAST.value,
    show_default=True,
    help="What a version range without end covers: that version only, all later ones, or any.",
)
@click.option(
    "--function-bodies/--no-function-bodies",
    default=False,
    show_default=True,
    help="Whether the backend expands operators that ONNX defines by a function.",
)
@click.option(
    "--cast",
    "casts",
    metavar="FROM=TO",
    multiple=True,
    help="A dtype that the backend converts by itself; repeatable.",
)
def import_list(
    file: Path,
    output: Path,
    name: str,
    title: str,
    confidence: str,
    licence: str,
    retrieved: str,
    exhaustive: bool,
    version_match: VersionMatch,
    function_bodies: bool,
    casts: tuple[str, ...],
) -> None:
    """Write a profile from an operator list in CSV.

    Its columns are described in opscan/backends/csv_import.py.

    Example: opscan backends import ort-cpu.csv -o onnxruntime-cpu.yaml --name onnxruntime-cpu …
    """
    from opscan.backends import csv_import

    settings = {
        "name": name,
        "title": title,
        "dialect": "onnx",
        "exhaustive": exhaustive,
        "version_match": version_match.value,
        "function_bodies": function_bodies,
        **({"casts": dict(map(_cast, casts))} if casts else {}),
        "confidence": confidence,
        "licence": licence,
        "retrieved": retrieved,
    }
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error
    try:
        terminal.write_file(output, csv_import.profile_of_csv(text, settings))
    except (UsageError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error


def _cast(text: str) -> tuple[str, str]:
    before, separator, after = text.partition("=")
    if not (before and separator and after):
        raise UsageError(f"--cast {text}: write it as FROM=TO, e.g. float16=float32")
    return before, after


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
    from opscan import pipeline

    return {"schema_version": 1, "backends": list(map(_profile_json, profiles)), "tools": pipeline.tool_versions()}


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
