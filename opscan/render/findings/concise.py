"""One line per finding: place, rule, severity, model, operator, reason. Editors and grep read it."""

from collections.abc import Iterator

from opscan.core.gate import Gate, GateFinding, locations
from opscan.core.table import visible_line
from opscan.render import Style, harmless
from opscan.render.findings import heading, sentence


def render(gate: Gate, style: Style) -> str:
    """`models/vit.py:61: OPS101 error vit_b16 on tract@0.21: Gelu (float32 3-D): ... (12x blocks.*.mlp)`."""
    return "".join(f"{harmless(line)}\n" for line in _lines(gate))


def _lines(gate: Gate) -> Iterator[str]:
    for finding in gate.findings:
        yield _line(finding, gate.configuration, "configuration")
    for result in gate.results:
        if result.coverage is None:
            yield f"{heading(result)}: no answer: {visible_line(result.reason)}"
        for finding in (*result.findings, *(result.waived if gate.show_waived else ())):
            yield _line(finding, result.file or result.model, heading(result))


def _line(finding: GateFinding, file: str, title: str) -> str:
    first, *others = locations(finding, file)
    place = f"{first.path}:{first.line}" if first.line else first.path
    severity = "waived" if finding.waiver else finding.severity.value
    total = f", {finding.count} in all" if others else ""
    count = f" ({first.count}x {visible_line(first.module or '(root)')}{total})" if finding.operator else ""
    return f"{visible_line(place)}: {finding.rule} {severity} {title}: {sentence(finding)}{count}"
