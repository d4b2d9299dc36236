"""What `opscan check` found -> text; one file per format that needs findings rather than tables.

A format is a module with `render(gate, style) -> str`.
"""

import importlib
import pkgutil

from opscan.core.gate import Gate, GateFinding, GateResult, Location
from opscan.core.nearest import nearest_values
from opscan.core.table import visible_line
from opscan.render import Style


def render(name: str, gate: Gate, style: Style) -> str:
    """The findings in one format, ending with a newline. `name` is one of `render.findings_formats()`."""
    module = next(info.name for info in pkgutil.iter_modules(__path__) if info.name.removesuffix("_") == name)
    text: str = importlib.import_module(f"{__name__}.{module}").render(gate, style)
    return text


def subject(finding: GateFinding) -> str:
    """What a finding is about: `Acos (float64 2-D)`; `the model` where it is about all of it."""
    signature = f" ({finding.signature})" if finding.signature else ""
    return f"{finding.operator}{signature}" if finding.operator else "the model"


def sentence(finding: GateFinding) -> str:
    """Operator, reason, the nearest allowed value and what is next, in one line."""
    parts = [f"{subject(finding)}: {finding.reason}" if finding.operator else finding.reason]
    if nearest := nearest_values(finding.failing):
        parts.append(f"nearest: {nearest}")
    if finding.next:
        parts.append(f"next: {'; '.join(finding.next)}")
    if finding.waiver:
        parts.append(f"waived: {finding.waiver.statement}")
    return visible_line("; ".join(parts))


def heading(result: GateResult) -> str:
    """`vit_b16 on onnxruntime-cpu@1.32.0`."""
    return visible_line(f"{result.model} on {result.backend}")


def where(location: Location) -> str:
    """`12x blocks.*.attn, models/vit.py:61`."""
    line = f":{location.line}" if location.line else ""
    parts = (location.module or "(root)", f"{location.path}{line}")
    return visible_line(f"{location.count}x {', '.join(part for part in parts if part)}")
