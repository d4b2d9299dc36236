"""The gate: verdicts held against a policy, rolled up into findings that close it or not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from opscan.core.coverage import Coverage, Ratio
from opscan.core.partition import partitioned
from opscan.core.policy import Denominator, Policy
from opscan.core.record import Record, replace
from opscan.core.rules import Severity
from opscan.core.table import byte_text, counted, quantity
from opscan.core.verdict import NOT_CAPTURED, RULE_IDS, WORST_LAST, Outcome, Support, Verdict
from opscan.core.views import Place, Signature, input_types, places
from opscan.core.waivers import Waiver, first

CLEAN, FINDINGS, USAGE, NO_ANSWER = 0, 1, 2, 3
_COVERAGE_BELOW, _PARTITIONS_ABOVE, _BORDER_BYTES_ABOVE = "OPS201", "OPS202", "OPS203"
_NODES = 5
_EXPIRED, _UNUSED = "OPS401", "OPS402"


class GateFinding(Record, frozen=True, kw_only=True):
    """All sites of one operator with the same rule, signature and reason; or something about a model as a whole."""

    rule: str
    severity: Severity
    reason: str
    support: Support | None = None
    """None for what is no verdict: a threshold, a waiver."""
    operator: str = ""
    """Empty for a model as a whole."""
    signature: str = ""
    """Dtype and rank of the operator's inputs."""
    count: int = 1
    """Sites."""
    places: tuple[Place, ...] = ()
    nodes: tuple[str, ...] = ()
    """Names of the first few of its nodes, where no line of code tells them apart."""
    failing: tuple[Outcome, ...] = ()
    """The clauses that decided: what the sites have and what would be allowed."""
    next: tuple[str, ...] = ()
    """What stands in the way once this is solved."""
    waiver: Waiver | None = None
    """What lets it pass."""
    fingerprint: str = ""
    """The same from run to run, whatever the line numbers and the backend's version; no two in a run are equal."""


class Location(Record, frozen=True):
    """Where a person finds a finding."""

    path: str
    """Empty where no file is known."""
    line: int | None
    module: str
    """Dotted path in the model, rolled up; a key of the configuration for a finding about it."""
    count: int


def locations(finding: GateFinding, file: str) -> tuple[Location, ...]:
    """The author's lines where they are known, else the model's file; the most sites first."""
    return tuple(_location(place, file) for place in finding.places) or (Location(file, None, "", finding.count),)


def _location(place: Place, file: str) -> Location:
    path, colon, line = (place.source or "").rpartition(":")
    if colon and line.isascii() and line.isdigit():
        return Location(path, int(line), place.modules, place.count)
    return Location(place.source or file, None, place.modules, place.count)


class GateResult(Record, frozen=True, kw_only=True):
    """One model against one backend."""

    model: str
    """The reference, as it was given."""
    backend: str
    """`name@version`, or the name as it was given where nothing could be said."""
    file: str = ""
    """The model's file, where it is one."""
    coverage: Coverage | None = None
    """None: no answer."""
    findings: tuple[GateFinding, ...] = ()
    """Errors first, then what matters most."""
    waived: tuple[GateFinding, ...] = ()
    reason: str = ""
    """Why there is no answer."""
    exit_code: int = CLEAN

    @property
    def errors(self) -> tuple[GateFinding, ...]:
        """What closes the gate."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[GateFinding, ...]:
        """What is reported and closes nothing."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARN)


class Gate(Record, frozen=True, kw_only=True):
    """All results of one run."""

    results: tuple[GateResult, ...]
    configuration: str = ""
    """The file that the policy is from, as messages call it."""
    findings: tuple[GateFinding, ...] = ()
    """About the configuration itself."""
    show_waived: bool = False
    """Whether reports list what is waived, beside how much."""

    @property
    def exit_code(self) -> int:
        """The worst of the results'."""
        own = FINDINGS if any(f.severity is Severity.ERROR for f in self.findings) else CLEAN
        return max(own, *(result.exit_code for result in self.results), CLEAN)


