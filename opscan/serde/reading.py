"""JSON -> inventories. The Structs hold what an inventory needs of `InventoryJSON`; the rest is passed over."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Attribute, FunctionBody, Inventory, Rung, Site, TensorSpec, Uncaptured
from opscan.core.operator import OpName
from opscan.serde.document import SCHEMA_VERSION, Value, attribute
from opscan.serde.inventory import schema_key

Defaults = Mapping[str, Mapping[str, Attribute]]


class _Version(msgspec.Struct):
    schema_version: Any = None


class _Site(msgspec.Struct):
    operator: str
    module: str
    source: str | None
    inputs: tuple[TensorSpec | None, ...]
    outputs: tuple[TensorSpec, ...]
    attributes: dict[str, Value]
    macs: int | None = None
    node: str = ""
    body: str = ""
    constant: bool = False
    since_version: int | None = None
    types: dict[str, str] = {}
    unbound: tuple[str, ...] = ()
    is_function: bool = False
    function: str = ""
    dead: bool = False


class _Body(msgspec.Struct):
    sites: list[_Site]
    fault: str = ""


class _Inventory(msgspec.Struct):
    model: str
    dialect: Dialect
    params: int | None
    uncaptured: tuple[Uncaptured, ...]
    opset_imports: dict[str, int] = {}
    rungs: tuple[Rung, ...] = ()
    tools: dict[str, str] = {}
    sites: list[_Site] | None = None
    ir_version: int | None = None
    level: AtenLevel | None = None
    inputs: tuple[TensorSpec, ...] = ()
    local_functions: tuple[str, ...] = ()
    functions: dict[str, _Body] = {}
    defaults: dict[str, dict[str, Value]] = {}
    schema_version: Any = None  # whatever stands there


def inventory_from_json(text: bytes, name: str) -> Inventory:
    """The inventory that `inventory_json` wrote with its sites. Raises NoAnswer, naming the file and the fault."""
    try:
        return _inventory(_document(text, name))
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise NoAnswer(f"{name}: not an opscan inventory: {error}") from error


def _document(text: bytes, name: str) -> _Inventory:
    """Of a document that cannot be read, first of all its version is looked at."""
    try:
        document = msgspec.json.decode(text, type=_Inventory)
    except msgspec.ValidationError:
        _require_version(msgspec.json.decode(text, type=_Version).schema_version, name)
        raise
    _require_version(document.schema_version, name)
    return document


def _require_version(version: object, name: str) -> None:
    if version is None:
        raise ValueError("it has no schema_version")
    if version != SCHEMA_VERSION:
        raise NoAnswer(f"{name}: schema version {version!r}; this opscan reads version {SCHEMA_VERSION}")


def _inventory(document: _Inventory) -> Inventory:
    if document.sites is None:
        raise ValueError("it has no sites; write it with `opscan inspect REF --sites --format json`")
    defaults = {
        key: {name: attribute(value) for name, value in values.items()} for key, values in document.defaults.items()
    }
    return Inventory(
        model=document.model,
        dialect=document.dialect,
        sites=tuple([_site(site, defaults) for site in document.sites]),
        functions={
            key: FunctionBody(tuple([_site(site, defaults) for site in body.sites]), body.fault)
            for key, body in document.functions.items()
        },
        ir_version=document.ir_version,
        level=document.level,
        inputs=document.inputs,
        local_functions=document.local_functions,
        uncaptured=document.uncaptured,
        opset_imports=document.opset_imports,
        params=document.params,
        rungs=document.rungs,
        tools=document.tools,
    )


def _site(site: _Site, defaults: Defaults) -> Site:
    return Site(
        op=_operator(site.operator),
        module=site.module,
        source=site.source,
        inputs=site.inputs,
        outputs=site.outputs,
        attributes={name: attribute(value) for name, value in site.attributes.items()},
        macs=site.macs,
        node=site.node,
        body=site.body,
        since_version=site.since_version,
        types=site.types,
        unbound=site.unbound,
        is_function=site.is_function,
        function=site.function,
        defaults=defaults.get(schema_key(site.operator, site.since_version)),
        constant=site.constant,
        dead=site.dead,
    )


@lru_cache(maxsize=4096)
def _operator(text: str) -> OpName:
    return OpName.parse(text)
