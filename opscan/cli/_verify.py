"""`opscan backends verify NAME`: a profile held against the runtime that it describes."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opscan.cli import _measuring as measuring
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError
from opscan.core.probe import Agreement, Choice, Measurement
from opscan.core.probe_reports import agreement_head, disagreement_table
from opscan.core.profile import BackendProfile
from opscan.core.record import replace
from opscan.core.table import Report

if TYPE_CHECKING:
    from opscan.probe import Bounds, Case, Target

FINDINGS = 1


@click.command()
@click.argument("name", metavar="BACKEND")
@measuring.targeted
@measuring.choosing
@click.option("--generated/--no-generated", default=True, show_default=True, help="Generated models of every operator.")
@measuring.bounded
@click.option(
    "--amend",
    "profile_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write rules into this profile file that correct what is wrong, in place of earlier such rules.",
)
@options.form
@options.output
def verify(
    name: str,
    asked: measuring.Asked,
    choice: Choice,
    generated: bool,
    bounds: "Bounds",
    profile_file: Path | None,
    form: str,
    output: Path | None,
) -> None:
    """Does a backend do what its profile says? Verdicts beside what the installed runtime does.

    A verdict that says neither yes nor no is counted apart. Exits with 1 where profile and runtime
    say the opposite of each other.

    Example: opscan backends verify onnxruntime-cpu --sample 500
    """
    from opscan.pipeline.profiles import load_backend

    profile = load_backend(name)
    if profile.dialect is not Dialect.ONNX:
        raise UsageError(
            f"{profile.id} lists {profile.dialect} operators; only onnx profiles can be held against models"
        )
    target = _target(profile, asked)
    cases = measuring.cases_of(replace(choice, generated=generated))
    measured = measuring.measured(cases, target, bounds)
    from opscan.probe.verify import agreement

    with terminal.progress(len(cases), "judging") as bar:
        held = agreement(cases, measured, profile, measuring.advancer(bar))
    if profile_file:
        _amend(profile_file, cases, measured, profile)
    terminal.write(form, [_report(held, profile, measured)], output)
    if measured.interrupted:
        raise KeyboardInterrupt
    sys.exit(FINDINGS if held.disagreements else 0)


def _amend(file: Path, cases: "Sequence[Case]", measured: Measurement, profile: BackendProfile) -> None:
    from opscan.probe import amend

    cite = f"opscan probe, {measured.runtime} {measured.version}".strip()
    rules = amend.corrections(cases, measured, profile, cite)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error
    terminal.write_file(file, amend.amended(text, rules, cite))
    terminal.note(f"{file}: {sum(map(len, rules.values()))} measured rules for {len(rules)} operators")


def _target(profile: BackendProfile, asked: measuring.Asked) -> "Target":
    if not asked.runtime and not asked.compiler:
        from opscan.runtimes import runtime_of

        runtime, usual = runtime_of(profile.name)
        asked = replace(asked, runtime=runtime, provider=asked.provider or usual)
    return measuring.target_of(asked)


def _report(held: Agreement, profile: BackendProfile, measured: Measurement) -> Report:
    from opscan.pipeline.options import tool_versions
    from opscan.serde.probe import verify_json

    runtime = " ".join(filter(None, (measured.runtime, measured.version)))
    other = measured.version and profile.version and measured.version.split("-")[0] != profile.version
    notes = (f"the profile describes {profile.version}, installed is {measured.version}",) if other else ()
    return Report(
        data=verify_json(held, profile, measured, tool_versions()),
        head=(("backend", f"{profile.id}, {profile.title}"), ("runtime", runtime), *agreement_head(held)),
        tables=(disagreement_table(held),),
        notes=notes,
    )
