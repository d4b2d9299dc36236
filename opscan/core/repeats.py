"""Runs of equal blocks: found in one inventory, left out of a model, and put back into its inventory.

A network repeats its blocks. All that differs between two copies of one is where they are and what
their values are called, so what a run of equal blocks does is known from the first few of them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from opscan.core.inventory import Site, TensorSpec

# Blocks may alternate: a period is so many of them (Swin's with and without shifted windows are two).
_LONGEST_PERIOD = 4
_NUMBER = re.compile(r"\d+")
# What two copies of a site share; their modules, attributes, inputs and outputs are compared apart.
_SHARED = attrgetter(
    "op", "source", "macs", "body", "since_version", "types", "defaults", "unbound",
    "is_function", "function", "constant", "dead",
)  # fmt: skip


class NotRepeating(Exception):
    """Blocks that looked alike are not."""


@dataclass(frozen=True, slots=True)
class Run:
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
    runs: list[Run] = []
    for container, names in sorted(containers.items(), key=lambda item: item[0].count(".")):
        inside = [f"{path}." for run in runs for period in (*run.kept, *run.dropped) for path in run.paths(period)]
        if not container.startswith(tuple(inside)):
            runs += _runs_of(sites, container, names, kept)
    return tuple(runs)


def expanded(sites: Sequence[Site], runs: Sequence[Run]) -> tuple[Site, ...]:
    """The sites of the whole model, from those of the model without its dropped blocks.

    What a block that was put back makes is called as in the last block that was kept, with `@` and
    its own path behind. Raises NotRepeating where the last two periods that were kept do not do the same.
    """
    found = tuple(sites)
    for run in runs:
        found = _with_copies(found, run)
    return found


def alike(sites: Sequence[Site], others: Sequence[Site]) -> bool:
    """Whether two models do the same at the same places with the same flow of values, whatever these are called."""
    names: dict[str, str] = {}
    back: dict[str, str] = {}
    return len(sites) == len(others) and all(
        a.module == b.module
        and _does(a) == _does(b)
        and all(names.setdefault(x, y) == y and back.setdefault(y, x) == x for x, y in _named(a, b))
        for a, b in zip(sites, others, strict=True)
    )


def _named(a: Site, b: Site) -> Iterator[tuple[str, str]]:
    """Names of the same values in two sites that do the same."""
    for x, y in zip((*a.inputs, *a.outputs), (*b.inputs, *b.outputs), strict=True):
        if x is not None and y is not None:
            yield x.name, y.name


def _does(site: Site) -> object:
    """All of a site but where it is and what its values are called; an attribute may mention these."""
    attributes = {
        name: _NUMBER.sub("", value) if isinstance(value, str) else (type(value), value)
        for name, value in site.attributes.items()
    }
    types = tuple(spec and (spec.shape, spec.dtype, spec.constant, bool(spec.name)) for spec in site.inputs)
    made = tuple((spec.shape, spec.dtype, spec.constant, bool(spec.name)) for spec in site.outputs)
    return _SHARED(site), attributes, types, made


@dataclass(frozen=True, slots=True)
class _Block:
    """The sites from one position up to another, and what they do."""

    start: int
    end: int
    does: list[object]


def _runs_of(sites: Sequence[Site], container: str, names: Sequence[str], kept: int) -> Iterator[Run]:
    blocks = [_block(sites, path) for path in Run(container, (), ()).paths(names)]
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


def _block(sites: Sequence[Site], path: str) -> _Block | None:
    """None where a block has no sites, or those of others in between."""
    positions = _positions(sites, [path])
    if not positions or not _adjacent(positions):
        return None
    does = [(below(sites[number].module, [path]), _does(sites[number])) for number in positions]
    return _Block(positions[0], positions[-1] + 1, list(does))


def _positions(sites: Sequence[Site], paths: Sequence[str]) -> list[int]:
    return [number for number, site in enumerate(sites) if below(site.module, paths) is not None]


def _adjacent(positions: Sequence[int]) -> bool:
    return positions[-1] - positions[0] + 1 == len(positions)


def below(module: str, paths: Sequence[str]) -> tuple[int, str] | None:
    """Which of the paths a module is at or below, and its path from there."""
    for number, path in enumerate(paths):
        if module == path or module.startswith(f"{path}."):
            return number, module[len(path) :]
    return None


def _with_copies(sites: tuple[Site, ...], run: Run) -> tuple[Site, ...]:
    before, last = (run.paths(period) for period in run.kept[-2:])
    first, second = _positions(sites, before), _positions(sites, last)
    if not first or not _adjacent([*first, *second]) or len(first) != len(second):
        raise NotRepeating(f"{run.container}: other operators stand between its blocks")
    pairs = [(sites[a], sites[b]) for a, b in zip(first, second, strict=True)]
    for a, b in pairs:
        if below(a.module, before) != below(b.module, last) or _does(a) != _does(b) or b.body:
            raise NotRepeating(f"{run.container}: its blocks differ at {b.node}")
    names = _Names(pairs, last)
    copies: list[Site] = []
    previous = last
    for period in run.dropped:
        paths = run.paths(period)
        copies += [names.copy(site, paths, previous) for _, site in pairs]
        previous = paths
    return (*sites[: second[-1] + 1], *copies, *(names.after(site, previous) for site in sites[second[-1] + 1 :]))


class _Names:
    """What the values of a block are called in its copies."""

    def __init__(self, pairs: Sequence[tuple[Site, Site]], last: Sequence[str]) -> None:
        self._last = last
        self._made = {spec.name for _, site in pairs for spec in site.outputs}
        made_before = {x.name: y.name for a, b in pairs for x, y in zip(a.outputs, b.outputs, strict=True)}
        self._carried = made_before
        """Of the block before -> the same of this one: what one block hands to the next."""
        self._own = {y for a, b in pairs for x, y in _named(a, b) if x != y and y not in self._carried}
        for a, b in pairs:
            for x, y in _named(a, b):
                if x in made_before and y == x:
                    raise NotRepeating(f"{b.node} reads {y} of the block before as if it were stored")

    def copy(self, site: Site, paths: Sequence[str], previous: Sequence[str]) -> Site:
        """A site of the last block in the copy with these module paths, which follows that with the previous ones."""
        child, rest = below(site.module, self._last) or (0, "")

        def rename(name: str) -> str:
            if name in self._carried:
                return self._in(self._carried[name], previous)
            return self._in(name, paths)

        return replace(_renamed(site, rename), module=paths[child] + rest, node=f"{site.node}@{paths[0]}")

    def after(self, site: Site, previous: Sequence[str]) -> Site:
        """A site that follows the copies, the last of which has these module paths."""
        return _renamed(site, lambda name: self._in(name, previous) if name in self._made else name)

    def _in(self, name: str, paths: Sequence[str]) -> str:
        """The name of a value in a block; one that all blocks share keeps its name."""
        if name not in self._own or paths == self._last:
            return name
        found = below(name, self._last)  # a parameter is called by its path
        return f"{name}@{paths[0]}" if found is None else paths[found[0]] + found[1]


def _renamed(site: Site, rename: Callable[[str], str]) -> Site:
    def spec(value: TensorSpec | None) -> TensorSpec | None:
        return replace(value, name=rename(value.name)) if value is not None and value.name else value

    return replace(
        site,
        inputs=tuple(map(spec, site.inputs)),
        outputs=tuple(replace(value, name=rename(value.name)) for value in site.outputs),
    )
