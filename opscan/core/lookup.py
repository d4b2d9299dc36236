"""Which rules of a profile speak of an operator."""

from collections.abc import Iterator, Mapping, Sequence

from opscan.core.composites import wholes
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile, Rule, VersionMatch

_COPY = "_copy"


class Lookup:
    """The rules of a profile by operator."""

    def __init__(self, profile: BackendProfile) -> None:
        self._profile = profile
        self._found: dict[OpName, tuple[Rule, ...]] = {}

    def rules(self, op: OpName) -> tuple[Rule, ...]:
        """All rules for an operator; where there are some for its overload, those for every overload do not count."""
        found = self._found.get(op)
        if found is None:
            names = map(str, self._names(op))
            found = next((self._profile.rules[name] for name in names if name in self._profile.rules), ())
            self._found[op] = found
        return found

    def whole(self, op: OpName) -> str:
        """What the profile lists of that which core ATen splits into the operator; empty where it lists nothing."""
        if self._profile.level is AtenLevel.EXPORT:
            return ""
        listed = {name.partition(".")[0] for name in self._profile.rules}
        return ", ".join(str(name) for name in wholes(op) if str(name) in listed)

    def _names(self, op: OpName) -> Iterator[OpName]:
        """The names under which rules for it may stand, those that are meant first."""
        yield from self._spellings(op)
        if self._profile.dialect is Dialect.ATEN and op.overload:
            yield from self._spellings(OpName(op.domain, op.name))
        if self._profile.domain_ignored and op.domain:
            yield OpName("", op.name)

    def _spellings(self, op: OpName) -> Iterator[OpName]:
        """The name, and at the edge level the other one of `view` and `view_copy`.

        ExecuTorch's edge dialect differs from core ATen in that views are copies, so one stands for
        both, and a graph captured at the core level can be held against an edge profile:
        https://pytorch.org/executorch/stable/ir-exir.html, "Edge Dialect".
        """
        yield op
        if self._profile.level is AtenLevel.EDGE:
            short = op.name.removesuffix(_COPY)
            yield OpName(op.domain, short if short != op.name else f"{op.name}{_COPY}", op.overload)


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
