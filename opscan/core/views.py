"""Views of an inventory: operators, signatures, places."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from opscan.core.canonical import canonical, is_special
from opscan.core.inventory import Inventory, Site
from opscan.core.operator import OpName
from opscan.core.record import Record
from opscan.core.sites import Where, forms, placed

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")

# ONNX operators that run graphs of their own.
_BRANCHES = frozenset({OpName("", "If")})
_LOOPS = frozenset({OpName("", "Loop"), OpName("", "Scan"), OpName("", "SequenceMap")})


class Place(Record, frozen=True):
    """Where sites are: module paths with their numbers rolled up, and the source line they share."""

    modules: str
    source: str | None
    count: int

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.modules or "(root)", self.source) if part)
        return f"{self.count}x {where}"


class Signature(Record, frozen=True):
    """Dtype and rank of each tensor input that is present, in order."""

    inputs: tuple[tuple[str, int | None], ...]
    count: int

    def __str__(self) -> str:
        return ", ".join(f"{dtype} {'?' if rank is None else rank}-D" for dtype, rank in self.inputs)


class OperatorUse(Record, frozen=True, kw_only=True):
    """All sites of one operator in one model."""

    op: OpName
    canonical: str | None
    special: bool
    count: int
    macs: int | None
    signatures: tuple[Signature, ...]
    places: tuple[Place, ...]


def rolled_up(module: str) -> str:
    """`blocks.3.attn` -> `blocks.*.attn`."""
    return _NUMBER.sub("*", module)


def places(sites: Iterable[Site]) -> tuple[Place, ...]:
    """Where the sites are, most frequent first."""
    counts = Counter((site.module, site.source) for site in sites)
    return _places(((rolled_up(module), source), count) for (module, source), count in counts.items())


def _places(found: Iterable[tuple[Where, int]]) -> tuple[Place, ...]:
    """Counts of places, rolled up already."""
    counts: Counter[Where] = Counter()
    for where, count in found:
        counts[where] += count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or ""))
    return tuple(Place(modules, source, count) for (modules, source), count in ordered)


def input_types(site: Site) -> tuple[tuple[str, int | None], ...]:
    """Dtype and rank of each tensor input that is present."""
    return tuple((s.dtype or "?", None if s.shape is None else len(s.shape)) for s in site.inputs if s)


def signatures(sites: Iterable[Site]) -> tuple[Signature, ...]:
    """Distinct input types of the sites, most frequent first."""
    return _signatures((site, 1) for site in sites)


def _signatures(found: Iterable[tuple[Site, int]]) -> tuple[Signature, ...]:
    """The same of sites that stand for so many."""
    counts: Counter[tuple[tuple[str, int | None], ...]] = Counter()
    for site, count in found:
        counts[input_types(site)] += count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return tuple(Signature(inputs, count) for inputs, count in ordered)


def operator_uses(inventory: Inventory) -> tuple[OperatorUse, ...]:
    """Every operator of a model, most frequent first."""
    groups: dict[OpName, list[tuple[Site, Where, int]]] = {}
    for form, place, count in placed(inventory.sites, rolled_up):
        groups.setdefault(form.op, []).append((form, place, count))
    uses = (_use(op, found) for op, found in groups.items())
    return tuple(sorted(uses, key=lambda use: (-use.count, str(use.op))))


def _use(op: OpName, found: Sequence[tuple[Site, Where, int]]) -> OperatorUse:
    """Of the operator's sites, so many of each form at each place."""
    known = canonical(op)
    macs = [None if form.macs is None else form.macs * count for form, _, count in found]
    return OperatorUse(
        op=op,
        canonical=known.name if known else None,
        special=any(is_special(form) for form, _, _ in found),
        count=sum(count for _, _, count in found),
        macs=None if None in macs else sum(filter(None, macs)),
        signatures=_signatures((form, count) for form, _, count in found),
        places=_places((place, count) for _, place, count in found),
    )


def control_flow(inventory: Inventory) -> str:
    """How sites in branches and loops are counted; empty for a model without any.

    Totals of such a model are not those of one forward, and nothing in the graph says by how much.
    """
    operators = {form.op for form in forms(inventory.sites)} & {*_BRANCHES, *_LOOPS}
    names = sorted(op.name for op in operators)
    ways = []
    if not operators.isdisjoint(_BRANCHES):
        ways.append("both branches count")
    if not operators.isdisjoint(_LOOPS):
        ways.append("a body counts once, however often it runs")
    return f"{', '.join(names)}: {' and '.join(ways)}: totals are not those of one forward" if ways else ""
