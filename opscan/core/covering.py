"""The conditions under which something happened every time, found one conjunction at a time.

Sequential covering, as in FOIL (Quinlan 1990, "Learning logical definitions from relations") and RIPPER
(Cohen 1995, "Fast effective rule induction"): a conjunction grows by the condition that gains most until it
holds for no counterexample; what it does not need is taken out again; then the next one is sought for the
examples that are left. Where no single condition gains anything, it starts from all that is known of one
example instead. A condition on something that an example lacks holds for it, as a clause does.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log2
from typing import TypeVar

from opscan.core.inventory import Attribute

Key = tuple[str, Attribute]
"""A value with the name of its type: tells 1 from True and from 1.0, which Python calls equal."""
F = TypeVar("F")
Example = Mapping[F, Key]
Condition = tuple[F, frozenset[Key]]
Conjunction = tuple[Condition[F], ...]


def conjunctions(
    examples: Sequence[Example[F]], counterexamples: Sequence[Example[F]], features: Sequence[F], fewest: int
) -> Iterator[Conjunction[F]]:
    """Conjunctions that hold for no counterexample and for at least so many examples each.

    Of conditions that gain the same, the one on the feature that comes first in `features` is taken.
    """
    left = [e for e in examples if _told_apart(e, counterexamples)]
    while left:
        found = _grown(left, counterexamples, features) or _from_one(left[0], counterexamples, features)
        if sum(holds(found, e) for e in examples) >= fewest:
            yield found
        left = [e for e in left if not holds(found, e)]


def _told_apart(example: Example[F], others: Sequence[Example[F]]) -> bool:
    """Whether all that is known of it holds for none of the others."""
    return not any(all(other.get(f, key) == key for f, key in example.items()) for other in others)


def _from_one(example: Example[F], others: Sequence[Example[F]], features: Sequence[F]) -> Conjunction[F]:
    """What holds for one example, as much of it as tells it from the others; what is asked last goes first."""
    known = [(f, frozenset((example[f],))) for f in reversed(features) if f in example]
    return tuple(reversed(_pruned(tuple(known), others)))


def holds(conditions: Conjunction[F], example: Example[F]) -> bool:
    """Whether every condition does; one on something that the example lacks does."""
    return all(feature not in example or example[feature] in keys for feature, keys in conditions)


def _grown(
    examples: Sequence[Example[F]], others: Sequence[Example[F]], features: Sequence[F]
) -> Conjunction[F] | None:
    """A conjunction for some of the examples, as many as it can be; None where nothing tells them from the others."""
    conditions: Conjunction[F] = ()
    inside, outside = list(examples), list(others)
    while outside:
        best = _best(inside, outside, features)
        if best is None:
            return None
        conditions = (*conditions, best)
        inside, outside = ([e for e in group if holds((best,), e)] for group in (inside, outside))
    return _pruned(conditions, others)


def _pruned(conditions: Conjunction[F], others: Sequence[Example[F]]) -> Conjunction[F]:
    """Without the conditions that keep no counterexample out."""
    for condition in conditions:
        fewer = tuple(c for c in conditions if c is not condition)
        if not any(holds(fewer, e) for e in others):
            conditions = fewer
    return conditions


def _best(inside: Sequence[Example[F]], outside: Sequence[Example[F]], features: Sequence[F]) -> Condition[F] | None:
    """The condition with the highest gain; None where none keeps a counterexample out."""
    before = _purity(len(inside), len(outside))
    best, most = None, 0.0
    for feature in features:
        for keys, yes, no in _conditions(feature, inside, outside):
            gain = yes * (_purity(yes, no) - before)
            if gain > most + 1e-9:
                best, most = (feature, keys), gain
    return best


def _purity(yes: int, no: int) -> float:
    return log2(yes / (yes + no))


def _conditions(
    feature: F, inside: Sequence[Example[F]], outside: Sequence[Example[F]]
) -> Iterator[tuple[frozenset[Key], int, int]]:
    """What can be asked of a feature, with the examples and counterexamples that it holds for.

    The values that only examples have; those that examples have at all; each single one of these.
    """
    yes, lacking = _counts(feature, inside)
    no, others_lacking = _counts(feature, outside)
    pure = frozenset(key for key in yes if key not in no)
    for keys in dict.fromkeys((pure, frozenset(yes), *(frozenset((key,)) for key in sorted(yes, key=repr)))):
        if keys:
            more = lacking + sum(yes[key] for key in keys)
            yield keys, more, others_lacking + sum(no.get(key, 0) for key in keys)


def _counts(feature: F, examples: Sequence[Example[F]]) -> tuple[dict[Key, int], int]:
    """How many have each value, and how many lack the feature."""
    found: dict[Key, int] = {}
    lacking = 0
    for example in examples:
        key = example.get(feature)
        if key is None:
            lacking += 1
        else:
            found[key] = found.get(key, 0) + 1
    return found, lacking
