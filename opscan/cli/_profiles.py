"""`opscan backends show|diff|lint`: what a profile says, what two differ in, what is wrong with one."""

import sys
from pathlib import Path

import click

from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.profile import BackendProfile, Rule
from opscan.core.profile_reports import (
    change_head,
    change_table,
    lint_table,
    profile_head,
    rule_table,
    rules_of,
)
from opscan.core.profile_text import changes, rule_text
from opscan.core.spelling import did_you_mean
from opscan.core.table import Report

FINDINGS = 1


@click.command()
@click.argument("name", metavar="BACKEND")
@click.argument("operator", metavar="[OPERATOR]", default="")
@options.form
@options.output
def show(name: str, operator: str, form: str, output: Path | None) -> None:
    """What a profile says, of all operators or of one.

    A backend is written NAME, NAME@VERSION, or as the path of a file.

    Example: opscan backends show onnxruntime-cpu Conv
    """
    from opscan.pipeline.options import tool_versions

    profile = _configured.load_backend(name)
    rules = rules_of(profile, operator) if operator else tuple(r for rs in profile.rules.values() for r in rs)
    if operator and not rules and not profile.exhaustive:
        raise UsageError(f"{profile.id} says nothing about {operator}{did_you_mean(operator, profile.rules)}")
    if operator and not rules:
        raise UsageError(
            f"{profile.id} does not list {operator} and is complete{did_you_mean(operator, profile.rules)}"
        )
    data = {"schema_version": 1, **_json(profile, rules), "tools": tool_versions()}
    report = Report(data=data, title=profile.id, head=profile_head(profile), tables=(rule_table(profile, rules),))
    terminal.write(form, [report], output)


def _json(profile: BackendProfile, rules: tuple[Rule, ...]) -> dict[str, object]:
    facts = {name: value for name, value in profile_head(profile) if name != "source"}
    return {
        "backend": profile.id,
        "facts": facts,
        "sources": list(profile.sources),
        "rules": [{"operator": rule.operator, "rule": rule_text(rule, profile), "note": rule.note} for rule in rules],
    }


@click.command()
@click.argument("old", metavar="FROM")
@click.argument("new", metavar="TO")
@options.form
@options.output
def diff(old: str, new: str, form: str, output: Path | None) -> None:
    """What one profile has that another lacks: what a new version gained, lost and changed.

    Example: opscan backends diff onnxruntime-cpu@1.27.0 onnxruntime-cpu@1.32.0
    """
    from opscan.pipeline.options import tool_versions

    before, after = _configured.load_backend(old), _configured.load_backend(new)
    if before.dialect is not after.dialect:
        raise UsageError(f"{before.id} lists {before.dialect} operators, {after.id} lists {after.dialect} ones")
    found = changes(before, after)
    data = {
        "schema_version": 1,
        "from": before.id,
        "to": after.id,
        "changes": [
            {"change": c.kind, "operator": c.operator, "before": list(c.before), "after": list(c.after)} for c in found
        ],
        "tools": tool_versions(),
    }
    title = f"{before.id} to {after.id}"
    report = Report(data=data, title=title, head=change_head(before, after, found), tables=(change_table(found),))
    terminal.write(form, [report], output)


@click.command()
@click.argument("names", metavar="[BACKEND…]", nargs=-1)
@options.form
@options.output
def lint(names: tuple[str, ...], form: str, output: Path | None) -> None:
    """Does everything exist that a profile speaks of? All shipped profiles, or those named.

    Exits with 1 where something does not.

    Operators, versions, type variables, dtypes, attributes and operands are looked up in the schemas
    of ONNX, of onnxruntime where it is installed, and of torch.

    Example: opscan backends lint ./npu.yaml
    """
    from opscan.pipeline.options import tool_versions
    from opscan.pipeline.profiles import shipped_backends
    from opscan.pipeline.schemas import linted

    profiles = tuple(map(_configured.load_backend, names)) or shipped_backends()
    faults = linted(profiles)
    count = sum(map(len, faults.values()))
    data = {
        "schema_version": 1,
        "backends": [
            {"backend": name, "faults": [{"key": f.path, "fault": f.text} for f in found]}
            for name, found in faults.items()
        ],
        "tools": tool_versions(),
    }
    head = (("profiles", str(len(faults))), ("faults", str(count)))
    terminal.write(form, [Report(data=data, head=head, tables=(lint_table(faults),) if count else ())], output)
    sys.exit(FINDINGS if count else 0)
