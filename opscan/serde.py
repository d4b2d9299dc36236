"""Core values <-> JSON, with a schema version. The Struct classes here *are* the published schema.

`opscan schema NAME` prints it, and `reports/schemas/` holds it (`make reports`). A change that readers could notice
raises SCHEMA_VERSION, new keys do not.
"""

import math
from collections.abc import Mapping
from typing import Any, Union

import msgspec

from opscan.core.canonical import canonical, is_special
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Attribute, Inventory, Rung, Site, TensorSpec, Uncaptured
from opscan.core.judge import Coverage, Finding
from opscan.core.macs import CONVENTION
from opscan.core.operator import Dialect, OpName
from opscan.core.survey import Entry
from opscan.core.views import operator_uses

SCHEMA_VERSION = 1

Value = Union[None, bool, int, float, str, list[Any], dict[str, str]]  # {"float": "-inf"}, which JSON lacks


class TensorJSON(msgspec.Struct, frozen=True):
    """A tensor's type; `shape` is null when its rank is unknown, a dimension a string when symbolic."""

    name: str
    dtype: str | None
    shape: list[int | str] | None
    constant: bool


class SiteJSON(msgspec.Struct, frozen=True):
    """One occurrence of an operator."""

    operator: str
    module: str
    source: str | None
    inputs: list[TensorJSON | None]
    outputs: list[TensorJSON]
    attributes: dict[str, Value]
    canonical: str | None = None
    special: bool = False
    macs: int | None = None
    node: str = ""
    body: str = ""
    constant: bool = False
    since_version: int | None = None
    types: dict[str, str] = {}
    unbound: list[str] = []
    is_function: bool = False


class PlaceJSON(msgspec.Struct, frozen=True):
    """Sites that share a rolled-up module path and a source line."""

    modules: str
    source: str | None
    count: int


class SignatureJSON(msgspec.Struct, frozen=True):
    """Dtype and rank of each input."""

    inputs: list[tuple[str, int | None]]
    count: int


class OperatorJSON(msgspec.Struct, frozen=True):
    """All sites of one operator."""

    operator: str
    canonical: str | None
    special: bool
    count: int
    macs: int | None
    signatures: list[SignatureJSON] = []
    places: list[PlaceJSON] = []


class UncapturedJSON(msgspec.Struct, frozen=True):
    """A part of the model that could not be seen."""

    module: str
    reason: str


class RungJSON(msgspec.Struct, frozen=True):
    """How a part of the model was captured."""

    module: str
    method: str
    reason: str = ""


class InventoryJSON(msgspec.Struct, frozen=True):
    """`opscan inspect REF --format json`; `sites` only with --sites."""

    schema_version: int
    model: str
    dialect: str
    opset: int | None
    params: int | None
    macs: int | None
    operators: list[OperatorJSON]
    uncaptured: list[UncapturedJSON]
    macs_convention: str = CONVENTION
    opset_imports: dict[str, int] = {}
    rungs: list[RungJSON] = []
    tools: dict[str, str] = {}
    sites: list[SiteJSON] | None = None


class CaptureJSON(msgspec.Struct, frozen=True):
    """One dialect of a surveyed model; `reason` where it was not captured."""

    dialect: str
    captured: bool
    reason: str
    rung: str | None
    params: int | None
    macs: int | None
    sites: int | None
    special_operators: list[str]


class SurveyRowJSON(msgspec.Struct, frozen=True):
    """One surveyed model."""

    model: str
    system: str
    section: str
    captured: bool
    reason: str
    special_operators: list[str]
    method: str
    architecture: str
    repository: str
    publication: str
    dialects: list[CaptureJSON]


class SurveyJSON(msgspec.Struct, frozen=True):
    """`opscan survey --format json`."""

    schema_version: int
    rows: list[SurveyRowJSON]
    tools: dict[str, str] = {}


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


class FindingJSON(msgspec.Struct, frozen=True):
    """Sites of one operator with the same outcome and reason."""

    rule: str
    operator: str
    support: str
    reason: str
    count: int
    places: list[PlaceJSON]


class CheckResultJSON(msgspec.Struct, frozen=True):
    """One model against one backend; without an inventory, `verdict` is null and `reason` says why."""

    model: str
    backend: str
    verdict: str | None
    coverage: CoverageJSON | None
    findings: list[FindingJSON]
    reason: str = ""


class CheckJSON(msgspec.Struct, frozen=True):
    """`opscan check … --format json`."""

    schema_version: int
    results: list[CheckResultJSON]
    tools: dict[str, str] = {}


DOCUMENTS = {"inventory": InventoryJSON, "survey": SurveyJSON, "check": CheckJSON}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every document, by name."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"opscan {name}, schema version {SCHEMA_VERSION}",
            **msgspec.json.schema(document),
        }
        for name, document in DOCUMENTS.items()
    }


