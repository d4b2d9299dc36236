"""Results of `opscan check` -> JSON."""

from collections.abc import Mapping

import msgspec

from opscan.core.coverage import Coverage
from opscan.core.gate import Gate, GateFinding, GateResult
from opscan.core.nearest import nearest_allowed
from opscan.core.partition import partitioned
from opscan.core.verdict import Outcome
from opscan.core.waivers import Waiver
from opscan.serde.document import SCHEMA_VERSION, PlaceJSON


class RatioJSON(msgspec.Struct, frozen=True):
    """A share with both its numbers; `percent` is null where `whole` is 0."""

    part: int
    whole: int
    percent: float | None


class CoverageJSON(msgspec.Struct, frozen=True):
    """Shares of sites, distinct operators and multiply-accumulates that are supported."""

    sites: RatioJSON
    operators: RatioJSON
    macs: RatioJSON


class PartitionsJSON(msgspec.Struct, frozen=True):
    """How the model falls apart; `border_bytes` is a lower bound where `tensors_without_bytes` is not 0."""

    count: int
    sizes: list[int]
    macs: list[int]
    border_tensors: int
    border_bytes: int
    tensors_without_bytes: int
    sites_outside: int


class WaiverJSON(msgspec.Struct, frozen=True):
    """What lets a finding pass."""

    statement: str
    expires: str | None
    """The last day on which it holds, `2027-01-31`."""
    key: str
    """Where it stands in the configuration."""
    source: str


class OutcomeJSON(msgspec.Struct, frozen=True):
    """A clause that decided: `decided` is false where it could not be told whether the site meets it."""

    kind: str
    subject: str
    has: str
    allowed: str
    decided: bool
    nearest: str = ""
    """Of several allowed values the one nearest to what the site has."""


class FindingJSON(msgspec.Struct, frozen=True):
    """Sites of one operator with the same outcome, input types and reason.

    `operator` is empty and `support` null for what is about a model as a whole, or about the configuration.
    """

    rule: str
    operator: str
    support: str | None
    reason: str
    count: int
    places: list[PlaceJSON]
    nodes: list[str] = []
    """Names of the first few nodes, where no line of code tells them apart."""
    severity: str = "error"
    signature: str = ""
    """Dtype and rank of the operator's inputs."""
    failing: list[OutcomeJSON] = []
    next: list[str] = []
    """What stands in the way once this is solved."""
    fingerprint: str = ""
    """The same from run to run; unique within a result."""
    waiver: WaiverJSON | None = None


class CheckResultJSON(msgspec.Struct, frozen=True):
    """One model against one backend; without an inventory, `verdict` is null and `reason` says why."""

    model: str
    backend: str
    verdict: str | None
    coverage: CoverageJSON | None
    findings: list[FindingJSON]
    reason: str = ""
    passed: bool = False
    """Whether the gate is open: an answer, and no finding of severity error."""
    waived: list[FindingJSON] = []
    partitions: PartitionsJSON | None = None


class CheckJSON(msgspec.Struct, frozen=True):
    """`opscan check … --format json`."""

    schema_version: int
    results: list[CheckResultJSON]
    tools: dict[str, str] = {}
    findings: list[FindingJSON] = []
    """About the configuration itself: waivers that expired or waive nothing."""


def check_json(gate: Gate, tools: Mapping[str, str]) -> CheckJSON:
    """All results of one run."""
    return CheckJSON(
        SCHEMA_VERSION,
        [_result(result) for result in gate.results],
        dict(tools),
        [_finding(finding) for finding in gate.findings],
    )


def _result(result: GateResult) -> CheckResultJSON:
    return CheckResultJSON(
        model=result.model,
        backend=result.backend,
        verdict=result.coverage.verdict.value if result.coverage else None,
        coverage=coverage_json(result.coverage) if result.coverage else None,
        findings=[_finding(finding) for finding in result.findings],
        reason=result.reason,
        passed=result.coverage is not None and not result.errors,
        waived=[_finding(finding) for finding in result.waived],
        partitions=partitions_json(result.coverage) if result.coverage else None,
    )


def partitions_json(coverage: Coverage) -> PartitionsJSON:
    """How the model falls apart on the backend."""
    split = partitioned(coverage)
    return PartitionsJSON(
        count=len(split.partitions),
        sizes=[partition.size for partition in split.partitions],
        macs=[partition.macs for partition in split.partitions],
        border_tensors=split.border_tensors,
        border_bytes=split.border_bytes,
        tensors_without_bytes=split.transfers_without_bytes,
        sites_outside=split.outside,
    )


def coverage_json(coverage: Coverage) -> CoverageJSON:
    """The shares that are supported."""
    ratios = (coverage.sites, coverage.operators, coverage.macs)
    return CoverageJSON(*(RatioJSON(ratio.part, ratio.whole, ratio.percent) for ratio in ratios))


def _finding(finding: GateFinding) -> FindingJSON:
    return FindingJSON(
        rule=finding.rule,
        operator=finding.operator,
        support=finding.support.value if finding.support else None,
        reason=finding.reason,
        count=finding.count,
        places=[PlaceJSON(place.modules, place.source, place.count) for place in finding.places],
        nodes=list(finding.nodes),
        severity=finding.severity.value,
        signature=finding.signature,
        failing=list(map(_failing, finding.failing)),
        next=list(finding.next),
        fingerprint=finding.fingerprint,
        waiver=_waiver(finding.waiver) if finding.waiver else None,
    )


def _failing(outcome: Outcome) -> OutcomeJSON:
    clause = outcome.clause
    return OutcomeJSON(
        clause.kind.value,
        clause.subject,
        outcome.has,
        outcome.allowed,
        outcome.passed is not None,
        nearest_allowed(outcome),
    )


def _waiver(waiver: Waiver) -> WaiverJSON:
    expires = waiver.expires.isoformat() if waiver.expires else None
    return WaiverJSON(waiver.statement, expires, waiver.key, waiver.source)
