"""SARIF 2.1.0, which GitHub code scanning and most viewers read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import opscan
from opscan.core.gate import Gate, GateFinding, GateResult, Location, locations
from opscan.core.rules import RULES, GateRule, Severity
from opscan.render import Style
from opscan.render.findings import heading, sentence, where
from opscan.render.json_ import written

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARN: "warning", Severity.OFF: "none"}
_FINGERPRINT = "opscan/v1"
_INDEX = {rule.id: number for number, rule in enumerate(RULES)}


def render(gate: Gate, style: Style) -> str:
    """One run. A finding's location is its most frequent place; the others are related locations."""
    results = [_result(finding, gate.configuration, "configuration") for finding in gate.findings]
    for found in gate.results:
        shown = (*found.findings, *(found.waived if gate.show_waived else ()))
        results += [_result(finding, found.file, heading(found), found) for finding in shown]
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(gate)],
        "results": results,
    }
    return written({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver() -> dict[str, Any]:
    return {"name": "opscan", "semanticVersion": opscan.__version__, "rules": [_descriptor(rule) for rule in RULES]}


def _descriptor(rule: GateRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": f"{rule.meaning}\n\nExample: {rule.example}\n\n{rule.remedy}"},
        "defaultConfiguration": {"level": _LEVELS[rule.default]},
    }


def _invocation(gate: Gate) -> dict[str, Any]:
    """What gave no answer is told here: it is no finding, and no success."""
    silent = [result for result in gate.results if result.coverage is None]
    notes = [
        {
            "level": "error",
            "descriptor": {"id": "no-answer"},
            "message": {"text": f"{heading(result)}: no answer: {result.reason}"},
        }
        for result in silent
    ]
    return {"executionSuccessful": not silent, "toolExecutionNotifications": notes}


def _result(finding: GateFinding, file: str, title: str, result: GateResult | None = None) -> dict[str, Any]:
    found = locations(finding, file)
    document: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": "note" if finding.waiver else _LEVELS[finding.severity],
        "message": {"text": f"{title}: {sentence(finding)}"},
        "locations": [_location(found[0], finding.nodes[:1])],
        "partialFingerprints": {_FINGERPRINT: finding.fingerprint},
        "properties": _properties(finding, result),
    }
    if len(found) > 1:
        document["relatedLocations"] = _related(found[1:])
    if finding.waiver:
        document["suppressions"] = [{"kind": "external", "justification": finding.waiver.statement}]
    return document


def _properties(finding: GateFinding, result: GateResult | None) -> dict[str, Any]:
    return {
        "model": result.model if result else "",
        "backend": result.backend if result else "",
        "operator": finding.operator,
        "signature": finding.signature,
        "support": finding.support.value if finding.support else None,
        "reason": finding.reason,
        "count": finding.count,
    }


def _related(found: Sequence[Location]) -> list[dict[str, Any]]:
    return [
        {"id": number, "message": {"text": where(location)}, **_location(location)}
        for number, location in enumerate(found, 1)
    ]


def _location(location: Location, nodes: Sequence[str] = ()) -> dict[str, Any]:
    """The line where it is known, and always a logical place: the module, and a node where there is no line."""
    logical = [{"fullyQualifiedName": location.module or "(root)", "kind": "module"}]
    logical += [{"fullyQualifiedName": node, "kind": "element"} for node in nodes]
    if not location.path:
        return {"logicalLocations": logical}
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(location.path)}}
    if location.line:
        physical["region"] = {"startLine": location.line}
    return {"physicalLocation": physical, "logicalLocations": logical}


def _uri(path: str) -> str:
    """RFC 3986; a relative path stays one, for readers who know where the sources are."""
    quoted = quote(path.encode(errors="surrogatepass"), safe="/")
    return f"file://{quoted}" if path.startswith("/") else quoted
