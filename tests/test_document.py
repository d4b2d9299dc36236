"""Hand-written YAML and TOML: what they mean, and what is said of their faults."""

import json
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.errors import UsageError
from opscan.document import Fault, faults
from opscan.document.toml_text import read_toml
from opscan.document.yaml_text import read_yaml

READ = [
    ("a: off", {"a": "off"}, "off is a word, as in YAML 1.2"),
    ("a: [no, yes, on]", {"a": ["no", "yes", "on"]}, "and so are the others that YAML 1.1 takes for true and false"),
    ("a: true", {"a": True}, "true is not"),
    ("a: 2026-02-30", {"a": "2026-02-30"}, "a date is text, which may be no date at all"),
    ("a: 1.32.0", {"a": "1.32.0"}, "a version is text"),
    ("a: 010", {"a": "010"}, "no octal numbers"),
    ("a: 12:30:45", {"a": "12:30:45"}, "and none to the base of 60"),
    ("[1, -2, 0x10, 1.5, 1e3, .5]", [1, -2, 16, 1.5, 1000.0, 0.5], "numbers"),
    ("a: ~\nb:\nc: null", {"a": None, "b": None, "c": None}, "nothing"),
    ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}, "an alias is what it stands for"),
    ("", None, "an empty file"),
    ("# only a comment", None, "and one without content"),
]


@pytest.mark.parametrize(("text", "value", "why"), READ)
def test_yaml_means(text, value, why):
    assert read_yaml(text.encode(), "f").value == value, why


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
REFUSED = [
    (b"a: 1\nb: 2\na: 3", "f:3: a stands here twice", "a key that is there twice"),
    (b"x: {a: 1, a: 2}", "f:1: x.a stands here twice", "with its path"),
    (b"a: !!python/object/apply:os.system [ls]", "f:1: the tag tag:yaml.org,2002:python", "Python's tags"),
    (b"a: !mine 1", "f:1: the tag !mine is not read here", "any tag"),
    (b"a: &x [*x]", "f:1: *x: there is no complete value", "what contains itself"),
    (b"a: *x", "f:1: *x: there is no complete value", "an alias of nothing"),
    (BOMB.encode(), "f: expands to more than 1,000,000 values", "a billion laughs"),
    (b"[" * 100_000, "f:1: is more than 50 levels deep", "brackets without end"),
    (b"- " * 100_000, "f:1: is more than 50 levels deep", "lists without end"),
    (b"? [a]\n: 1", "f:1: a key must be a word", "a list for a key"),
    (b"a: [", "f:2: not valid YAML: did not find expected node content", "a bracket that stays open"),
    (b"a: b: c", "f:1: not valid YAML: mapping values are not allowed in this context", "two colons"),
    (b"a: \xff", "f: not valid YAML: ", "no UTF-8"),
    (b"a: \x00", "f: not valid YAML: ", "a NUL"),
    (b"--- 1\n--- 2", "f:2: a second document begins here", "two documents"),
    (b"a: " + b"9" * 5000, "f:1: Exceeds the limit", "a number of 5,000 digits"),
    (b"#" * (2**24 + 1), "f: has 16,777,217 bytes; no more than", "16 MB"),
]


@pytest.mark.parametrize(("text", "message", "why"), REFUSED)
def test_yaml_is_refused(text, message, why):
    with pytest.raises(UsageError) as refused:
        read_yaml(text, "f")
    assert str(refused.value).startswith(message), why
    assert "\n" not in str(refused.value)


def test_lines_are_those_of_the_keys():
    document = read_yaml(b"waivers:\n- rule: OPS101\n  model: '*'\n-\n  rule: OPS102\nrules: {OPS101: off}\n", "f")
    wanted = {"waivers": 1, "waivers[0]": 2, "waivers[0].model": 3, "waivers[1].rule": 5, "rules.OPS101": 6}
    assert {path: document.lines[path] for path in wanted} == wanted


# Without what YAML cannot hold unescaped.
TEXTS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), include_characters="\n\t"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_json_is_yaml(value):
    """As of YAML 1.2; PyYAML by itself reads `1e3` as text."""
    assert read_yaml(json.dumps(value, ensure_ascii=False).encode(), "f").value == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(text):
    for read in (read_yaml, read_toml):
        try:
            read(text, "f")
        except UsageError as error:
            assert str(error).startswith("f")  # noqa: PT017


def test_toml_dates_are_text_too():
    assert read_toml(b"a = 2026-01-31\nb = [{c = 2026-01-31T10:00:00}]", "f").value == {
        "a": "2026-01-31",
        "b": [{"c": "2026-01-31T10:00:00"}],
    }


def test_toml_is_refused_with_its_line():
    with pytest.raises(UsageError, match=r"^f: not valid TOML: .*line 2"):
        read_toml(b"a = 1\nb = x\n", "f")


class Level(StrEnum):
    OFF = "off"
    WARN = "warn"


class Part(msgspec.Struct):
    name: str
    levels: dict[str, Level] = {}


class Whole(msgspec.Struct):
    parts: list[Part]
    count: int | None = None
    width: int | list[int] = 0
    shares: float | dict[str, float] | None = None


FAULTS = [
    ({"parts": []}, {}, "nothing"),
    ({"parts": [], "count": None}, {}, "an optional value"),
    ({}, {"parts": "is missing"}, "what must be there"),
    ({"parts": [], "cuont": 1}, {"cuont": "unknown key; did you mean count?"}, "a misspelt key"),
    (
        {"parts": [], "xyz": 1, "count": "a"},
        {"xyz": "unknown key", "count": "must be a whole number, not text"},
        "two at once",
    ),
    (
        {"parts": [{"name": 1}, {"name": "a", "levels": {"x": "of", "y": "warn", "z": "?"}}, 3]},
        {
            "parts[0].name": "must be text, not a whole number; put it in quotes",
            "parts[1].levels.x": "'of' is not one of off, warn; did you mean off?",
            "parts[1].levels.z": "'?' is not one of off, warn",
            "parts[2]": "must be a mapping with name, levels",
        },
        "at every depth",
    ),
    ({"parts": {}}, {"parts": "must be a list, not a mapping"}, "a mapping for a list"),
    ([], {"": "must be a mapping with parts, count, width, shares"}, "no mapping at all"),
    ({"parts": [], "width": "a"}, {"width": "must be a whole number or a list, not text"}, "one of two types"),
    (
        {"parts": [], "shares": {"a": "b", "c": 1, "d": []}},
        {"shares.a": "must be a number, not text", "shares.d": "must be a number, not a list"},
        "a mapping or a number",
    ),
    (
        {"parts": [], "shares": "a"},
        {"shares": "must be a number or a mapping or nothing, not text"},
        "and neither of them",
    ),
    ({"parts": [], 3: 1}, {"3": "unknown key"}, "a key that is no text"),
]


@pytest.mark.parametrize(("value", "found", "why"), FAULTS)
def test_faults_are_found_all_at_once(value, found, why):
    assert list(faults(value, Whole)) == [Fault(path, text) for path, text in found.items()], why
