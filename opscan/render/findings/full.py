"""For people, from the top down: the verdict, what blocks, what could not be told, the numbers."""

from collections.abc import Iterator, Sequence

from opscan.core.gate import Gate, GateFinding, GateResult, locations
from opscan.core.gate_report import coverage_facts
from opscan.core.nearest import nearest_values
from opscan.core.rules import Severity
from opscan.core.table import counted, visible_line
from opscan.core.verdict import WORST_LAST, Support
from opscan.render import Style, harmless
from opscan.render.findings import heading, where
from opscan.render.layout import BOLD, DIM, GREEN, RED, YELLOW, sentence, side_by_side, wrapped

_PLACES_SHOWN = 3
_FINDINGS_SHOWN = 20
_INDENT = 10
_TITLES = {
    Support.CONDITIONAL: "Conditional: it depends on what the model does not tell",
    Support.UNKNOWN: "Unknown: neither yes nor no",
}


def render(gate: Gate, style: Style) -> str:
    """Wrapped to the width, one block per result."""
    lines = [line for result in gate.results for line in (*_result(result, gate.show_waived, style), "")]
    lines += _section("Configuration", gate.findings, gate.configuration, style)
    text = "\n".join(line.rstrip() for line in lines)
    return harmless(text.strip("\n") + "\n")


def _result(result: GateResult, show_waived: bool, style: Style) -> Iterator[str]:
    yield from _verdict(result, style)
    if result.coverage is None:
        yield from (f"  {line}" for line in wrapped(visible_line(result.reason), style.width - 2))
        return
    for title, findings in _sections(result, show_waived):
        yield from _section(title, findings, result.file or result.model, style)
    yield ""
    yield from side_by_side(coverage_facts(result.coverage), style, DIM)
    if result.waived and not show_waived:
        yield from sentence(style, (f"{len(result.waived)} waived; --show-waived lists them", DIM))


def _verdict(result: GateResult, style: Style) -> Iterator[str]:
    if result.coverage is None:
        outcome, colour = "no answer", YELLOW
    else:
        outcome = f"{result.coverage.verdict}; {_failing(result.errors) or 'passes'}"
        colour = RED if result.errors else GREEN
    return sentence(style, (heading(result), BOLD), (": ", ""), (outcome, colour))


def _failing(errors: Sequence[GateFinding]) -> str:
    """`fails: 8 operators at 191 sites`; empty where nothing fails."""
    at_sites = [finding for finding in errors if finding.operator]
    parts = []
    if at_sites:
        operators = counted(len({finding.operator for finding in at_sites}), "operator")
        parts.append(f"{operators} at {counted(sum(finding.count for finding in at_sites), 'site')}")
    if len(at_sites) < len(errors):
        parts.append(f"{counted(len(errors) - len(at_sites), 'demand')} on the model as a whole")
    return f"fails: {', '.join(parts)}" if parts else ""


def _sections(result: GateResult, show_waived: bool) -> Iterator[tuple[str, Sequence[GateFinding]]]:
    """Errors whatever they are; then what warns, by kind."""
    yield "What fails", result.errors
    for support, title in _TITLES.items():
        yield title, [finding for finding in result.warnings if finding.support is support]
    yield "Warnings", [finding for finding in result.warnings if finding.support not in _TITLES]
    if show_waived:
        yield "Waived", result.waived


def _section(title: str, findings: Sequence[GateFinding], file: str, style: Style) -> Iterator[str]:
    if not findings:
        return
    merged = _merged(findings)
    yield ""
    yield from sentence(style, (title, BOLD))
    for group in merged[:_FINDINGS_SHOWN]:
        yield from _finding(group, file, style)
    if len(merged) > _FINDINGS_SHOWN:
        rest = f"  … and {len(merged) - _FINDINGS_SHOWN} more (--format concise lists all)"
        yield from sentence(style, (rest, DIM))


def _merged(findings: Sequence[GateFinding]) -> list[list[GateFinding]]:
    """Findings that differ by their signature only stand together."""
    groups: dict[tuple[object, ...], list[GateFinding]] = {}
    for finding in findings:
        key = (finding.rule, finding.operator, finding.reason, finding.next, finding.waiver)
        groups.setdefault(key if finding.operator else (key, finding.fingerprint), []).append(finding)
    return sorted(groups.values(), key=_weight)


def _weight(group: Sequence[GateFinding]) -> tuple[bool, int, int]:
    """What is about the model as a whole comes first, then the worst, then the most sites."""
    first = group[0]
    worst = WORST_LAST.index(first.support) if first.support else 0
    return bool(first.operator), -worst, -sum(finding.count for finding in group)


def _finding(group: Sequence[GateFinding], file: str, style: Style) -> Iterator[str]:
    first = group[0]
    colour = RED if first.severity is Severity.ERROR and not first.waiver else YELLOW
    count = f", {counted(sum(finding.count for finding in group), 'site')}" if first.operator else ""
    name = visible_line(first.operator) or "the model"
    yield from sentence(style, ("  ", ""), (first.rule, colour), ("  ", ""), (name, BOLD), (count, ""))
    yield from side_by_side(tuple(_facts(group, file)), style, DIM, _INDENT)


def _facts(group: Sequence[GateFinding], file: str) -> Iterator[tuple[str, str]]:
    first = group[0]
    yield "why", visible_line(first.reason)
    if nearest := nearest_values(first.failing):
        yield "nearest", visible_line(nearest)
    if first.operator:
        yield "inputs", "; ".join(visible_line(f"{f.count}x {f.signature or '(none)'}") for f in group)
    places = [where(location) for finding in group for location in locations(finding, file)]
    shown = places[:_PLACES_SHOWN]
    if len(places) > _PLACES_SHOWN:
        shown.append(f"… and {len(places) - _PLACES_SHOWN} more")
    if first.places:
        yield "where", "\n".join(shown)
    nodes = [node for finding in group for node in finding.nodes][:_PLACES_SHOWN]
    if nodes:
        yield "nodes", visible_line(", ".join(nodes))
    if first.next:
        yield "next", "\n".join(map(visible_line, first.next))
    if first.waiver:
        yield "waived", visible_line(first.waiver.statement)
