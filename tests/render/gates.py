"""Strategies that generate what a check found, with names as a hostile model or file could have them."""

from datetime import date

from hypothesis import strategies as st

from opscan.core.dialect import Dialect
from opscan.core.gate import Gate, GateFinding, GateResult
from opscan.core.judge import compare
from opscan.core.profile import Rule
from opscan.core.rules import RULES, Severity
from opscan.core.verdict import Support
from opscan.core.views import Place
from opscan.core.waivers import Waiver
from tests.fakes import inventory, profile

HOSTILE = [
    "a\nb",
    "a\r\nb\rc",
    "\n::error file=x::injected",
    "::error file=x::injected",
    "  ::warning::injected",
    "x\n##[error]injected",
    "##vso[task.complete result=Failed]",
    "%0A::error::%25",
    "a,b:c%",
    "]]>",
    "<![CDATA[",
    "<failure/>",
    "&amp;&lt;",
    "say \"no\" 'maybe'",
    "a|b||c",
    "\\",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x00\x01\x08",
    "\ufffe\uffff",
    "\u202egnp.exe",
    "\u2028",
    "[red]markup[/red]",
    "**bold** `code` [a](http://b)",
    "=1+1",
    "漢字" * 9,
    "models/vit.py:61",
    "C:\\x.py:7",
    "../../etc/passwd:1",
    " ",
    "",
]
names = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
severities = st.sampled_from([Severity.ERROR, Severity.WARN])
places = st.builds(Place, names, st.none() | names, st.integers(1, 99))
waivers = st.builds(
    Waiver,
    rule=st.just("OPS101"),
    statement=names,
    operator=names,
    expires=st.none() | st.dates(date(2000, 1, 1)),
    key=names,
    source=names,
)
rule_ids = st.sampled_from([rule.id for rule in RULES])


def findings(waived: bool = False) -> st.SearchStrategy[GateFinding]:
    """Any finding; fingerprints are hexadecimal, as those are made here."""
    return st.builds(
        GateFinding,
        rule=rule_ids,
        severity=severities,
        reason=names,
        support=st.none() | st.sampled_from(Support),
        operator=names,
        signature=names,
        count=st.integers(1, 999),
        places=st.lists(places, max_size=3).map(tuple),
        nodes=st.lists(names, max_size=2).map(tuple),
        next=st.lists(names, max_size=2).map(tuple),
        waiver=waivers if waived else st.none(),
        fingerprint=st.text("0123456789abcdef", min_size=32, max_size=32),
    )


COVERAGE = compare(inventory("Relu", dialect=Dialect.ONNX), profile(Rule(operator="Relu")))
answered = st.builds(
    GateResult,
    model=names,
    backend=names,
    file=names,
    coverage=st.just(COVERAGE),
    findings=st.lists(findings(), max_size=3).map(tuple),
    waived=st.lists(findings(waived=True), max_size=2).map(tuple),
)
silent = st.builds(GateResult, model=names, backend=names, file=names, reason=names)
gates = st.builds(
    Gate,
    results=st.lists(answered | silent, min_size=1, max_size=3).map(tuple),
    configuration=names,
    findings=st.lists(findings(), max_size=2).map(tuple),
    show_waived=st.booleans(),
)


def shown(gate: Gate) -> list[GateFinding]:
    """Every finding that a report lists, in the order in which machines read them: the configuration's first."""
    found = list(gate.findings)
    for result in gate.results:
        found += [*result.findings, *(result.waived if gate.show_waived else ())]
    return found
