"""Ctrl-C while a command runs."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def remembered() -> Iterator[Sequence[int]]:
    """Ctrl-C raises KeyboardInterrupt inside, as ever; and the sequence is no longer empty.

    A library that is cut off while it is imported may make another error of it: numpy recurses without end.
    """
    pressed: list[int] = []

    def interrupt(signum: int, frame: FrameType | None) -> NoReturn:
        pressed.append(signum)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # a shell starts programs so that are to run in the background
        yield pressed
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
