"""What the gate found, as heads and tables; the formats in `render` write them down."""

from opscan.core.coverage import Coverage, Ratio
from opscan.core.gate import Gate, GateFinding, GateResult
from opscan.core.nearest import nearest_values
from opscan.core.partition import partitioned
from opscan.core.profile import Fallback
from opscan.core.reports import shortened
from opscan.core.table import Column, Report, Table, byte_text, counted, quantity, share
from opscan.core.verdict import WORST_LAST, Support
from opscan.core.views import control_flow

_COLUMNS = (
    Column("rule"),
    Column("severity", priority=4),
    Column("operator"),
    Column("inputs", priority=5),
    Column("outcome", priority=3),
    Column("sites", numeric=True),
    Column("reason"),
    Column("nearest", priority=3),
    Column("next", priority=2),
    Column("where", priority=1),
)


# What becomes of an operator that the backend does not support.
_FALLBACKS = {
    Fallback.REJECT: "the backend rejects the model",
    Fallback.CPU: "those operators run elsewhere",
    Fallback.PLACEHOLDER: "the model compiles, and fails where such an operator is reached",
}


def coverage_facts(coverage: Coverage) -> tuple[tuple[str, str], ...]:
    """How much is supported, each share with its denominator; and what the other sites are."""
    ratios = (
        ("sites", coverage.sites),
        ("distinct operators", coverage.operators),
        ("MACs", coverage.macs),
    )
    supported = tuple((f"supported {name}", share_text(ratio)) for name, ratio in ratios)
    rest = (
        ("other sites", _others(coverage)),
        ("unsupported", _FALLBACKS[coverage.profile.fallback] if _lacking(coverage) else ""),
        ("partitions", _partitions(coverage)),
        ("control flow", control_flow(coverage.inventory)),
    )
    return (*supported, *((name, text) for name, text in rest if text))


def _lacking(coverage: Coverage) -> bool:
    return bool(coverage.supports[Support.UNSUPPORTED])


def _others(coverage: Coverage) -> str:
    counts = coverage.supports
    parts = [f"{counts[support]} {support}" for support in WORST_LAST[1:] if counts[support]]
    gaps = len(coverage.inventory.uncaptured)
    return ", ".join([*parts, *([f"{counted(gaps, 'part')} not captured"] if gaps else [])])


def _partitions(coverage: Coverage) -> str:
    """`3, the largest of 120 sites; 8 tensors of 4.50 MB cross their borders`."""
    split = partitioned(coverage)
    if not split.partitions:
        return "none"
    largest = max(split.partitions, key=lambda partition: partition.size)
    macs = f" and {quantity(largest.macs)} MACs" if largest.macs else ""
    text = f"{len(split.partitions)}, the largest of {counted(largest.size, 'site')}{macs}"
    if not split.border_tensors:
        return text
    crossing = "crosses their" if split.border_tensors == 1 else "cross their"
    least = "at least " if split.transfers_without_bytes else ""
    size = f"{least}{byte_text(split.border_bytes)}"
    return f"{text}; {counted(split.border_tensors, 'tensor')} of {size} {crossing} borders"


def share_text(ratio: Ratio) -> str:
    """`99.1 % (545 of 550)`."""
    percent = "0.0 %" if ratio.whole and not ratio.part else share(ratio.part, ratio.whole) or "-"
    return f"{percent} ({quantity(ratio.part)} of {quantity(ratio.whole)})"


def gate_reports(gate: Gate) -> tuple[Report, ...]:
    """One report per result, and one about the configuration where there is something to say."""
    reports = [_report(result, gate.show_waived) for result in gate.results]
    if gate.findings:
        reports.append(Report(data=None, title="configuration", tables=(_table(gate.findings),)))
    return tuple(reports)


def _report(result: GateResult, show_waived: bool) -> Report:
    title = f"{result.model} on {result.backend}"
    coverage = result.coverage
    if coverage is None:
        return Report(data=None, title=title, head=(("no answer", result.reason),))
    head = (
        ("model", f"{result.model} ({coverage.inventory.dialect} {coverage.inventory.opset or ''})".replace(" )", ")")),
        ("backend", f"{coverage.profile.id}, {coverage.profile.title}"),
        ("verdict", coverage.verdict.value),
        ("gate", "fails" if result.errors else "passes"),
        *coverage_facts(coverage),
        *((("waived", f"{len(result.waived)} findings"),) if result.waived else ()),
    )
    shown = (*result.findings, *(result.waived if show_waived else ()))
    return Report(data=None, title=title, head=head, tables=(_table(shown),))


def _table(findings: tuple[GateFinding, ...]) -> Table:
    return Table(_COLUMNS, tuple(map(_row, findings)))


def _row(finding: GateFinding) -> tuple[str, ...]:
    return (
        finding.rule,
        f"waived: {finding.waiver.statement}" if finding.waiver else finding.severity.value,
        finding.operator or "(model)",
        finding.signature,
        finding.support.value if finding.support else "",
        str(finding.count) if finding.operator else "",
        finding.reason,
        nearest_values(finding.failing),
        "\n".join(finding.next),
        shortened(finding.places),
    )
