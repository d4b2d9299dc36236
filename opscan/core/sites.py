"""Many sites as columns: what equal ones share is kept once, and a site is made when somebody looks at it.

A network repeats itself: of the 11,607 nodes of a vision transformer of 400 blocks, 30 differ in more than
names and places. Such a difference is a `form`. The functions below ask of any sequence of sites what
would else be asked of each site; in a tuple every site is a form of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

from opscan.core.site import Site, TensorSpec

Where = tuple[str, str | None]
"""Module and source of a site."""
Names = Sequence[str]
"""Of its inputs or outputs in their order; `""` for one that is left out."""


Row = tuple[int, Where, str, str, Names, Names]
"""What tells a site from others of its form: form, where it is, node, body, names of inputs and outputs."""


class Sites(Sequence[Site]):
    """Stands for a tuple of sites, to which it is equal."""

    __hash__ = None  # type: ignore[assignment]  # sites hold mappings

    __slots__ = ("_bodies", "_forms", "_makes", "_nodes", "_numbers", "_places", "_reads")

    def __init__(self, forms: Sequence[Site], rows: Sequence[Row]) -> None:
        """Rows name forms by their position; a form's own names and places are not looked at."""
        self._forms = forms
        columns = zip(*rows, strict=True) if rows else ((),) * 6
        self._numbers, self._places, self._nodes, self._bodies, self._reads, self._makes = map(tuple, columns)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Site: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Site, ...]: ...
    def __getitem__(self, index: int | slice) -> Site | tuple[Site, ...]:
        if isinstance(index, slice):
            return tuple(map(self._site, range(*index.indices(len(self)))))
        return self._site(range(len(self))[index])

    def __iter__(self) -> Iterator[Site]:
        return map(self._site, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | Sites):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _site(self, number: int) -> Site:
        form = self._forms[self._numbers[number]]
        module, source = self._places[number]
        return Site(
            op=form.op,
            module=module,
            source=source,
            inputs=tuple([s and _named(s, name) for s, name in zip(form.inputs, self._reads[number], strict=True)]),
            outputs=tuple([_named(s, name) for s, name in zip(form.outputs, self._makes[number], strict=True)]),
            attributes=form.attributes,
            defaults=form.defaults,
            macs=form.macs,
            node=self._nodes[number],
            body=self._bodies[number],
            since_version=form.since_version,
            types=form.types,
            unbound=form.unbound,
            is_function=form.is_function,
            function=form.function,
            constant=form.constant,
            dead=form.dead,
        )


def _named(spec: TensorSpec, name: str) -> TensorSpec:
    return TensorSpec(spec.shape, spec.dtype, name, spec.constant)


def forms(sites: Sequence[Site]) -> Sequence[Site]:
    """A site of each form, in the order in which these first occur; its names and places stand for nothing."""
    return sites._forms if isinstance(sites, Sites) else sites


def numbers(sites: Sequence[Site]) -> Sequence[int]:
    """The form of each site."""
    return sites._numbers if isinstance(sites, Sites) else range(len(sites))


def counted(sites: Sequence[Site]) -> Iterable[tuple[Site, int]]:
    """Each form and how many sites are of it."""
    if not isinstance(sites, Sites):
        return ((site, 1) for site in sites)
    counts = Counter(sites._numbers)
    return ((form, counts[number]) for number, form in enumerate(sites._forms))


def placed(sites: Sequence[Site], rolled_up: Callable[[str], str]) -> Iterable[tuple[Site, Where, int]]:
    """Each form at each place, and how many sites are of it there; modules by the names that are given them."""
    places = sites._places if isinstance(sites, Sites) else [(site.module, site.source) for site in sites]
    names = {where: (rolled_up(where[0]), where[1]) for where in {*places}}
    of_forms = forms(sites)
    counts = Counter(zip(numbers(sites), map(names.__getitem__, places), strict=True))
    return ((of_forms[number], where, count) for (number, where), count in counts.items())


def rows(sites: Sequence[Site]) -> list[Row]:
    """What tells each site from others of its form."""
    if isinstance(sites, Sites):
        return [
            *zip(sites._numbers, sites._places, sites._nodes, sites._bodies, sites._reads, sites._makes, strict=True)
        ]
    return [
        (number, (site.module, site.source), site.node, site.body, names_read, names_made)
        for number, (site, names_read, names_made) in enumerate(zip(sites, reads(sites), makes(sites), strict=True))
    ]


def reads(sites: Sequence[Site]) -> Sequence[Names]:
    """Names of the inputs of each site."""
    if isinstance(sites, Sites):
        return sites._reads
    return [[spec.name if spec is not None else "" for spec in site.inputs] for site in sites]


def makes(sites: Sequence[Site]) -> Sequence[Names]:
    """Names of the outputs of each site."""
    return sites._makes if isinstance(sites, Sites) else [[spec.name for spec in site.outputs] for site in sites]


def bodies(sites: Sequence[Site]) -> Sequence[str]:
    """The body that each site sits in."""
    return sites._bodies if isinstance(sites, Sites) else [site.body for site in sites]
