"""A measurement as a backend profile."""

from collections.abc import Sequence
from datetime import UTC, datetime

from opscan.core.dialect import Dialect
from opscan.core.measured import rules_of
from opscan.core.probe import Measurement
from opscan.core.profile import Confidence, VersionMatch
from opscan.probe.case import Case
from opscan.probe.trials import trials_of, versions_of
from opscan.serde.rules import profile_text, rule_values

_COMMENT = "Written by `opscan probe --write-profile`; measured, and silent about what was not tried."


def measured_profile(cases: Sequence[Case], measured: Measurement, name: str, *, exhaustive: bool) -> str:
    """The text of a profile that says of every operator what was accepted.

    Of a profile that is not `exhaustive` every clause keeps to the dtypes, ranks and enumerated attribute
    values that were tried; an exhaustive one, over models of all operators, to what was refused.
    """
    rules = {}
    for operator, trials in trials_of(cases, measured).items():
        found = rules_of(operator, trials, versions_of(operator), strict=not exhaustive, cite="")
        if found:
            rules[operator] = [rule_values(rule) for rule in found]
    title = f"{measured.runtime} {measured.version}".strip()
    head = {
        "schema": 1,
        "name": name,
        "version": measured.version or "measured",
        "title": title,
        "dialect": Dialect.ONNX.value,
        "exhaustive": exhaustive,
        "version_match": VersionMatch.AT_LEAST.value,
        "sources": [{"what": _evidence(title, measured), "licence": "measured", "retrieved": _today()}],
        "confidence": Confidence.MEASURED.value,
    }
    return profile_text(head, rules, _COMMENT)


def _evidence(title: str, measured: Measurement) -> str:
    asked = sum(o.taken is not None for o in measured.observations)
    return f"{title} run on {asked} single-operator models by opscan probe"


def _today() -> str:
    return datetime.now(tz=UTC).date().isoformat()
