"""Records: what every value of core is."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from opscan import core
from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile
from opscan.core.record import Record, field, force_setattr, replace


class Point(Record, frozen=True, kw_only=True):
    """As values are written."""

    x: int
    tags: dict[str, str] = field(default_factory=dict)


def test_a_record_is_a_value():
    point = Point(x=1)
    assert point == Point(x=1, tags={})
    assert point != Point(x=2)
    assert replace(point, x=2) == Point(x=2)
    assert point.tags is not Point(x=1).tags
    assert pickle.loads(pickle.dumps(point)) == point
    assert {OpName("", "Relu"), OpName("ai.onnx", "Relu")} == {OpName("", "Relu")}
    assert OpName("a", "b") < OpName("b", "a")


# what is done to a record, why it is refused
REFUSED = [
    (lambda: setattr(Point(x=1), "x", 2), AttributeError, "it does not change"),
    (lambda: setattr(Point(x=1), "y", 2), AttributeError, "it has no other fields"),
    (lambda: Point(1), TypeError, "its fields are named"),
    (Point, TypeError, "none is left out"),
    (lambda: replace(Point(x=1), y=2), TypeError, "nor invented"),
    (lambda: hash(Point(x=1)), TypeError, "what holds a mapping is no key"),
    (lambda: dataclasses.replace(Point(x=1), x=2), TypeError, "replace is record's own; mypy lets the other pass"),
]


@pytest.mark.parametrize(("done", "error", "why"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_what_is_no_value_is_refused(done, error, why):
    with pytest.raises(error):
        done()


def test_a_record_can_settle_its_own_fields():
    point = Point(x=1)
    force_setattr(point, "x", 2)  # for __post_init__ alone
    assert point == Point(x=2)


WITH_MEMO = [
    (Inventory(model="m", dialect=Dialect.ONNX, sites=()), {"model": "n"}, "what was found in other sites"),
    (
        BackendProfile(name="b", version="1", title="", dialect=Dialect.ONNX, exhaustive=True),
        {"exhaustive": False},
        "what another profile said",
    ),
]


@pytest.mark.parametrize(("value", "changes", "what"), WITH_MEMO, ids=[row[-1] for row in WITH_MEMO])
def test_what_was_remembered_is_no_part_of_the_value(value, changes, what):
    same = replace(value)
    value.memo["kinds"] = what
    assert value == same
    assert (value != same) is False
    assert value != replace(value, **changes)
    assert repr(value) == repr(same)
    anew = {"replaced": replace(value, **changes), "unpickled": pickle.loads(pickle.dumps(value))}
    assert [name for name, other in anew.items() if len(other.memo)] == [], "an answer for the old value must not stand"


def test_core_imports_the_standard_library_and_records_alone():
    names = [f"opscan.core.{file.stem}" for file in Path(core.__file__).parent.glob("[a-z]*.py")]
    code = f"""
import importlib, sys
before = {{*sys.modules}}
for name in {names}: importlib.import_module(name)
print(*sorted({{name.partition(".")[0] for name in sys.modules.keys() - before}} - sys.stdlib_module_names))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(names) > 40
    assert {"msgspec", "opscan"} <= {*found} <= {"msgspec", "opscan", "typing_extensions"}
