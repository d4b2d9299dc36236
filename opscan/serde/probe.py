"""Results of `opscan probe` and `opscan backends verify` -> JSON."""

from collections.abc import Mapping

import msgspec

from opscan.core.coverage import Ratio
from opscan.core.probe import Agreement, Measurement
from opscan.core.profile import BackendProfile
from opscan.serde.check import RatioJSON
from opscan.serde.document import SCHEMA_VERSION


class ObservationJSON(msgspec.Struct, frozen=True):
    """One single-operator model and what the runtime did with it."""

    case: str
    operator: str
    outcome: str
    message: str = ""


class ProbeJSON(msgspec.Struct, frozen=True):
    """`opscan probe … --format json`."""

    schema_version: int
    runtime: str
    version: str
    interrupted: bool
    counts: dict[str, int]
    observations: list[ObservationJSON]
    tools: dict[str, str] = {}


class HeldJSON(msgspec.Struct, frozen=True):
    """A verdict beside what the runtime did; `agrees` is null where one of them says neither yes nor no."""

    case: str
    operator: str
    verdict: str
    reason: str
    outcome: str
    message: str
    agrees: bool | None


class VerifyJSON(msgspec.Struct, frozen=True):
    """`opscan backends verify … --format json`. Precision and recall are of "supported"."""

    schema_version: int
    backend: str
    runtime: str
    version: str
    equal: RatioJSON
    decided: RatioJSON
    accuracy: RatioJSON
    precision: RatioJSON
    recall: RatioJSON
    wrongly_supported: RatioJSON
    held: list[HeldJSON]
    tools: dict[str, str] = {}


def probe_json(measured: Measurement, tools: Mapping[str, str]) -> ProbeJSON:
    """All models of one run."""
    return ProbeJSON(
        schema_version=SCHEMA_VERSION,
        runtime=measured.runtime,
        version=measured.version,
        interrupted=measured.interrupted,
        counts={outcome.value: count for outcome, count in measured.counts.items()},
        observations=[ObservationJSON(o.case, o.operator, o.outcome.value, o.message) for o in measured.observations],
        tools=dict(tools),
    )


def verify_json(
    agreement: Agreement, profile: BackendProfile, measured: Measurement, tools: Mapping[str, str]
) -> VerifyJSON:
    """Every verdict of one run."""
    return VerifyJSON(
        schema_version=SCHEMA_VERSION,
        backend=profile.id,
        runtime=measured.runtime,
        version=measured.version,
        equal=_ratio(agreement.equal),
        decided=_ratio(agreement.decided),
        accuracy=_ratio(agreement.accuracy),
        precision=_ratio(agreement.precision),
        recall=_ratio(agreement.recall),
        wrongly_supported=_ratio(agreement.wrongly_supported),
        held=[
            HeldJSON(
                case=h.observation.case,
                operator=h.observation.operator,
                verdict=h.support.value,
                reason=h.reason,
                outcome=h.observation.outcome.value,
                message=h.observation.message,
                agrees=h.agrees,
            )
            for h in agreement.held
        ],
        tools=dict(tools),
    )


def _ratio(ratio: Ratio) -> RatioJSON:
    return RatioJSON(ratio.part, ratio.whole, ratio.percent)
