"""The benchmark measures what it is asked to, and makes no file before a row needs it."""

import sys

import pytest

from bench import report
from bench import row as row_module
from bench.__main__ import chosen_rows, groups
from bench.files import Files
from bench.measure import Command, Failed, Measured, measure
from bench.row import Comparison, Peer, Row


def test_listing_all_rows_makes_nothing(tmp_path):
    rows = [row for several in chosen_rows(groups(), Files(tmp_path), "").values() for row in several]
    assert list(tmp_path.iterdir()) == []
    assert len({row.what for row in rows}) == len(rows), "each can be chosen by name"
    assert all(row.peers for row in rows)


@pytest.mark.parametrize(("text", "count"), [("11.6k nodes, 180 MB", 2), ("1.3 GB inline", 1), ("no such row", 0)])
def test_rows_are_chosen_by_their_text(tmp_path, text, count):
    found = chosen_rows(groups(), Files(tmp_path), text)
    assert sum(map(len, found.values())) == count


def python(name, code, *arguments):
    return Command(name=name, argv=(sys.executable, "-c", code, *map(str, arguments)))


def test_a_cache_is_filled_once_and_anew_in_each_run(tmp_path):
    filling = python("fill", "import os, sys; os.mkdir(sys.argv[1])", tmp_path / "cache")
    for _ in range(2):
        files = Files(tmp_path)
        using = Command(name="use", argv=(), environment={"FOLDER": str(files.cache("cache", filling))})
        files.make_for(using)
        (tmp_path / "cache" / "kept").touch()
        files.make_for(using)
        assert (tmp_path / "cache" / "kept").exists()


def test_copies_are_made_with_what_they_are_copies_of(tmp_path):
    files = Files(tmp_path)
    files._recipes[str(tmp_path / "one.txt")] = (tmp_path / "one.txt").touch
    copies = files.copies(tmp_path / "one.txt", 3)
    assert not any(copy.exists() for copy in copies)
    files.make_for(Command(name="use", argv=tuple(map(str, copies))))
    assert all(copy.exists() for copy in copies)


def test_a_command_of_several_rows_is_measured_once(tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(
        row_module, "measure", lambda command, runs: measured.append(command.name) or Measured(1.0, 2.0, 3.0, runs)
    )
    a, b = python("a", "1"), python("b", "2")
    comparison = Comparison(Files(tmp_path))
    rows = [Row(what="x", ours=a, peers=(Peer(b, goal=1 / 1.5),)), Row(what="y", ours=b, peers=(Peer(a, goal=2),))]
    goals = [result.goal for row in rows for result in comparison.of(row)]
    assert (measured, goals) == (["a", "b"], ["at most 1.5 times as long reached", "2x **missed**"])


ENDS = [
    ("import sys; sys.exit(1)", "", "a finding is an answer"),
    ("1 / 0", "exit code 1: ZeroDivisionError: division by zero", "a crash is none, though it ends with 1 too"),
    ("import sys; sys.exit('no')", "", "what is said does not matter"),
    ("import sys; sys.exit(3)", "exit code 3: it said nothing", "another exit code is none"),
]


@pytest.mark.parametrize(("code", "reason", "why"), ENDS, ids=[row[-1] for row in ENDS])
def test_what_counts_as_an_answer(code, reason, why):
    command = Command(name="x", argv=(sys.executable, "-c", code), exits=(0, 1))
    if reason:
        with pytest.raises(Failed, match=reason):
            measure(command, 1)
    else:
        assert measure(command, 1).runs == 1, why


def test_a_group_is_written_and_the_others_stay():
    document = report.markdown({"Files": "of files\n\n| a |\n", "Models": "of models\n"})
    assert report.sections(document) == {"Files": "of files\n\n| a |\n", "Models": "of models\n"}
    assert report.markdown(report.sections(document)) == document