def encode(document: msgspec.Struct | dict[str, Any]) -> str:
    """Indented JSON, keys in the order of the schema, ending with a newline."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def inventory_json(inventory: Inventory, *, sites: bool) -> InventoryJSON:
    """An inventory as a document, with every site or without."""
    return InventoryJSON(
        schema_version=SCHEMA_VERSION,
        model=inventory.model,
        dialect=inventory.dialect.value,
        opset=inventory.opset,
        opset_imports=dict(inventory.opset_imports),
        params=inventory.params,
        macs=inventory.macs,
        operators=[
            OperatorJSON(
                operator=str(use.op),
                canonical=use.canonical,
                special=use.special,
                count=use.count,
                macs=use.macs,
                signatures=[SignatureJSON(list(s.inputs), s.count) for s in use.signatures],
                places=[PlaceJSON(p.modules, p.source, p.count) for p in use.places],
            )
            for use in operator_uses(inventory)
        ],
        uncaptured=[UncapturedJSON(gap.module, gap.reason) for gap in inventory.uncaptured],
        rungs=[RungJSON(rung.module, rung.method, rung.reason) for rung in inventory.rungs],
        tools=dict(inventory.tools),
        sites=[_site_json(site) for site in inventory.sites] if sites else None,
    )


def _site_json(site: Site) -> SiteJSON:
    known = canonical(site.op)
    return SiteJSON(
        operator=str(site.op),
        canonical=known.name if known else None,
        special=is_special(site),
        module=site.module,
        source=site.source,
        inputs=[_tensor_json(spec) if spec else None for spec in site.inputs],
        outputs=[_tensor_json(spec) for spec in site.outputs],
        attributes={name: _value(value) for name, value in sorted(site.attributes.items())},
        macs=site.macs,
        node=site.node,
        body=site.body,
        constant=site.constant,
        since_version=site.since_version,
        types=dict(site.types),
        unbound=list(site.unbound),
        is_function=site.is_function,
    )


def _value(value: Attribute) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return [_value(part) for part in value] if isinstance(value, tuple) else value


def _tensor_json(spec: TensorSpec) -> TensorJSON:
    return TensorJSON(spec.name, spec.dtype, None if spec.shape is None else list(spec.shape), spec.constant)


def inventory_from_json(text: bytes, name: str) -> Inventory:
    """The inventory that `inventory_json` wrote with its sites. Raises NoAnswer, naming the file and the fault."""
    try:
        version = msgspec.json.decode(text, type=dict[str, Any]).get("schema_version")
        if version is None:
            raise ValueError("it has no schema_version")
        if version != SCHEMA_VERSION:
            raise NoAnswer(f"{name}: schema version {version!r}; this opscan reads version {SCHEMA_VERSION}")
        return _inventory(msgspec.json.decode(text, type=InventoryJSON))
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise NoAnswer(f"{name}: not an opscan inventory: {error}") from error


def _inventory(document: InventoryJSON) -> Inventory:
    if document.sites is None:
        raise ValueError("it has no sites; write it with `opscan inspect REF --sites --format json`")
    return Inventory(
        model=document.model,
        dialect=Dialect(document.dialect),
        sites=tuple(map(_site, document.sites)),
        uncaptured=tuple(Uncaptured(gap.module, gap.reason) for gap in document.uncaptured),
        opset_imports=document.opset_imports,
        params=document.params,
        rungs=tuple(Rung(rung.module, rung.method, rung.reason) for rung in document.rungs),
        tools=document.tools,
    )


def _site(site: SiteJSON) -> Site:
    return Site(
        op=OpName.parse(site.operator),
        module=site.module,
        source=site.source,
        inputs=tuple(_tensor(spec) if spec else None for spec in site.inputs),
        outputs=tuple(map(_tensor, site.outputs)),
        attributes={name: _attribute(value) for name, value in site.attributes.items()},
        macs=site.macs,
        node=site.node,
        body=site.body,
        since_version=site.since_version,
        types=site.types,
        unbound=tuple(site.unbound),
        is_function=site.is_function,
        constant=site.constant,
    )


def _attribute(value: Any) -> Attribute:
    if isinstance(value, dict):
        return float(value.get("float", ""))
    return tuple(map(_attribute, value)) if isinstance(value, list) else value


def _tensor(spec: TensorJSON) -> TensorSpec:
    return TensorSpec(None if spec.shape is None else tuple(spec.shape), spec.dtype, spec.name, spec.constant)


def survey_json(entries: tuple[Entry, ...], tools: Mapping[str, str]) -> SurveyJSON:
    """A survey as a document: one row per model, never merged."""
    return SurveyJSON(SCHEMA_VERSION, [_survey_row(entry) for entry in entries], dict(tools))


def _survey_row(entry: Entry) -> SurveyRowJSON:
    return SurveyRowJSON(
        model=entry.model,
        system=entry.system,
        section=entry.section,
        captured=entry.captured,
        reason="" if entry.captured else entry.captured_text,
        special_operators=list(entry.special),
        method=entry.method,
        architecture=entry.architecture,
        repository=entry.repository,
        publication=entry.publication,
        dialects=[
            CaptureJSON(
                dialect=capture.dialect.value,
                captured=found is not None,
                reason=capture.reason,
                rung=found.rungs[0].method if found and found.rungs else None,
                params=found.params if found else None,
                macs=found.macs if found else None,
                sites=found.sites if found else None,
                special_operators=list(capture.special),
            )
            for capture in entry.captures
            for found in [capture.found]
        ],
    )


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
    )


def _finding(finding: Finding) -> FindingJSON:
    return FindingJSON(
        rule=finding.rule,
        operator=finding.operator,
        support=finding.support.value,
        reason=finding.reason,
        count=finding.count,
        places=[PlaceJSON(p.modules, p.source, p.count) for p in finding.places],
    )
