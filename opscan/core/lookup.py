"""Which rules of a profile speak of an operator."""

from collections.abc import Mapping, Sequence

from opscan.core.operator import AtenLevel, Dialect, OpName
from opscan.core.profile import BackendProfile, Rule, VersionMatch

_COPY = "_copy"


class Lookup:
    """The rules of a profile by operator."""

    def __init__(self, profile: BackendProfile) -> None:
        self._profile = profile
        self._rules: dict[OpName, tuple[Rule, ...]] = {
            self._normal(OpName.parse(operator)): rules for operator, rules in profile.rules.items()
        }
        self._found: dict[OpName, tuple[Rule, ...]] = {}

    def rules(self, op: OpName) -> tuple[Rule, ...]:
        """All rules for an operator; those for an overload of it before those for every overload."""
        found = self._found.get(op)
        if found is None:
            found = self._found[op] = self._look_up(op)
        return found

    def _look_up(self, op: OpName) -> tuple[Rule, ...]:
        name = self._normal(op)
        if name in self._rules:
            return self._rules[name]
        if self._profile.dialect is Dialect.ATEN and name.overload:
            return self._rules.get(OpName(name.domain, name.name), ())
        if self._profile.domain_ignored:
            return self._rules.get(OpName("", name.name), ())
        return ()

    def _normal(self, op: OpName) -> OpName:
        """ExecuTorch's edge dialect differs from core ATen in that views are copies: `view_copy` for `view`.

        https://pytorch.org/executorch/stable/ir-exir.html, "Edge Dialect". So one name stands for both,
        and a graph captured at the core level can be held against an edge profile.
        """
        if self._profile.level is AtenLevel.EDGE and op.name.endswith(_COPY):
            return OpName(op.domain, op.name.removesuffix(_COPY), op.overload)
        return op


def covers(rule: Rule, version: int | None, match: VersionMatch) -> bool:
    """Whether the rule speaks of that version of its operator; None is any."""
    if version is None or match is VersionMatch.ANY:
        return True
    since = rule.since or 0
    if rule.until is None and match is VersionMatch.EQUAL and rule.since is not None:
        return version == since
    return since <= version and (rule.until is None or version <= rule.until)


def ranges_text(rules: Sequence[Rule], match: VersionMatch) -> str:
    """`7 to 9, 11, 13 and newer`."""
    return ", ".join(dict.fromkeys(range_text(rule, match) for rule in rules))


def range_text(rule: Rule, match: VersionMatch) -> str:
    """`7 to 9`; empty where the rule speaks of every version."""
    if match is VersionMatch.ANY or (rule.since is None and rule.until is None):
        return ""
    if rule.since is None:
        return f"up to {rule.until}"
    if rule.until is None:
        return f"{rule.since}" if match is VersionMatch.EQUAL else f"{rule.since} and newer"
    return f"{rule.since}" if rule.until == rule.since else f"{rule.since} to {rule.until}"


def version_of(op: OpName, since_version: int | None, opsets: Mapping[str, int]) -> int | None:
    """The operator's version; without a schema, the version of its domain that the model imports."""
    return since_version if since_version is not None else opsets.get(op.domain)
