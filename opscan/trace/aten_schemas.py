"""The schemas of torch's operators."""

import importlib
from collections.abc import Mapping
from functools import cache

import torch

from opscan.core.inventory import Attribute
from opscan.core.operator import OpName
from opscan.core.schema import Schema

_NONE: Mapping[int, Schema] = {}
# Where a tensor is made rather than written to.
_OF_A_NEW_TENSOR = ("dtype", "layout", "device", "pin_memory")


def aten_schemas(operator: str) -> Mapping[int, Schema]:
    """The one version of an operator; a name without overload is the default overload.

    Empty for one that torch does not register.
    """
    name = OpName.parse(operator)
    found = _overload(name.domain, name.name, name.overload or "default") or _any_overload(name)
    return {1: _schema(found._schema)} if found is not None else _NONE


def aten_names() -> tuple[str, ...]:
    """Every operator that torch registers."""
    schemas = torch._C._jit_get_all_schemas()
    return tuple(f"{s.name}.{s.overload_name}" if s.overload_name else str(s.name) for s in schemas)


def functional(operator: str) -> str | None:
    """The operator that an out-variant writes to memory: `aten::add.out` -> `aten::add.Tensor`.

    None where there is none, or the name is no out-variant.
    """
    name = OpName.parse(operator)
    variant = _overload(name.domain, name.name, name.overload or "default")
    if variant is None:
        return None
    wanted = _formals(variant._schema)
    packet = getattr(getattr(torch.ops, name.domain), name.name)
    for overload in packet.overloads():
        schema = getattr(packet, overload)._schema
        if not schema.is_mutable and _formals(schema) == wanted:
            return str(OpName(name.domain, name.name, "" if overload == "default" else overload))
    return None


def _formals(schema: torch.FunctionSchema) -> list[tuple[str, str]]:
    """What a variant and its functional operator have in common."""
    return [(a.name, str(a.type)) for a in schema.arguments if not a.is_out and a.name not in _OF_A_NEW_TENSOR]


@cache
def _registered() -> None:
    """Operators that torch registers only where they are asked for."""
    importlib.import_module("torch.ao.quantization.fx._decomposed")


@cache
def _overload(domain: str, name: str, overload: str) -> torch._ops.OpOverload | None:
    _registered()
    packet = getattr(getattr(torch.ops, domain), name, None)
    return getattr(packet, overload, None)


def _any_overload(name: OpName) -> torch._ops.OpOverload | None:
    """For `aten::add`, which has no default overload: the first it has."""
    packet = getattr(getattr(torch.ops, name.domain), name.name, None)
    if name.overload or packet is None:
        return None
    return next((getattr(packet, overload) for overload in packet.overloads()), None)


def _schema(schema: torch.FunctionSchema) -> Schema:
    tensors = [a for a in schema.arguments if "Tensor" in str(a.type)]
    others = [a for a in schema.arguments if "Tensor" not in str(a.type)]
    return Schema(
        inputs=tuple(a.name for a in tensors),
        outputs=tuple(f"output {n}" for n, _ in enumerate(schema.returns)),
        attributes={a.name: _plain(a.default_value) if a.has_default_value() else None for a in others},
    )


def _plain(value: object) -> Attribute:
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value if isinstance(value, bool | int | float | str) else None
