"""What to implement next: which obstacles block most models, and the best set of each size."""

from collections.abc import Iterator, Mapping, Sequence

from opscan.core.needs import Needs, Obstacle
from opscan.core.record import Record

# Steps of the exact search for one size before it settles for the best found so far.
_STEPS = 60_000


class Blocker(Record, frozen=True, kw_only=True):
    """One obstacle and the models that it blocks."""

    obstacle: Obstacle
    models: tuple[str, ...]
    alone: tuple[str, ...]
    """Models that nothing else blocks."""
    weight: float
    """Sum of the models' weights."""
    macs: int
    """Known multiply-accumulates of its sites in all models."""


class Step(Record, frozen=True, kw_only=True):
    """The best set of at most `size` obstacles to do away with."""

    size: int
    obstacles: tuple[Obstacle, ...]
    unblocked: tuple[str, ...]
    """Models that nothing known would block any more."""
    doubtful: tuple[str, ...]
    """Those of them about which something cannot be told."""
    weight: float
    exact: bool
    """False: better sets were not ruled out."""


class Ranking(Record, frozen=True):
    """The obstacles, most blocking first, and the curve of best sets; its first step is what runs today."""

    models: int
    blockers: tuple[Blocker, ...]
    curve: tuple[Step, ...]


def ranking(models: Sequence[Needs], weights: Mapping[str, float] | None = None, largest: int = 10) -> Ranking:
    """All obstacles of these models, and the best sets of 1 to `largest` of them; a model weighs 1 unless given."""
    weight = {one.model: (weights or {}).get(one.model, 1.0) for one in models}
    curve = []
    for size, (chosen, exact) in enumerate(_best_sets(models, weight, largest)):
        unblocked = [one for one in models if one.obstacles <= chosen]
        used = frozenset().union(*(one.obstacles for one in unblocked))
        curve.append(
            Step(
                size=size,
                obstacles=tuple(sorted(used)),
                unblocked=tuple(one.model for one in unblocked),
                doubtful=tuple(one.model for one in unblocked if one.doubts),
                weight=sum(weight[one.model] for one in unblocked),
                exact=exact,
            )
        )
    return Ranking(len(models), _blockers(models, weight), tuple(curve))


def _blockers(models: Sequence[Needs], weight: Mapping[str, float]) -> tuple[Blocker, ...]:
    blocked: dict[Obstacle, list[Needs]] = {}
    for one in models:
        for obstacle in one.obstacles:
            blocked.setdefault(obstacle, []).append(one)
    found = [
        Blocker(
            obstacle=obstacle,
            models=tuple(one.model for one in ones),
            alone=tuple(one.model for one in ones if len(one.obstacles) == 1),
            weight=sum(weight[one.model] for one in ones),
            macs=sum(dict(one.macs).get(obstacle, 0) for one in ones),
        )
        for obstacle, ones in blocked.items()
    ]
    return tuple(sorted(found, key=lambda b: (-b.weight, -len(b.alone), b.obstacle)))


def _best_sets(
    models: Sequence[Needs], weight: Mapping[str, float], largest: int
) -> Iterator[tuple[frozenset[Obstacle], bool]]:
    """The best set of at most 0, 1, 2, ... obstacles, until every model is unblocked."""
    numbers = {o: n for n, o in enumerate(sorted(frozenset().union(*(one.obstacles for one in models))))}
    weights: dict[int, float] = {}
    for one in models:
        bits = sum(1 << numbers[obstacle] for obstacle in one.obstacles)
        weights[bits] = weights.get(bits, 0.0) + weight[one.model]
    chosen, before = 0, -1.0
    for size in range(min(largest, len(numbers)) + 1):
        greedy = _greedy(weights, size)
        start = max((chosen, greedy), key=lambda bits: (_value(weights, bits), -bits.bit_count(), -bits))
        chosen, exact = _Search(weights, size, start).best()
        before = _value(weights, chosen)
        yield frozenset(obstacle for obstacle, number in numbers.items() if chosen >> number & 1), exact
        if before >= sum(weights.values()):
            return


def _value(weights: Mapping[int, float], bits: int) -> float:
    return sum(weight for needed, weight in weights.items() if not needed & ~bits)


def _greedy(weights: Mapping[int, float], size: int) -> int:
    """Completes, again and again, the models that give most for each obstacle still missing."""
    chosen = 0
    while True:
        now = _value(weights, chosen)
        options = [
            ((_value(weights, chosen | needed) - now) / (needed & ~chosen).bit_count(), -needed)
            for needed in weights
            if needed & ~chosen and (needed | chosen).bit_count() <= size
        ]
        if not options or max(options)[0] <= 0:
            return chosen
        chosen |= -max(options)[1]


class _Search:
    """Branch and bound over which groups of models, with the same obstacles each, are unblocked."""

    def __init__(self, weights: Mapping[int, float], size: int, start: int) -> None:
        self._size = size
        self._groups = sorted(
            ((needed, weight) for needed, weight in weights.items() if needed.bit_count() <= size),
            key=lambda group: (group[0].bit_count(), -group[1], group[0]),
        )
        self._weights = weights
        self._chosen = start
        self._value = _value(weights, start)
        self._steps = 0

    def best(self) -> tuple[int, bool]:
        """The best set, and whether nothing better can exist."""
        self._visit(0, 0, _value(self._weights, 0))
        return self._chosen, self._steps <= _STEPS

    def _visit(self, position: int, union: int, value: float) -> None:
        self._steps += 1
        if self._steps > _STEPS:
            return
        if value > self._value:
            self._chosen, self._value = union, value
        for number in range(position, len(self._groups)):
            needed, _ = self._groups[number]
            grown = needed | union
            if grown == union or grown.bit_count() > self._size:
                continue
            if not self._hopeful(number, union, value):
                return
            # What the grown set unblocks besides counts at once; groups passed over stay passed over.
            self._visit(number + 1, grown, _value(self._weights, grown))

    def _hopeful(self, number: int, union: int, value: float) -> bool:
        fitting = sum(w for n, w in self._groups[number:] if n & ~union and (n | union).bit_count() <= self._size)
        return value + fitting > self._value
