"""Results of `opscan check` -> JSON."""

from collections.abc import Mapping

import msgspec

from opscan.core.coverage import Coverage, Finding
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


class OutcomeJSON(msgspec.Struct, frozen=True):
    """A clause that decided: `decided` is false where it could not be told whether the site meets it."""

    kind: str
    subject: str
    has: str
    allowed: str
    decided: bool


class FindingJSON(msgspec.Struct, frozen=True):
    """Sites of one operator with the same outcome and reason."""

    rule: str
    operator: str
    support: str
    reason: str
    count: int
    places: list[PlaceJSON]
    failing: list[OutcomeJSON] = []
    next: list[str] = []
    """What else stands in the way once this is dealt with."""


class ModelFindingJSON(msgspec.Struct, frozen=True):
    """What a backend demands of the model as a whole and this one does not meet."""

    rule: str
    support: str
    reason: str


class CheckResultJSON(msgspec.Struct, frozen=True):
    """One model against one backend; without an inventory, `verdict` is null and `reason` says why."""

    model: str
    backend: str
    verdict: str | None
    coverage: CoverageJSON | None
    findings: list[FindingJSON]
    reason: str = ""
    model_findings: list[ModelFindingJSON] = []


class CheckJSON(msgspec.Struct, frozen=True):
    """`opscan check … --format json`."""

    schema_version: int
    results: list[CheckResultJSON]
    tools: dict[str, str] = {}


def check_json(results: tuple[CheckResultJSON, ...], tools: Mapping[str, str]) -> CheckJSON:
    """All results of one run."""
    return CheckJSON(SCHEMA_VERSION, list(results), dict(tools))


def unanswered(model: str, backend: str, reason: str) -> CheckResultJSON:
    """A model about which nothing can be said."""
    return CheckResultJSON(model, backend, None, None, [], reason)


def check_result(coverage: Coverage) -> CheckResultJSON:
    """One model against one backend."""
    return CheckResultJSON(
        model=coverage.inventory.model,
        backend=coverage.profile.id,
        verdict=coverage.verdict.value,
        coverage=CoverageJSON(
            *(RatioJSON(r.part, r.whole, r.percent) for r in (coverage.sites, coverage.operators, coverage.macs))
        ),
        findings=[_finding(finding) for finding in coverage.findings],
        model_findings=[ModelFindingJSON(f.rule, f.support.value, f.reason) for f in coverage.model_findings],
    )


def _finding(finding: Finding) -> FindingJSON:
    return FindingJSON(
        rule=finding.rule,
        operator=finding.operator,
        support=finding.support.value,
        reason=finding.reason,
        count=finding.count,
        places=[PlaceJSON(p.modules, p.source, p.count) for p in finding.places],
        failing=[
            OutcomeJSON(o.clause.kind.value, o.clause.subject, o.has, o.allowed, o.passed is not None)
            for o in finding.failing
        ],
        next=list(finding.next),
    )
