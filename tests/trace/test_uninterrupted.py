"""Ctrl-C is put off, not lost."""

import signal
import threading

import pytest

from opscan.trace.uninterrupted import uninterrupted


@pytest.fixture
def handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_is_raised_at_the_end(handler):
    done = []

    def work() -> None:
        with uninterrupted():
            for part in ("one", "two"):
                signal.raise_signal(signal.SIGINT)
                done.append(part)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["one", "two"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_is_raised_as_it_is(handler):
    with pytest.raises(ImportError), uninterrupted():
        raise ImportError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_it_goes_on_to():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_get_none(handler):
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
