"""A difference -> JSON."""

from collections.abc import Mapping, Sequence

import msgspec

from opscan.core.diff import Difference, Side
from opscan.serde.document import SCHEMA_VERSION


class SideJSON(msgspec.Struct, frozen=True):
    """One of the two that are compared; `macs` is null where they are not known."""

    model: str
    dialect: str
    backend: str | None
    verdict: str | None
    operators: int
    sites: int
    macs: int | None
    opsets: dict[str, int]
    tools: dict[str, str]


class SignatureChangeJSON(msgspec.Struct, frozen=True):
    """Sites with one signature."""

    signature: str
    before: int
    after: int


class OperatorChangeJSON(msgspec.Struct, frozen=True):
    """One operator that differs; supports are null where nothing was judged."""

    operator: str
    change: str
    before: int
    after: int
    signatures: list[SignatureChangeJSON]
    macs_before: int | None
    macs_after: int | None
    support_before: str | None
    support_after: str | None
    reason: str


class DifferenceJSON(msgspec.Struct, frozen=True):
    """Two sides and what differs."""

    before: SideJSON
    after: SideJSON
    versions: list[str]
    changes: list[OperatorChangeJSON]


class DiffJSON(msgspec.Struct, frozen=True):
    """`opscan diff … --format json`; `only_before` and `only_after` are models that one lockfile lacks."""

    schema_version: int
    differences: list[DifferenceJSON]
    only_before: list[str] = []
    only_after: list[str] = []
    tools: dict[str, str] = {}


def diff_json(
    found: Sequence[Difference], only_before: Sequence[str], only_after: Sequence[str], tools: Mapping[str, str]
) -> DiffJSON:
    """All that was compared."""
    return DiffJSON(
        SCHEMA_VERSION, [_difference(one) for one in found], list(only_before), list(only_after), dict(tools)
    )


def _difference(one: Difference) -> DifferenceJSON:
    changes = [
        OperatorChangeJSON(
            operator=change.operator,
            change=change.kind,
            before=change.before,
            after=change.after,
            signatures=[SignatureChangeJSON(*signature) for signature in change.signatures],
            macs_before=change.macs_before,
            macs_after=change.macs_after,
            support_before=change.support_before and change.support_before.value,
            support_after=change.support_after and change.support_after.value,
            reason=change.reason,
        )
        for change in one.changes
    ]
    return DifferenceJSON(_side(one, one.before), _side(one, one.after), list(one.versions), changes)


def _side(one: Difference, side: Side) -> SideJSON:
    kept, coverage = side.snapshot, side.coverage
    return SideJSON(
        model=kept.model,
        dialect=kept.dialect.value,
        backend=coverage.profile.id if coverage else None,
        verdict=coverage.verdict.value if coverage else None,
        operators=len(kept.operators),
        sites=sum(kept.counts.values()),
        macs=one.macs(side),
        opsets={domain or "ai.onnx": number for domain, number in kept.opsets.items()},
        tools=dict(kept.tools),
    )
