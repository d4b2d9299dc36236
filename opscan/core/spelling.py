"""What a misspelt word may have meant."""

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where a known word is near, else nothing: the end of an error's sentence.

    Of words that are equally near, the first.
    """
    from difflib import SequenceMatcher, get_close_matches  # noqa: PLC0415  # for those who misspell

    words = list(known)
    near = get_close_matches(word, words, n=max(len(words), 1))
    likeness = {other: SequenceMatcher(None, other, word).ratio() for other in words if other in near}
    return f"; did you mean {max(likeness, key=likeness.__getitem__)}?" if likeness else ""