def judged(
    coverage: Coverage, policy: Policy, waivers: Sequence[Waiver], today: date, *, model: str = "", file: str = ""
) -> GateResult:
    """What a coverage is by that policy. A waiver whose last day has passed waives nothing."""
    name = model or coverage.inventory.model
    valid = [w for w in waivers if w.concerns(name, coverage.profile.id) and not w.expired(today)]
    found = [
        *_of_model(coverage, valid),
        *_at_sites(coverage, valid),
        *_gaps(coverage, valid),
        *_coverage_below(coverage, policy, valid),
        *_partitions_above(coverage, policy, valid),
    ]
    weighed = [replace(finding, severity=_severity(finding, policy)) for finding in found]
    reported = _with_fingerprints(
        sorted((f for f in weighed if f.severity is not Severity.OFF), key=_order), name, coverage.profile.name
    )
    active = tuple(finding for finding in reported if finding.waiver is None)
    return GateResult(
        model=name,
        backend=coverage.profile.id,
        file=file,
        coverage=coverage,
        findings=active,
        waived=tuple(finding for finding in reported if finding.waiver),
        exit_code=FINDINGS if any(f.severity is Severity.ERROR for f in active) else CLEAN,
    )


def _severity(finding: GateFinding, policy: Policy) -> Severity:
    """That of its rule; what could not be told is never worse than what rule and policy say of that."""
    weighed = [policy.severity(finding.rule)]
    if finding.support in (Support.UNKNOWN, Support.CONDITIONAL):
        weighed.append(policy.severity(RULE_IDS[finding.support]))
    return min(weighed, key=list(Severity).index)


def _order(finding: GateFinding) -> tuple[object, ...]:
    worst = WORST_LAST.index(finding.support) if finding.support else len(WORST_LAST)
    return (
        finding.severity is not Severity.ERROR,
        -worst,
        -finding.count,
        finding.operator,
        finding.signature,
        finding.reason,
        finding.rule,
    )


def _at_sites(coverage: Coverage, waivers: Sequence[Waiver]) -> Iterator[GateFinding]:
    groups: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in coverage.exceptions:
        site = verdict.site
        waiver = first(waivers, verdict.rule, site.op, site.module)
        key = (verdict.rule, verdict.support, str(site.op), input_types(site), verdict.reason, verdict.next, waiver)
        groups.setdefault(key, []).append(verdict)
    for verdicts in groups.values():
        site = verdicts[0].site
        yield _finding(verdicts, first(waivers, verdicts[0].rule, site.op, site.module))


def _finding(verdicts: Sequence[Verdict], waiver: Waiver | None) -> GateFinding:
    first_ = verdicts[0]
    return GateFinding(
        rule=first_.rule,
        severity=Severity.OFF,
        support=first_.support,
        operator=str(first_.site.op),
        signature=str(Signature(input_types(first_.site), 1)),
        reason=first_.reason,
        count=len(verdicts),
        places=places(verdict.site for verdict in verdicts),
        nodes=tuple(dict.fromkeys(v.site.node for v in verdicts if v.site.node and not v.site.source))[:_NODES],
        failing=first_.outcomes,
        next=first_.next,
        waiver=waiver,
    )


def _of_model(coverage: Coverage, waivers: Sequence[Waiver]) -> Iterator[GateFinding]:
    for found in coverage.model_findings:
        if found.support is not Support.SUPPORTED:
            yield GateFinding(
                rule=found.rule,
                severity=Severity.OFF,
                support=found.support,
                reason=found.reason,
                waiver=first(waivers, found.rule),
            )


def _gaps(coverage: Coverage, waivers: Sequence[Waiver]) -> Iterator[GateFinding]:
    for gap in coverage.inventory.uncaptured:
        yield GateFinding(
            rule=NOT_CAPTURED,
            severity=Severity.OFF,
            support=Support.UNKNOWN,
            reason=gap.reason,
            places=(Place(gap.module, None, 1),),
            waiver=first(waivers, NOT_CAPTURED, None, gap.module),
        )


def _coverage_below(coverage: Coverage, policy: Policy, waivers: Sequence[Waiver]) -> Iterator[GateFinding]:
    ratios: Mapping[Denominator, Ratio] = {
        Denominator.SITES: coverage.sites,
        Denominator.OPERATORS: coverage.operators,
        Denominator.MACS: coverage.macs,
    }
    for denominator, least in policy.min_coverage.items():
        ratio = ratios[denominator]
        if ratio.percent is None or ratio.percent >= least:
            if denominator is Denominator.MACS and (sites := coverage.inventory.sites_without_macs):
                reason = f"the MACs of {counted(sites, 'site')} are not known; at least {least:g} % is asked for"
                yield replace(_about_model(_COVERAGE_BELOW, reason, waivers), support=Support.UNKNOWN)
            continue
        what = {"operators": "distinct operators", "macs": "MACs"}.get(denominator, denominator)
        yield _about_model(
            _COVERAGE_BELOW,
            f"{ratio.percent:.2f} % ({quantity(ratio.part)} of {quantity(ratio.whole)}) of {what} are supported; "
            f"at least {least:g} % is asked for",
            waivers,
        )


