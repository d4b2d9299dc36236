"""What is kept of a model to compare it later: its operators by signature, and what they depend on."""

from collections.abc import Mapping

from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.core.record import Record, field
from opscan.core.views import operator_uses

Signed = tuple[str, str]
"""An operator and its signature: `Add` and `float32 3-D, float32 3-D`."""


class Snapshot(Record, frozen=True, kw_only=True):
    """One model in one dialect, without its sites."""

    model: str
    dialect: Dialect
    counts: Mapping[Signed, int]
    """Sites of each operator by signature."""
    opsets: Mapping[str, int] = field(default_factory=dict)
    """ONNX: domain -> opset version, `""` for ai.onnx."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Versions of the libraries that made it."""
    digest: str = ""
    """Of what the model is made of; empty where that cannot be known."""
    macs: Mapping[str, int | None] | None = None
    """Operator -> multiply-accumulates, None where a shape is unknown; without a mapping they were not kept."""

    @property
    def operators(self) -> dict[str, int]:
        """Sites of each operator, by name."""
        found: dict[str, int] = {}
        for (operator, _), count in sorted(self.counts.items()):
            found[operator] = found.get(operator, 0) + count
        return found


def snapshot(inventory: Inventory, *, model: str = "", digest: str = "") -> Snapshot:
    """The inventory without its sites."""
    uses = operator_uses(inventory)
    return Snapshot(
        model=model or inventory.model,
        dialect=inventory.dialect,
        counts={(str(use.op), str(signature)): signature.count for use in uses for signature in use.signatures},
        opsets=dict(inventory.opset_imports),
        tools=dict(inventory.tools),
        digest=digest,
        macs={str(use.op): use.macs for use in uses},
    )


def version_changes(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """What the two depend on and differ in: `torch 2.12.0 -> 2.13.0`, `opset 17 -> 20`, `the model itself`."""
    found = [
        f"{name} {before.tools.get(name, 'unknown')} -> {after.tools.get(name, 'unknown')}"
        for name in sorted({*before.tools, *after.tools})
        if before.tools.get(name) != after.tools.get(name)
    ]
    for domain in sorted({*before.opsets, *after.opsets}):
        old, new = before.opsets.get(domain, "none"), after.opsets.get(domain, "none")
        if old != new:
            found.append(f"opset {f'of {domain} ' if domain else ''}{old} -> {new}")
    if before.digest and after.digest and before.digest != after.digest:
        found.append("the model itself")
    return tuple(found)
