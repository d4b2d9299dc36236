"""`opscan backends`: the backend profiles."""

from pathlib import Path
from typing import Annotated

import typer

from opscan import backends, pipeline
from opscan.backends import csv_import
from opscan.cli import _terminal as terminal
from opscan.cli._verify import verify
from opscan.core.errors import UsageError
from opscan.core.profile import BackendProfile, VersionMatch
from opscan.core.table import Column, Report, Table

app = typer.Typer(help="The backend profiles.")
app.command("verify")(verify)

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


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    form: terminal.FormatOption = "table",
    output: terminal.OutputOption = None,
) -> None:
    """List the backend profiles.

    Example: `opscan backends --format json`
    """
    if context.invoked_subcommand:
        return
    profiles = [backends.load(name) for name in backends.names()]
    data = {"schema_version": 1, "backends": [_json(p) for p in profiles], "tools": pipeline.tool_versions()}
    table = Table(_COLUMNS, tuple(map(_row, profiles)))
    terminal.write(form, [Report(data=data, tables=(table,))], output)


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="The operator list; see opscan/backends/csv_import.py.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The profile to write.")],
    name: Annotated[str, typer.Option(help="The profile's name.")],
    title: Annotated[str, typer.Option(help="The backend's full name.")],
    confidence: Annotated[str, typer.Option(help="measured, registry, documented or secondary.")],
    licence: Annotated[str, typer.Option(help="The licence of the list.")],
    retrieved: Annotated[str, typer.Option(help="The date when it was read.")],
    exhaustive: Annotated[bool, typer.Option(help="Whether an operator that is not listed is unsupported.")] = True,
    version_match: Annotated[
        VersionMatch,
        typer.Option(help="What a version range without end covers: that version only, all later ones, or any."),
    ] = VersionMatch.AT_LEAST,
    function_bodies: Annotated[
        bool, typer.Option(help="Whether the backend expands operators that ONNX defines by a function.")
    ] = False,
    casts: Annotated[
        list[str] | None,
        typer.Option("--cast", metavar="FROM=TO", help="A dtype that the backend converts by itself; repeatable."),
    ] = None,
) -> None:
    """Write a profile from an operator list in CSV.

    Example: `opscan backends import ort-cpu.csv -o onnxruntime-cpu.yaml --name onnxruntime-cpu …`
    """
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


def _json(profile: BackendProfile) -> dict[str, object]:
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
