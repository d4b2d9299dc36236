"""Runs of equal blocks: found in one inventory, left out of a model, and put back into its inventory.

A network repeats its blocks. All that differs between two copies of one is where they are and what
their values are called, so what a run of equal blocks does is known from the first few of them.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter

from opscan.core.inventory import Attribute, Site
from opscan.core.record import Record
from opscan.core.sites import Row, Sites, forms, rows

# Blocks may alternate: a period is so many of them (Swin's with and without shifted windows are two).
_LONGEST_PERIOD = 4
_NUMBER = re.compile(r"\d+")
# What two copies of a site share; their lines, modules, attributes, inputs and outputs are compared apart.
_SHARED = attrgetter("op", "macs", "since_version", "unbound", "is_function", "function", "constant", "dead")


class NotRepeating(Exception):
    """Blocks that looked alike are not."""


class Run(Record, frozen=True):
    """Equal blocks of one container, by the names that it has for them."""

    container: str
    kept: tuple[tuple[str, ...], ...]
    """The first periods, which stay in the model."""
    dropped: tuple[tuple[str, ...], ...]
    """The periods that follow, which are left out."""

    def paths(self, period: Sequence[str]) -> tuple[str, ...]:
        """Module paths of a period's blocks."""
        return tuple(f"{self.container}.{name}" if self.container else name for name in period)


def find_runs(sites: Sequence[Site], containers: Mapping[str, Sequence[str]], kept: int) -> tuple[Run, ...]:
    """Runs of more than `kept` periods that look equal, among the blocks of each container, outer containers first.

    `containers` are lists of blocks: module path -> names of the blocks, in order.
    """
    steps = _steps(_Kinds(), sites)
    runs: list[Run] = []
    for container, names in sorted(containers.items(), key=lambda item: item[0].count(".")):
        inside = [f"{path}." for run in runs for period in (*run.kept, *run.dropped) for path in run.paths(period)]
        if not container.startswith(tuple(inside)):
            runs += _runs_of(steps, container, names, kept)
    return tuple(runs)


def expanded(sites: Sequence[Site], runs: Sequence[Run]) -> Sequence[Site]:
    """The sites of the whole model, from those of the model without its dropped blocks.

    What a block that was put back makes is called as in the last block that was kept, with `@` and
    its own path behind. Raises NotRepeating where the last two periods that were kept do not do the same.
    """
    found = _steps(_Kinds(), sites)
    for run in runs:
        found = _with_copies(found, run)
    return Sites(forms(sites), [step.row for step in found])


def alike(sites: Sequence[Site], others: Sequence[Site]) -> bool:
    """Whether two models do the same at the same places with the same flow of values, whatever these are called."""
    kinds = _Kinds()
    names: dict[str, str] = {}
    back: dict[str, str] = {}
    return len(sites) == len(others) and all(
        a.module == b.module
        and a.does == b.does
        and all(names.setdefault(x, y) == y and back.setdefault(y, x) == x for x, y in _named(a, b))
        for a, b in zip(_steps(kinds, sites), _steps(kinds, others), strict=True)
    )


class _Step(Record, frozen=True):
    """A site as its row, and a number for what it does: all of it but where it is and what its values are called."""

    row: Row
    does: int

    @property
    def module(self) -> str:
        return self.row[1][0]

    @property
    def values(self) -> Iterator[str]:
        """Names of what it reads and makes; `""` for what has none."""
        yield from self.row[4]
        yield from self.row[5]


