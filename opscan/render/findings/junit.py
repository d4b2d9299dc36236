"""JUnit XML: a suite per model and backend, a test case per finding.

There is no standard; this keeps to what Jenkins' schema allows: https://github.com/testmoapp/junitxml
"""

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from opscan.core.gate import Gate, GateFinding, GateResult, locations
from opscan.core.rules import Severity
from opscan.core.table import visible_line
from opscan.render import Style
from opscan.render.findings import heading, sentence, subject, where


def render(gate: Gate, style: Style) -> str:
    """An error fails its case, a warning passes with a remark, a waived finding is skipped.

    A model without findings is one case that passes, one without an answer a case with an error.
    """
    root = Element("testsuites", name="opscan")
    if gate.findings:
        _suite(root, "configuration", gate.findings, gate.configuration)
    for result in gate.results:
        waived = result.waived if gate.show_waived else ()
        suite = _suite(root, heading(result), (*result.findings, *waived), result.file or result.model)
        if result.coverage is None:
            _no_answer(suite, result)
        elif not len(suite):
            SubElement(suite, "testcase", classname=heading(result), name="all operators")
    for element in (root, *root):
        _count(element)
    ElementTree.indent(root)
    # `##[` is a command to GitHub Actions and Azure Pipelines wherever it stands in a line of a log.
    return ElementTree.tostring(root, encoding="unicode").replace("##", "#&#35;") + "\n"


def _count(element: Element) -> None:
    """Totals, which readers demand at every level."""
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(kind) is not None for case in cases)))


def _suite(root: Element, title: str, findings: Sequence[GateFinding], file: str) -> Element:
    suite = SubElement(root, "testsuite", name=title)
    for finding in findings:
        _case(suite, title, finding, file)
    return suite


def _case(suite: Element, title: str, finding: GateFinding, file: str) -> None:
    found = locations(finding, file)
    case = SubElement(suite, "testcase", classname=title, name=visible_line(f"{finding.rule} {subject(finding)}"))
    if found[0].path:
        case.set("file", visible_line(found[0].path))
    if found[0].line:
        case.set("line", str(found[0].line))
    properties = SubElement(case, "properties")
    for name in ("rule", "severity", "operator", "signature", "reason", "count", "fingerprint"):
        SubElement(properties, "property", name=name, value=visible_line(str(getattr(finding, name))))
    text = "\n".join(f"- {line}" for line in (sentence(finding), *map(where, found)))
    if finding.waiver:
        SubElement(case, "skipped", message=sentence(finding))
    elif finding.severity is Severity.ERROR:
        SubElement(case, "failure", type=finding.rule, message=sentence(finding)).text = text
    else:
        SubElement(case, "system-out").text = f"warning\n{text}"


def _no_answer(suite: Element, result: GateResult) -> None:
    case = SubElement(suite, "testcase", classname=heading(result), name="no answer")
    SubElement(case, "error", type="no-answer", message=visible_line(result.reason))
