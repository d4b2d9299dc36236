"""Snapshots, lockfiles and differences as values."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.dialect import Dialect
from opscan.core.diff import Side, difference
from opscan.core.judge import compare
from opscan.core.lock import Kind, Lock, check
from opscan.core.profile import Rule
from opscan.core.snapshot import Snapshot, snapshot, version_changes
from opscan.document import faults
from opscan.document.yaml_text import read_yaml
from opscan.serde.lock import LockYAML, conflict_line, lock_of, lock_text
from tests.fakes import inventories, inventory, onnx_site, profile, site, spec, texts


def kept(model="m", **counts):
    """A snapshot with these operators on one float32 matrix each."""
    return Snapshot(
        model=model, dialect=Dialect.ONNX, counts={(op, "float32 2-D"): count for op, count in counts.items()}
    )


def test_a_snapshot_counts_signatures():
    x = spec(2, 3)
    found = snapshot(inventory(site("Add", x, x), site("Add", x, x), site("Add", x, spec()), opset_imports={"": 18}))
    assert found.counts == {("Add", "float32 2-D, float32 2-D"): 2, ("Add", "float32 2-D, float32 0-D"): 1}
    assert found.operators == {"Add": 3}


# before, after, kinds of change, clean, what the row proves
CHECKS = [
    ({"Add": 2}, {"Add": 2}, [], True, "nothing changed"),
    ({"Add": 2}, {"Add": 3}, [Kind.COUNT], True, "a count alone is no finding"),
    ({"Add": 2}, {"Add": 2, "Tan": 1}, [Kind.NEW], False, "a new operator"),
    ({"Add": 2, "Tan": 1}, {"Add": 2}, [Kind.GONE], False, "one that is gone"),
    ({"Tan": 1}, {"Sin": 1}, [Kind.NEW, Kind.GONE], False, "one in place of another"),
]


@pytest.mark.parametrize(("before", "after", "kinds", "clean", "why"), CHECKS, ids=[row[-1] for row in CHECKS])
def test_check(before, after, kinds, clean, why):
    found = check(Lock(snapshots=(kept(**before),)), [kept(**after)])
    assert ([change.kind for change in found.changes], found.clean) == (kinds, clean), why


def test_a_model_that_is_not_locked_is_new():
    found = check(Lock(snapshots=(kept("a"),)), [kept("b")])
    assert (found.unlocked, found.clean) == (("b (onnx)",), False)


def test_a_model_that_is_not_asked_about_is_not_gone():
    assert check(Lock(snapshots=(kept("a"), kept("b"))), [kept("b")]).clean


def test_versions_that_changed_are_named():
    facts = {"model": "m", "dialect": Dialect.ONNX, "counts": {}}
    before = Snapshot(**facts, tools={"torch": "2.12", "onnx": "1"}, opsets={"": 17}, digest="a")
    after = Snapshot(**facts, tools={"torch": "2.13", "onnx": "1"}, opsets={"": 20, "x": 1}, digest="b")
    assert version_changes(before, after) == (
        "torch 2.12 -> 2.13",
        "opset 17 -> 20",
        "opset of x none -> 1",
        "the model itself",
    )
    assert version_changes(before, before) == ()


def read(text):
    found = read_yaml(text.encode(), "opscan.lock").value
    assert list(faults(found, LockYAML)) == []
    return lock_of(msgspec.convert(found, LockYAML), "opscan.lock")


@given(st.lists(inventories(), max_size=3), texts, st.none() | st.integers(1, 30))
def test_a_lockfile_reads_back_as_itself_whatever_names_are_in_it(found, digest, opset):
    snapshots = tuple(snapshot(one, model=f"{n} {one.model}", digest=digest) for n, one in enumerate(found))
    lock = Lock(snapshots=snapshots, opset=opset, tools={"torch": "2.13"})
    text = lock_text(lock)
    again = read(text)
    assert check(again, snapshots).clean
    assert check(again, snapshots).changes == ()
    assert lock_text(again) == text, "the same bytes for the same lock"
    assert conflict_line(text.encode()) is None


def test_a_lockfile_is_read_in_reviews():
    text = lock_text(Lock(snapshots=(kept("b", Tan=1), kept("a", Tan=2, Add=3)), tools={"torch": "2.13.0"}))
    assert text == (
        "# Written by `opscan lock`, held against the models by `opscan lock --check`. Do not edit.\n"
        "schema: 1\n"
        "tools:\n"
        '  torch: "2.13.0"\n'
        "models:\n"
        "  a:\n"
        "    dialects:\n"
        "      onnx:\n"
        "        operators:\n"
        "          Add(float32 2-D): 3\n"
        "          Tan(float32 2-D): 2\n"
        "  b:\n"
        "    dialects:\n"
        "      onnx:\n"
        "        operators:\n"
        "          Tan(float32 2-D): 1\n"
    )


CONFLICTS = [
    (b"schema: 1\n<<<<<<< HEAD\na: 1\n=======\n", 2, "ours"),
    (b"a: 1\n=======\nb: 2\n", 2, "what stands between"),
    (b"a: 1\n>>>>>>> theirs\n", 2, "theirs"),
    (b"a: '<<<<<<< HEAD'\n", None, "a name is no marker"),
    (b"========\n", None, "nor is a longer line"),
]


@pytest.mark.parametrize(("text", "line", "why"), CONFLICTS, ids=[row[-1] for row in CONFLICTS])
def test_conflict_markers(text, line, why):
    assert conflict_line(text) == line, why


def side(*sites, backend=None):
    found = inventory(*sites)
    return Side(snapshot(found), compare(found, backend) if backend else None)


def test_a_difference_names_what_was_gained_lost_and_changed():
    x, y = spec(2, 3), spec(2)
    before = side(site("Add", x, x), site("Tan", x), site("MatMul", x, x, macs=5))
    after = side(site("Add", x, y), site("Sin", x), site("Sin", x), site("MatMul", x, x, macs=7))
    found = difference(before, after)
    assert [(c.operator, c.kind, c.before, c.after) for c in found.changes] == [
        ("Add", "changed", 1, 1),
        ("MatMul", "changed", 1, 1),
        ("Sin", "gained", 0, 2),
        ("Tan", "lost", 1, 0),
    ]
    assert found.changes[0].signatures == (("float32 2-D, float32 1-D", 0, 1), ("float32 2-D, float32 2-D", 1, 0))
    assert (found.changes[1].macs_before, found.changes[1].macs_after) == (5, 7)


def test_verdicts_that_differ_are_a_difference():
    before = side(onnx_site("Tan"), backend=profile(Rule(operator="Tan")))
    after = side(onnx_site("Tan"), backend=profile())
    (change,) = difference(before, after).changes
    assert (change.support_before, change.support_after) == ("supported", "unsupported")
    assert "does not list it" in change.reason


def test_what_was_not_kept_is_not_known_rather_than_changed():
    before = Side(kept(Tan=1))
    after = side(site("Tan", spec(2, 3), macs=5))
    found = difference(before, after)
    assert found.changes == ()
    assert (found.macs(before), found.macs(after)) == (None, 5)


@given(inventories())
def test_nothing_differs_from_itself(found):
    assert difference(side(*found.sites), side(*found.sites)).changes == ()