class _Kinds:
    """Numbers for things that sites do."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, thing: Hashable) -> int:
        """The same for equal things."""
        return self._numbers.setdefault(thing, len(self._numbers))


def _steps(kinds: _Kinds, sites: Sequence[Site]) -> list[_Step]:
    of_forms = [kinds.number(_form(site)) for site in forms(sites)]
    return [_Step(row, kinds.number(_does(of_forms[row[0]], row))) for row in rows(sites)]


def _does(form: int, row: Row) -> Hashable:
    _, (_, source), _, body, reads, makes = row
    return form, source, body, *map(bool, reads), None, *map(bool, makes)


def _form(site: Site) -> Hashable:
    """What sites of a form share; an attribute may mention names of values."""
    attributes = tuple((name, _without_numbers(value)) for name, value in sorted(site.attributes.items()))
    schema = _sorted(site.types), None if site.defaults is None else _sorted(site.defaults)
    inputs = tuple(spec and (spec.shape, spec.dtype, spec.constant) for spec in site.inputs)
    outputs = tuple((spec.shape, spec.dtype, spec.constant) for spec in site.outputs)
    return _SHARED(site), attributes, schema, inputs, outputs


def _without_numbers(value: Attribute) -> Hashable:
    return _NUMBER.sub("", value) if isinstance(value, str) else (type(value), value)


def _sorted(values: Mapping[str, Attribute]) -> Hashable:
    return tuple(sorted(values.items(), key=lambda item: item[0]))


def _named(a: _Step, b: _Step) -> Iterator[tuple[str, str]]:
    """Names of the same values in two sites that do the same."""
    return ((x, y) for x, y in zip(a.values, b.values, strict=True) if x)


class _Block(Record, frozen=True):
    """The sites from one position up to another, and what they do."""

    start: int
    end: int
    does: list[object]


def _runs_of(steps: Sequence[_Step], container: str, names: Sequence[str], kept: int) -> Iterator[Run]:
    blocks = _blocks(steps, Run(container, (), ()).paths(names))
    start = 0
    while start < len(blocks):
        period, count = max(
            ((length, _repetitions(blocks[start:], length)) for length in range(1, _LONGEST_PERIOD + 1)),
            key=lambda found: (found[0] * (found[1] - kept), -found[0]),
        )
        if count <= kept:
            start += 1
            continue
        end = start + period * count
        periods = [tuple(names[number : number + period]) for number in range(start, end, period)]
        yield Run(container, tuple(periods[:kept]), tuple(periods[kept:]))
        start = end


def _repetitions(blocks: Sequence[_Block | None], period: int) -> int:
    """How often the first blocks of this number follow each other with nothing in between."""
    count = 0
    for number, block in enumerate(blocks):
        before, model = (blocks[number - 1] if number else None), blocks[number % period]
        if block is None or model is None or block.does != model.does or (before and before.end != block.start):
            break
        count = (number + 1) // period
    return count


def _blocks(steps: Sequence[_Step], paths: Sequence[str]) -> list[_Block | None]:
    """The block of each path. None where it has no sites, or those of others in between."""
    find = places(paths)
    found: list[list[tuple[int, str]]] = [[] for _ in paths]
    for number, step in enumerate(steps):
        if place := find(step.module):
            found[place[0]].append((number, place[1]))
    return [_block(steps, inside) for inside in found]


def _block(steps: Sequence[_Step], inside: Sequence[tuple[int, str]]) -> _Block | None:
    positions = [number for number, _ in inside]
    if not positions or not _adjacent(positions):
        return None
    return _Block(positions[0], positions[-1] + 1, [(rest, steps[number].does) for number, rest in inside])


def _adjacent(positions: Sequence[int]) -> bool:
    return positions[-1] - positions[0] + 1 == len(positions)


Place = tuple[int, str]
"""Which of some paths a module is at or below, and its path from there."""


def places(paths: Sequence[str]) -> Callable[[str], Place | None]:
    """Tells the place of a module, None where it is at or below none of the paths, of which none is below another."""
    numbers = {path: number for number, path in enumerate(paths)}

    @cache
    def place(module: str) -> Place | None:
        end = len(module)
        while end > 0:
            if module[:end] in numbers:
                return numbers[module[:end]], module[end:]
            end = module.rfind(".", 0, end)
        return None

    return place


def _with_copies(steps: list[_Step], run: Run) -> list[_Step]:
    before, last = (run.paths(period) for period in run.kept[-2:])
    place_before, place_last = places(before), places(last)
    first = [number for number, step in enumerate(steps) if place_before(step.module)]
    second = [number for number, step in enumerate(steps) if place_last(step.module)]
    if not first or not _adjacent([*first, *second]) or len(first) != len(second):
        raise NotRepeating(f"{run.container}: other operators stand between its blocks")
    pairs = [(steps[a], steps[b]) for a, b in zip(first, second, strict=True)]
    for a, b in pairs:
        if place_before(a.module) != place_last(b.module) or a.does != b.does or b.row[3]:
            raise NotRepeating(f"{run.container}: its blocks differ at {b.row[2]}")
    names = _Names(pairs, last)
    copies: list[_Step] = []
    previous = last
    for period in run.dropped:
        paths = run.paths(period)
        copies += [names.copy(step, paths, previous) for _, step in pairs]
        previous = paths
    return [*steps[: second[-1] + 1], *copies, *(names.after(step, previous) for step in steps[second[-1] + 1 :])]


class _Names:
    """What the values of a block are called in its copies."""

    def __init__(self, pairs: Sequence[tuple[_Step, _Step]], last: Sequence[str]) -> None:
        self._last = last
        self._place = places(last)
        self._made = {name for _, step in pairs for name in step.row[5]}
        made_before = {x: y for a, b in pairs for x, y in zip(a.row[5], b.row[5], strict=True) if x}
        self._carried = made_before
        """Of the block before -> the same of this one: what one block hands to the next."""
        self._own = {y for a, b in pairs for x, y in _named(a, b) if x != y and y not in self._carried}
        for a, b in pairs:
            for x, y in _named(a, b):
                if x in made_before and y == x:
                    raise NotRepeating(f"{b.row[2]} reads {y} of the block before as if it were stored")

    def copy(self, step: _Step, paths: Sequence[str], previous: Sequence[str]) -> _Step:
        """A site of the last block in the copy with these module paths, which follows that with the previous ones."""
        child, rest = self._place(step.module) or (0, "")

        def rename(name: str) -> str:
            if name in self._carried:
                return self._in(self._carried[name], previous)
            return self._in(name, paths)

        return _renamed(step, rename, module=paths[child] + rest, node=f"{step.row[2]}@{paths[0]}")

    def after(self, step: _Step, previous: Sequence[str]) -> _Step:
        """A site that follows the copies, the last of which has these module paths."""
        if self._made.isdisjoint(step.values):
            return step
        return _renamed(
            step, lambda name: self._in(name, previous) if name in self._made else name, step.module, step.row[2]
        )

    def _in(self, name: str, paths: Sequence[str]) -> str:
        """The name of a value in a block; one that all blocks share keeps its name."""
        if name not in self._own or paths == self._last:
            return name
        found = self._place(name)  # a parameter is called by its path
        return f"{name}@{paths[0]}" if found is None else paths[found[0]] + found[1]


def _renamed(step: _Step, rename: Callable[[str], str], module: str, node: str) -> _Step:
    form, (_, source), _, body, reads, makes = step.row
    return _Step((form, (module, source), node, body, tuple(map(rename, reads)), tuple(map(rename, makes))), step.does)
