"""The kinds of sites of an inventory: sites of one kind differ in nothing that a profile can speak of."""

from collections import Counter
from collections.abc import Hashable, Sequence

from opscan.core.inventory import Inventory, Site, TensorSpec
from opscan.core.operator import OpName
from opscan.core.record import Record
from opscan.core.sites import forms, makes, numbers, reads

_MEMO = "kinds"
_QUANTIZE, _DEQUANTIZE = OpName("", "QuantizeLinear"), OpName("", "DequantizeLinear")


class Kind(Record, frozen=True):
    """A site that stands for all of its kind."""

    site: Site
    quantized: bool | None
    """Whether it stands between DequantizeLinear and QuantizeLinear; None: not known."""
    signature: Hashable = None
    """Everything that a profile can speak of; None where nobody needs it."""


class Kinds(Record, frozen=True):
    """All kinds of an inventory."""

    kinds: tuple[Kind, ...]
    """In the order in which they first occur."""
    numbers: tuple[int, ...]
    """Of each site the kind that it is of."""
    counts: tuple[int, ...]
    """Sites of each kind."""
    macs: tuple[int, ...]
    """Known multiply-accumulates of all sites of each kind."""


def kinds(inventory: Inventory) -> Kinds:
    """The kinds of the sites, what surrounds them included; found once for an inventory."""
    if _MEMO not in inventory.memo:
        inventory.memo[_MEMO] = _kinds(inventory)
    found: Kinds = inventory.memo[_MEMO]
    return found


def _kinds(inventory: Inventory) -> Kinds:
    of_forms, flags = forms(inventory.sites), _quantized(inventory.sites)
    known: dict[tuple[int, bool | None], int] = {}
    by_signature: dict[Hashable, int] = {}
    found: list[Kind] = []
    of_sites: list[int] = []
    macs: list[int] = []
    for position, key in enumerate(zip(numbers(inventory.sites), flags, strict=True)):
        number = known.get(key)
        if number is None:
            signature = _signature(of_forms[key[0]]), key[1]
            number = known[key] = by_signature.setdefault(signature, len(found))
            if number == len(found):
                found.append(Kind(inventory.sites[position], key[1], signature))
                macs.append(0)
        of_sites.append(number)
        macs[number] += of_forms[key[0]].macs or 0
    counts = Counter(of_sites)
    return Kinds(tuple(found), tuple(of_sites), tuple(counts[number] for number in range(len(found))), tuple(macs))


def _signature(site: Site) -> Hashable:
    """Everything but names and places."""
    return (
        site.op,
        site.since_version,
        tuple(site.types.items()),
        site.unbound,
        tuple(site.attributes.items()),
        site.is_function,
        site.function,
        site.constant,
        site.dead,
        tuple([spec and (spec.shape, spec.dtype, spec.constant, spec.name == "") for spec in site.inputs]),
        tuple([(spec.shape, spec.dtype, spec.name == "") for spec in site.outputs]),
    )


def _quantized(sites: Sequence[Site]) -> Sequence[bool | None]:
    """Whether each site takes what DequantizeLinear gives and gives it to QuantizeLinear alone."""
    of_forms = forms(sites)
    if all(form.op != _DEQUANTIZE for form in of_forms):
        return [False] * len(sites)
    ops = [of_forms[number].op for number in numbers(sites)]
    made_by = {name: op for op, names in zip(ops, makes(sites), strict=True) for name in names if name}
    readers: dict[str, list[OpName]] = {}
    for op, names in zip(ops, reads(sites), strict=True):
        for name in filter(None, names):
            readers.setdefault(name, []).append(op)
    return [_is_between(site, made_by, readers) for site in sites]


def _is_between(site: Site, made_by: dict[str, OpName], readers: dict[str, list[OpName]]) -> bool:
    inputs = [made_by.get(spec.name) for spec in site.inputs if spec is not None and not _is_stored(spec, made_by)]
    outputs = [reader for spec in site.outputs for reader in readers.get(spec.name, ())]
    return bool(inputs and outputs) and set(inputs) == {_DEQUANTIZE} and set(outputs) == {_QUANTIZE}


def _is_stored(spec: TensorSpec, made_by: dict[str, OpName]) -> bool:
    return spec.constant and spec.name not in made_by
