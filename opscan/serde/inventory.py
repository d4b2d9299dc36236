"""Inventories -> JSON; `reading` is the way back."""

from collections.abc import Sequence

import msgspec

from opscan.core.canonical import canonical, is_special
from opscan.core.coverage import Coverage
from opscan.core.inventory import FunctionBody, Inventory, Site, TensorSpec
from opscan.core.macs import CONVENTION
from opscan.core.sites import forms
from opscan.core.views import control_flow, operator_uses
from opscan.serde.document import SCHEMA_VERSION, PlaceJSON, Value, plain


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
    function: str = ""
    dead: bool = False


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


class FunctionBodyJSON(msgspec.Struct, frozen=True):
    """What ONNX defines one kind of call of an operator by; `fault` where there is no valid body for it."""

    sites: list[SiteJSON]
    fault: str = ""


class OperatorVerdictJSON(msgspec.Struct, frozen=True):
    """Sites of one operator with the same outcome and reason."""

    operator: str
    support: str
    reason: str
    count: int


class BackendVerdictJSON(msgspec.Struct, frozen=True):
    """The model held against one backend; `opscan check` tells more."""

    backend: str
    verdict: str
    operators: list[OperatorVerdictJSON]


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
    ir_version: int | None = None
    level: str | None = None
    inputs: list[TensorJSON] = []
    local_functions: list[str] = []
    functions: dict[str, FunctionBodyJSON] = {}
    """Key that sites name as their `function` -> the body; only with the sites."""
    defaults: dict[str, dict[str, Value]] = {}
    """`Operator@since_version` -> what attributes that a site leaves out stand for; only with the sites."""
    control_flow: str = ""
    """How sites in branches and loops are counted, where the model has any."""
    backends: list[BackendVerdictJSON] = []
    """With --backend."""


def inventory_json(inventory: Inventory, *, sites: bool, coverages: Sequence[Coverage] = ()) -> InventoryJSON:
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
        ir_version=inventory.ir_version,
        level=inventory.level.value if inventory.level else None,
        inputs=[_tensor_json(spec) for spec in inventory.inputs],
        local_functions=list(inventory.local_functions),
        control_flow=control_flow(inventory),
        functions={key: _body_json(body) for key, body in inventory.functions.items()} if sites else {},
        defaults=_defaults(inventory) if sites else {},
        backends=[BackendVerdictJSON(c.profile.id, c.verdict.value, _outcomes(c)) for c in coverages],
    )


def _outcomes(coverage: Coverage) -> list[OperatorVerdictJSON]:
    return [
        OperatorVerdictJSON(str(op), support.value, reason, count)
        for (op, support, reason), count in coverage.outcomes.items()
    ]


def _body_json(body: FunctionBody) -> FunctionBodyJSON:
    return FunctionBodyJSON([_site_json(site) for site in body.sites], body.fault)


def _defaults(inventory: Inventory) -> dict[str, dict[str, Value]]:
    bodies = (body.sites for body in inventory.functions.values())
    return {
        schema_key(str(site.op), site.since_version): {name: plain(value) for name, value in site.defaults.items()}
        for sites in (inventory.sites, *bodies)
        for site in forms(sites)
        if site.defaults is not None
    }


def schema_key(operator: str, since_version: int | None) -> str:
    """What `defaults` are filed under."""
    return operator if since_version is None else f"{operator}@{since_version}"


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
        attributes={name: plain(value) for name, value in sorted(site.attributes.items())},
        macs=site.macs,
        node=site.node,
        body=site.body,
        constant=site.constant,
        since_version=site.since_version,
        types=dict(site.types),
        unbound=list(site.unbound),
        is_function=site.is_function,
        function=site.function,
        dead=site.dead,
    )


def _tensor_json(spec: TensorSpec) -> TensorJSON:
    return TensorJSON(spec.name, spec.dtype, None if spec.shape is None else list(spec.shape), spec.constant)
