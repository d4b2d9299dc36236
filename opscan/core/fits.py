"""Which models run on a backend as they are, and how far the others are from it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from opscan.core.needs import Needs, Obstacle, by_family
from opscan.core.record import Record


class Fit(StrEnum):
    """Whether a model runs, best first."""

    RUNS = "runs"
    UNDECIDED = "undecided"
    """Nothing is known to be in the way, and something could not be told."""
    BLOCKED = "blocked"


class FamilyFit(Record, frozen=True, kw_only=True):
    """Models of one family with the same answer."""

    family: str
    whole: bool
    """Whether these are all of the family's models that were asked about."""
    models: tuple[str, ...]
    fit: Fit
    operators: tuple[str, ...]
    """The operators in the way."""
    obstacles: tuple[Obstacle, ...]
    doubts: tuple[Obstacle, ...]

    @property
    def distance(self) -> int:
        """How many operators are in the way."""
        return len(self.operators)

    @property
    def sentence(self) -> str:
        """`all three, blocked by Roll alone`."""
        several = len(self.models) > 1
        who = _who(len(self.models), self.whole) if several else ""
        match self.fit:
            case Fit.RUNS:
                return f"{who} run as they are" if several else "runs as it is"
            case Fit.UNDECIDED:
                what = f"undecided: {_list(sorted({str(d.operator) for d in self.doubts}))}"
            case Fit.BLOCKED:
                what = f"blocked by {_list(self.operators)}" + (" alone" if self.distance == 1 else "")
            case _:
                assert_never(self.fit)
        return f"{who}, {what}" if several else what


def fit_of(one: Needs) -> Fit:
    """Whether the model runs."""
    if one.obstacles:
        return Fit.BLOCKED
    return Fit.UNDECIDED if one.doubts else Fit.RUNS


def fits(models: Sequence[Needs]) -> tuple[FamilyFit, ...]:
    """Families, those that run first, then the nearest; models of a family apart where their answers differ."""
    found = []
    for family, members in by_family(models).items():
        alike: dict[tuple[Fit, tuple[str, ...]], list[Needs]] = {}
        for one in members:
            alike.setdefault((fit_of(one), one.operators), []).append(one)
        for (fit, operators), ones in alike.items():
            found.append(
                FamilyFit(
                    family=family,
                    whole=len(ones) == len(members),
                    models=tuple(one.model for one in ones),
                    fit=fit,
                    operators=operators,
                    obstacles=tuple(sorted(frozenset().union(*(one.obstacles for one in ones)))),
                    doubts=tuple(sorted(frozenset().union(*(one.doubts for one in ones)))),
                )
            )
    order = list(Fit)
    return tuple(sorted(found, key=lambda f: (order.index(f.fit), f.distance, len(f.obstacles))))


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def _who(count: int, whole: bool) -> str:
    if whole:
        return "both" if count == 2 else f"all {_number(count)}"
    return _number(count)


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "nothing"
