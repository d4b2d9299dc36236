"""`opscan check`: will these models run on that backend, and if not, what is in the way?"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from opscan import backends, render
from opscan.cli import _gate
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.configuration import Configuration
from opscan.core.errors import UsageError
from opscan.core.gate import FINDINGS, Gate, GateResult
from opscan.core.rules import Severity
from opscan.core.table import Report, counted
from opscan.pipeline import gates
from opscan.pipeline.options import Options
from opscan.render import findings


@click.command()
@click.argument("references", metavar="[REF]…", nargs=-1)
@click.option("--backend", "-b", "names", metavar="NAME", multiple=True, help="Name or file of a profile; repeatable.")
@click.option(
    "--ops-file",
    "ops_files",
    metavar="FILE",
    multiple=True,
    help="A bare list of operators as a backend: one name a line, # comments; repeatable.",
)
@_gate.policy
@click.option("--exit-zero", is_flag=True, help="Findings do not fail; wrong usage and missing answers still do.")
@click.option("--show-settings", is_flag=True, help="Print what applies and where each value came from, and stop.")
@options.capturing("opset", "models", "cache")
@click.option(
    "--format",
    "-f",
    "forms",
    metavar="FORMAT[=FILE]",
    multiple=True,
    help=f"{', '.join(_gate.formats())}; repeatable with files.  [default: full]",
)
@options.output
def command(
    references: tuple[str, ...],
    names: tuple[str, ...],
    ops_files: tuple[str, ...],
    flags: _gate.Flags,
    exit_zero: bool,
    show_settings: bool,
    settings: Options,
    forms: tuple[str, ...],
    output: Path | None,
) -> None:
    """Will these models run on that backend, and if not, what is in the way?

    Exits with 0 when nothing is found that the policy calls an error, 1 when something is, 3 when a
    model gave no answer. Unknown is neither yes nor no: it is shown and does not fail unless the policy
    says so. The policy is in opscan.yaml or [tool.opscan] of pyproject.toml; flags win.
    `opscan explain OPS102` tells of a rule.

    REF is a model; without any: those of the configuration.

    Example: opscan check vit_b16 model.onnx --backend onnxruntime-cpu
    """
    names = (*names, *(f"{backends.OPS_FILE}{file}" for file in ops_files))
    targets = _gate.targets(forms, output)
    found = _gate.read_configuration(flags)
    told = _gate.gate_settings(flags, found, names)
    references = tuple(dict.fromkeys(references or found.references))
    if show_settings:
        _show_settings(references, names, found, told, targets)
        return
    if not references:
        raise UsageError(
            "name a model: `opscan check REF…`, or `references:` in opscan.yaml (`opscan models` lists bundled ones)"
        )
    gate = gates.gate(_results(references, _gate.backend_names(names, found), settings, told), told)
    for target in targets:
        _write(target, gate)
    terminal.note(_summary(gate))
    code = gate.exit_code
    sys.exit(0 if exit_zero and code == FINDINGS else code)


def _results(
    references: Sequence[str], names: Sequence[str], chosen: Options, settings: gates.GateSettings
) -> list[GateResult]:
    results = []
    with terminal.progress(len(references) * len(names), "checking") as bar:
        for result in gates.check_all(references, names, chosen, settings):
            results.append(result)
            bar.update(bar.task_ids[0], advance=1, description=f"checked {result.model}")
    return results


def _write(target: _gate.Target, gate: Gate) -> None:
    if target.form in render.findings_formats():
        terminal.write_text(lambda style: findings.render(target.form, gate, style), target.path)
    elif target.form == "json":
        from opscan.pipeline.options import tool_versions
        from opscan.serde.check import check_json

        terminal.write("json", [Report(data=check_json(gate, tool_versions()))], target.path)
    else:
        from opscan.core.gate_report import gate_reports

        terminal.write(target.form, gate_reports(gate), target.path)


def _summary(gate: Gate) -> str:
    """`2 of 3 pass: 4 errors, 1 warning`."""
    passing = sum(result.coverage is not None and not result.errors for result in gate.results)
    every = [*gate.findings, *(finding for result in gate.results for finding in result.findings)]
    errors = sum(finding.severity is Severity.ERROR for finding in every)
    silent = sum(result.coverage is None for result in gate.results)
    counts = [
        counted(count, name)
        for count, name in (
            (errors, "error"),
            (len(every) - errors, "warning"),
            (sum(len(result.waived) for result in gate.results), "waived finding"),
        )
        if count
    ] + ([f"{silent} without an answer"] if silent else [])
    return f"{passing} of {len(gate.results)} pass" + (f": {', '.join(counts)}" if counts else "")


def _show_settings(
    references: Sequence[str],
    names: Sequence[str],
    found: Configuration,
    settings: gates.GateSettings,
    targets: Sequence[_gate.Target],
) -> None:
    head = (
        ("configuration", found.file or "(none)"),
        ("backend", ", ".join(names or found.backend) or "(none)"),
        ("backend from", "--backend" if names else found.file if found.backend else ""),
        ("profiles", str(found.backends or "")),
        ("preset", settings.layers[0].origin.removeprefix("preset ")),
    )
    from opscan.core.settings_report import settings_report

    report = settings_report([(k, v) for k, v in head if v], settings.layers, references, settings.waivers)
    for target in targets:
        form = target.form if target.form in render.formats() else "table"
        terminal.write(form, [report], target.path)
