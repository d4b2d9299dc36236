"""For people, from the top down: the verdict, what blocks, what could not be told, the numbers."""

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from opscan.core.gate import Gate, GateFinding, GateResult, locations
from opscan.core.gate_report import coverage_facts
from opscan.core.nearest import nearest_values
from opscan.core.rules import Severity
from opscan.core.table import counted, visible_line
from opscan.core.verdict import WORST_LAST, Support
from opscan.render import Style, harmless
from opscan.render.findings import heading, where

_PLACES_SHOWN = 3
_FINDINGS_SHOWN = 20
_TITLES = {
    Support.CONDITIONAL: "Conditional: it depends on what the model does not tell",
    Support.UNKNOWN: "Unknown: neither yes nor no",
}


def render(gate: Gate, style: Style) -> str:
    """Wrapped to the width, one block per result."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=style.width,
        force_terminal=style.color,
        no_color=not style.color,
        color_system="standard" if style.color else None,
        highlight=False,
    )
    for result in gate.results:
        _print_result(console, result, gate.show_waived)
        console.print()
    if gate.findings:
        _print_section(console, "Configuration", gate.findings, gate.configuration)
        console.print()
    text = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    return harmless(text.strip("\n") + "\n")


def _print_result(console: Console, result: GateResult, show_waived: bool) -> None:
    console.print(_verdict(result))
    if result.coverage is None:
        console.print(Padding(Text(visible_line(result.reason)), (0, 0, 0, 2)))
        return
    for title, findings in _sections(result, show_waived):
        _print_section(console, title, findings, result.file or result.model)
    console.print()
    console.print(_grid(coverage_facts(result.coverage), 0))
    if result.waived and not show_waived:
        console.print(Text(f"{len(result.waived)} waived; --show-waived lists them", style="dim"))


def _verdict(result: GateResult) -> Text:
    if result.coverage is None:
        outcome, colour = "no answer", "yellow"
    else:
        outcome = f"{result.coverage.verdict}; {_failing(result.errors) or 'passes'}"
        colour = "red" if result.errors else "green"
    return Text.assemble((heading(result), "bold"), ": ", (outcome, colour))


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


def _print_section(console: Console, title: str, findings: Sequence[GateFinding], file: str) -> None:
    if not findings:
        return
    merged = _merged(findings)
    console.print()
    console.print(Text(title, style="bold"))
    for group in merged[:_FINDINGS_SHOWN]:
        _print_finding(console, group, file)
    if len(merged) > _FINDINGS_SHOWN:
        console.print(Text(f"  … and {len(merged) - _FINDINGS_SHOWN} more (--format concise lists all)", style="dim"))


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


def _print_finding(console: Console, group: Sequence[GateFinding], file: str) -> None:
    first = group[0]
    colour = "red" if first.severity is Severity.ERROR and not first.waiver else "yellow"
    sites = sum(finding.count for finding in group)
    name = Text.assemble(
        ("  "), (first.rule, colour), "  ", (visible_line(first.operator) or "the model", "bold"), style=""
    )
    if first.operator:
        name.append(f", {counted(sites, 'site')}")
    console.print(name)
    console.print(_grid(tuple(_facts(group, file)), 10))


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


def _grid(facts: Sequence[tuple[str, str]], indent: int) -> Padding:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(Text(name), Text(value))
    return Padding(grid, (0, 0, 0, indent))