def _partitions_above(coverage: Coverage, policy: Policy, waivers: Sequence[Waiver]) -> Iterator[GateFinding]:
    if policy.max_partitions is None and policy.max_border_bytes is None:
        return
    found = partitioned(coverage)
    pieces, most = len(found.partitions), policy.max_partitions
    if most is not None and pieces > most:
        yield _about_model(_PARTITIONS_ABOVE, f"{pieces} partitions; at most {most} are allowed", waivers)
    size, limit = found.border_bytes, policy.max_border_bytes
    if limit is None:
        return
    if size > limit:
        reason = f"{byte_text(size)} cross the borders of {pieces} partitions; at most {byte_text(limit)} are allowed"
        yield _about_model(_BORDER_BYTES_ABOVE, reason, waivers)
    elif found.transfers_without_bytes:
        reason = (
            f"of {found.transfers_without_bytes} tensors that cross the borders of partitions the size is not known; "
            f"the others have {byte_text(size)} of at most {byte_text(limit)}"
        )
        yield replace(_about_model(_BORDER_BYTES_ABOVE, reason, waivers), support=Support.UNKNOWN)


def _about_model(rule: str, reason: str, waivers: Sequence[Waiver]) -> GateFinding:
    return GateFinding(rule=rule, severity=Severity.OFF, reason=reason, waiver=first(waivers, rule))


def _with_fingerprints(findings: Iterable[GateFinding], model: str, backend: str) -> list[GateFinding]:
    seen: Counter[tuple[str, ...]] = Counter()
    marked = []
    for finding in findings:
        module = finding.places[0].modules if finding.places else ""
        parts = (finding.rule, model, backend, finding.operator, finding.signature, module)
        text = "\0".join((*parts, str(seen[parts])))
        seen[parts] += 1
        marked.append(replace(finding, fingerprint=_fingerprint(text)))
    return marked


def _fingerprint(text: str) -> str:
    import hashlib  # noqa: PLC0415  # brings OpenSSL, which a check without findings need not wait for

    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def told_apart(results: Iterable[GateResult]) -> tuple[GateResult, ...]:
    """The same results, no two findings of which have the same fingerprint: two versions of a backend would."""
    seen: Counter[str] = Counter()

    def apart(findings: Iterable[GateFinding]) -> Iterator[GateFinding]:
        for finding in findings:
            before = seen[finding.fingerprint]
            seen[finding.fingerprint] += 1
            again = f"{finding.fingerprint} {before}"
            yield replace(finding, fingerprint=_fingerprint(again)) if before else finding

    return tuple(replace(r, findings=tuple(apart(r.findings)), waived=tuple(apart(r.waived))) for r in results)


def waiver_findings(
    waivers: Sequence[Waiver], results: Sequence[GateResult], policy: Policy, today: date
) -> tuple[GateFinding, ...]:
    """Waivers that have expired, and those that waive nothing of what they speak of and was looked at."""
    used = {finding.waiver for result in results for finding in result.waived}
    answered = [result for result in results if result.coverage]
    found = []
    for waiver in waivers:
        if not any(waiver.concerns(result.model, result.backend) for result in answered):
            continue
        if waiver.expired(today):
            found.append(_about_waiver(_EXPIRED, waiver, f"expired on {waiver.expires}", policy))
        elif waiver not in used:
            found.append(_about_waiver(_UNUSED, waiver, "fits no finding", policy))
    return tuple(finding for finding in found if finding.severity is not Severity.OFF)


def _about_waiver(rule: str, waiver: Waiver, what: str, policy: Policy) -> GateFinding:
    (finding,) = _with_fingerprints(
        [
            GateFinding(
                rule=rule,
                severity=policy.severity(rule),
                reason=f"the waiver of {waiver.rule} {what}: {waiver.statement}",
                places=(Place(waiver.key, waiver.source or None, 1),),
            )
        ],
        waiver.model,
        waiver.backend,
    )
    return finding
