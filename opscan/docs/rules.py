"""`rules.md`: what opscan can find, one section per rule id."""

from opscan.core.rules import RULES, GateRule
from opscan.docs import Material, document

_HEAD = (
    "What `opscan check` and `opscan lock --check` can find. `opscan.yaml`, `[tool.opscan]` or `--rule ID=SEVERITY` "
    "set a rule to `off`, `warn` or `error`; `opscan explain ID` prints what stands here."
)


def pages(material: Material) -> dict[str, str]:
    """One file; it does not depend on the models."""
    return {"rules.md": document("# Rules", _HEAD, *map(_section, RULES))}


def _section(rule: GateRule) -> list[str]:
    return [
        f"## {rule.id}: {rule.name}",
        f"*{rule.default}* unless the policy says otherwise. {rule.meaning}",
        f"Example: {rule.example}.",
        rule.remedy,
    ]
