"""Annotations of GitHub Actions: workflow commands, which the runner shows at the lines of a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator, Mapping

from opscan.core.gate import Gate, GateFinding, locations
from opscan.core.rules import BY_ID, Severity
from opscan.core.table import visible
from opscan.render import Style
from opscan.render.findings import heading, sentence, where

# What the runner decodes again; a property's value ends at a comma, its name at a colon.
_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_MESSAGE, ":": "%3A", ",": "%2C"}
_COMMANDS = {Severity.ERROR: "error", Severity.WARN: "warning"}


def render(gate: Gate, style: Style) -> str:
    """One command a line. GitHub shows ten of each kind per step, so errors come first."""
    return "".join(f"{line}\n" for line in sorted(_commands(gate), key=_rank))


def _rank(line: str) -> int:
    return next(rank for rank, name in enumerate(("error", "warning", "notice")) if line.startswith(f"::{name} "))


def _commands(gate: Gate) -> Iterator[str]:
    for finding in gate.findings:
        yield _of(finding, gate.configuration, "configuration")
    for result in gate.results:
        if result.coverage is None:
            yield _command("error", {"file": result.file, "title": heading(result)}, f"no answer: {result.reason}")
        for finding in (*result.findings, *(result.waived if gate.show_waived else ())):
            yield _of(finding, result.file, heading(result))


def _of(finding: GateFinding, file: str, title: str) -> str:
    found = locations(finding, file)
    kind = "notice" if finding.waiver else _COMMANDS[finding.severity]
    properties = {
        "file": found[0].path,
        "line": str(found[0].line or ""),
        "title": f"{finding.rule} {BY_ID[finding.rule].name}: {title}",
    }
    places = "\n".join(where(location) for location in found) if finding.operator else ""
    return _command(kind, properties, "\n".join(filter(None, (sentence(finding), places))))


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    given = ",".join(f"{name}={_escaped(value, _PROPERTY)}" for name, value in properties.items() if value)
    return f"::{kind} {given}::{_escaped(message, _MESSAGE)}"


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in visible(text))
