"""GitLab's Code Quality report, shown in merge requests.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from opscan.core.gate import Gate, GateFinding, GateResult, locations
from opscan.core.rules import Severity
from opscan.render import Style
from opscan.render.findings import heading, sentence
from opscan.render.json_ import written

_SEVERITIES = {Severity.ERROR: "major", Severity.WARN: "minor"}


def render(gate: Gate, style: Style) -> str:
    """A list of issues. Every one has a line, as GitLab demands: the first where none is known."""
    return written(list(_issues(gate)))


def _issues(gate: Gate) -> Iterator[dict[str, Any]]:
    for finding in gate.findings:
        yield _issue(finding, gate.configuration, "configuration")
    for result in gate.results:
        if result.coverage is None:
            yield _no_answer(result)
        for finding in (*result.findings, *(result.waived if gate.show_waived else ())):
            yield _issue(finding, result.file or result.model, heading(result))


def _issue(finding: GateFinding, file: str, title: str) -> dict[str, Any]:
    first = locations(finding, file)[0]
    return {
        "check_name": finding.rule,
        "description": f"{title}: {sentence(finding)}",
        "fingerprint": finding.fingerprint,
        "severity": "info" if finding.waiver else _SEVERITIES[finding.severity],
        "location": {"path": first.path, "lines": {"begin": first.line or 1}},
    }


def _no_answer(result: GateResult) -> dict[str, Any]:
    digest = hashlib.sha256(f"{result.model}\0{result.backend}".encode(errors="surrogatepass"))
    return {
        "check_name": "no-answer",
        "description": f"{heading(result)}: no answer: {result.reason}",
        "fingerprint": digest.hexdigest()[:32],
        "severity": "critical",
        "location": {"path": result.file or result.model, "lines": {"begin": 1}},
    }
