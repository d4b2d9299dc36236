"""Questions and answers between two processes."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from opscan.trace.apart import Apart, PassFailed

# More than any pipe holds.
LARGE = 1 << 22


def times(data: bytes) -> bytes:
    """`b3` -> 3 times LARGE of b."""
    return data[:1] * (int(data[1:]) * LARGE)


def test_answers_are_taken_in_any_order():
    with Apart(times) as process:
        numbers = [process.post(word) for word in (b"a2", b"b0", b"c1", b"d0")]
        found = [process.answer(numbers[position]) for position in (2, 0, 3, 1)]
    assert found == list(map(times, (b"c1", b"a2", b"d0", b"b0")))


def test_the_next_question_is_worked_at_before_an_answer_is_taken(tmp_path):
    def work(data: bytes) -> bytes:
        (tmp_path / data.decode()).touch()
        return bytes(LARGE)

    with Apart(work) as process:
        numbers = [process.post(name) for name in (b"one", b"two")]
        end = time.monotonic() + 60
        while not (tmp_path / "two").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert [process.answer(number) for number in numbers] == [bytes(LARGE)] * 2


def test_whether_there_is_an_answer_is_known_without_taking_it(tmp_path):
    def work(data: bytes) -> bytes:
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        return data

    with Apart(work) as process:
        number = process.post(b"x")
        assert not process.is_ready()
        (tmp_path / "go").touch()
        end = time.monotonic() + 60
        while not process.is_ready():
            assert time.monotonic() < end
        assert process.answer(number) == b"x"
        assert not process.is_ready()


@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_questions_of_any_size(size):
    with Apart(bytes) as process:
        assert process.ask(bytes(size)) == bytes(size)


def test_answers_that_were_given_outlive_their_process():
    """It has sent them before it ends, as far as somebody waited for them."""

    def work(data: bytes) -> bytes:
        if data == b"end":
            os._exit(0)
        return data

    with Apart(work) as process:
        numbers = [process.post(data) for data in (b"x", b"end", b"y")]
        assert process.answer(numbers[0]) == b"x"
        for number in numbers[1:]:
            with pytest.raises(PassFailed, match="onnx gave no answer"):
                process.answer(number)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc for the process")
def test_a_process_ends_that_nobody_listens_to():
    process = Apart(times).__enter__()
    process.post(b"a3")
    child = process._child
    process.__exit__(None, None, None)
    end = time.monotonic() + 60
    with suppress(FileNotFoundError):  # nobody has taken leave of it yet
        while Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < end
            time.sleep(0.01)
