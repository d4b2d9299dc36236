"""What a misspelt word may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where a known word is near, else nothing: the end of an error's sentence.

    Of words that are equally near, the first.
    """
    words = list(known)
    near = difflib.get_close_matches(word, words, n=max(len(words), 1))
    best = max((w for w in words if w in near), key=lambda other: _likeness(word, other), default=None)
    return f"; did you mean {best}?" if best else ""


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, word).ratio()
