# ruff: noqa: E501 -- one row per case
"""Profile files: what they mean, and what is said of their faults."""

import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opscan import backends
from opscan.backends import files
from opscan.core.dialect import AtenLevel
from opscan.core.errors import UsageError
from opscan.core.profile import Clause, ClauseKind, Confidence, Fallback, ModelLimits, Newer, Test, Treatment

HEAD = {
    "schema": 1,
    "name": "fake",
    "version": "1",
    "title": "A fake",
    "dialect": "onnx",
    "exhaustive": True,
    "confidence": "documented",
    "sources": [{"what": "a list", "licence": "MIT", "retrieved": "2026-11-22"}],
}


@pytest.fixture
def write(tmp_path):
    """Writes a profile: HEAD, changed by a YAML text."""

    def written(text="", file="fake.yaml", **head):
        given = yaml.safe_load(textwrap.dedent(text)) or {}
        content = {**HEAD, **head, **given}
        (tmp_path / file).write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
        return tmp_path / file

    return written


@pytest.fixture
def load(write, tmp_path):
    """Writes a profile and loads it."""

    def loaded(text="", **head):
        write(text, **head)
        return backends.load("fake", [tmp_path])

    return loaded


def clauses(load, require):
    (rule,) = load(f"rules: {{Conv: [{{require: [{require}]}}]}}").rules["Conv"]
    return rule.clauses


CLAUSES = [
    ("{attribute: mode, in: [nearest]}", Clause(ClauseKind.ATTRIBUTE, "mode", ("nearest",)), "one of a list"),
    ("{attribute: axes, in: [[2, 3]]}", Clause(ClauseKind.ATTRIBUTE, "axes", ((2, 3),)), "whose items may be lists"),
    ("{attribute: mode, not_in: [cubic]}", Clause(ClauseKind.ATTRIBUTE, "mode", ("cubic",), Test.NOT_IN), "none of a list"),
    ("{attribute: group, at_most: 128}", Clause(ClauseKind.ATTRIBUTE, "group", (128,), Test.AT_MOST), "an upper limit"),
    ("{attribute: group, at_least: 2}", Clause(ClauseKind.ATTRIBUTE, "group", (2,), Test.AT_LEAST), "a lower limit"),
    ("{attribute: axes, present: false}", Clause(ClauseKind.PRESENT, "axes", (False,), Test.IS), "an attribute left out"),
    ("{input: 0, rank: [3, 4]}", Clause(ClauseKind.RANK, "input 0", (3, 4)), "ranks"),
    ("{input: '*', rank: {at_most: 5}}", Clause(ClauseKind.RANK, "input *", (5,), Test.AT_MOST), "of every input"),
    ("{input: 0, dim: -1, multiple_of: 8}", Clause(ClauseKind.DIMENSION, "input 0", (8,), Test.MULTIPLE_OF, axis=-1), "a dimension"),
    ("{output: 1, dtype: [int8]}", Clause(ClauseKind.DTYPE, "output 1", ("int8",)), "the dtype of an operand"),
    ("{input: '*', dtype: {not_in: [float64]}}", Clause(ClauseKind.DTYPE, "input *", ("float64",), Test.NOT_IN), "one that no input may have"),
    ("{input: 1, as: weight, constant: true}", Clause(ClauseKind.CONSTANT, "input 1", (True,), Test.IS, label="weight"), "a constant, by its name"),
    ("{input: 2, constant: false}", Clause(ClauseKind.CONSTANT, "input 2", (False,), Test.IS), "no constant"),
    ("{output: 1, present: false}", Clause(ClauseKind.PRESENT, "output 1", (False,), Test.IS), "an output not used"),
    ("{input: 0, static_shape: true}", Clause(ClauseKind.STATIC_SHAPE, "input 0", (True,), Test.IS), "a static shape"),
    ("{quantized: true}", Clause(ClauseKind.QUANTIZED, "", (True,), Test.IS), "between Q and DQ"),
    ("{same_shape: true}", Clause(ClauseKind.SAME_SHAPE, "", (True,), Test.IS), "no broadcasting"),
]  # fmt: skip


@pytest.mark.parametrize(("require", "clause", "why"), CLAUSES, ids=[row[-1] for row in CLAUSES])
def test_clauses(load, require, clause, why):
    assert clauses(load, require) == (clause,), why


def test_every_key_of_a_rule(load):
    first, second, third = load(
        """
        rules:
          Resize:
          - since: 11
            until: 12
            dtypes: {T1: [float32], input 1: [int8]}
            require: [{input: 0, rank: [4]}]
            restriction: even sizes
            note: slow
            source: its manual
            confidence: measured
          - {since: 13, supported: false}
          - {since: 18, broken: issue 9}
        """
    ).rules["Resize"]
    assert first.clauses == (
        Clause(ClauseKind.DTYPE, "T1", ("float32",)),
        Clause(ClauseKind.DTYPE, "input 1", ("int8",)),
        Clause(ClauseKind.RANK, "input 0", (4,)),
    )
    assert (first.operator, first.since, first.until, first.restriction) == ("Resize", 11, 12, "even sizes")
    assert (first.note, first.source, first.confidence) == ("slow", "its manual", Confidence.MEASURED)
    assert (second.supported, third.broken) == (False, "issue 9")


def test_every_key_of_a_profile(load):
    profile = load(
        """
        dialect: aten
        level: edge
        version_match: any
        domain_ignored: true
        function_bodies: true
        fallback: cpu
        casts: {float16: float32}
        aliases: {Argmax: aten::argmax}
        every_operator: [{input: '*', rank: {at_most: 4}}]
        limits:
          opset: {min: 7, max: 20, newer: warn}
          ir_version: {max: 9, newer: ignore}
          dynamic_shapes: unsupported
          local_functions: supported
          dead_nodes: ignored
          constants: judged
        rules: {'aten::argmax': [{}]}
        """
    )
    assert (profile.id, profile.level, profile.version_match) == ("fake@1", AtenLevel.EDGE, "any")
    assert profile.domain_ignored
    assert profile.function_bodies
    assert profile.fallback is Fallback.CPU
    assert (profile.casts, profile.aliases) == ({"float16": "float32"}, {"Argmax": "aten::argmax"})
    assert profile.every_operator == (Clause(ClauseKind.RANK, "input *", (4,), Test.AT_MOST),)
    assert profile.sources == ("a list (MIT), retrieved 2026-11-22",)
    assert profile.limits == ModelLimits(
        opset_min=7,
        opset_max=20,
        opset_newer=Newer.WARN,
        ir_version_max=9,
        ir_version_newer=Newer.IGNORE,
        dynamic_shapes=Treatment.UNSUPPORTED,
        local_functions=Treatment.SUPPORTED,
        control_flow=Treatment.UNKNOWN,
        dead_nodes_judged=False,
        constants_folded=False,
    )


FAULTY = [
    ("rulse: {}\nrules: {}", ["rulse: unknown key; did you mean rules?"], "a misspelt key of the profile"),
    ("rules: {Relu: [{sinse: 6}]}", ["rules.Relu[0].sinse: unknown key; did you mean since?"], "of a rule"),
    ("rules: {Relu: [{since: six}]}", ["rules.Relu[0].since: must be a whole number, not text"], "a wrong type"),
    ("rules: {Relu: {}}", ["rules.Relu: must be a list, not a mapping"], "a mapping where a list belongs"),
    ("", ["rules: is missing"], "no rules"),
    ("version: 1.10\nrules: {}", ["version: must be text, not a number; put it in quotes"], "a version that YAML takes for a number"),
    ("schema: 2\nrules: {}", ["schema: is 2; this opscan reads 1"], "from a newer opscan"),
    ("sources: []\nrules: {}", ["sources: is empty; say where the list was read"], "nobody knows where from"),
    ("sources: [{what: a}]\nrules: {}", ["sources[0].licence: is missing", "sources[0].retrieved: is missing"], "nor under what licence"),
    ("version_match: onward\nrules: {}", ["version_match: 'onward' is not one of equal, at_least, any"], "not one of the words"),
    ("level: core\nrules: {}", ["level: belongs to a profile of the aten dialect"], "a level without aten"),
    ("dialect: aten\nrules: {}", ["level: belongs to a profile of the aten dialect"], "aten without a level"),
    ("limits: {opset: {min: 9, max: 7}}\nrules: {}", ["limits.opset: begins at 9, after its end at 7"], "an impossible range of opsets"),
    ("rules: {Relu: [{since: 9, until: 7}]}", ["rules.Relu[0]: begins at version 9, after its end at 7"], "and of versions"),
    ("rules: {Relu: [{since: 0}]}", ["rules.Relu[0].since: is 0; versions begin at 1"], "a version that there is not"),
    ("rules: {Relu: []}", ["rules.Relu: has no rule"], "neither yes nor no"),
    ("rules: {Relu: [{since: 6}, {since: 6}]}", ["rules.Relu[1]: is the same as rule 0 of Relu"], "the same rule twice"),
    ("rules: {'ai.onnx::Relu': [{}]}", ["rules.ai.onnx::Relu: write it Relu"], "another spelling of the name"),
    ("rules: {Relu: [{supported: false, broken: x}]}", ["rules.Relu[0]: is either broken or not supported"], "two kinds of no"),
    ("rules: {Relu: [{dtypes: {T: [flaot32]}}]}", ["rules.Relu[0].dtypes.T: unknown dtype 'flaot32'; did you mean float32?"], "a misspelt dtype"),
    ("rules: {Relu: [{dtypes: {T: []}}]}", ["rules.Relu[0].dtypes.T: allows no dtype"], "no dtype at all"),
    ("casts: {flaot16: float32}\nrules: {}", ["casts.flaot16: unknown dtype 'flaot16'"], "a misspelt dtype of a cast"),
    ("rules: {Relu: [{require: [{}]}]}", ["rules.Relu[0].require[0]: is about exactly one of attribute, input"], "a clause about nothing"),
    ("rules: {Relu: [{require: [{input: 0, attribute: a}]}]}", ["require[0]: is about exactly one of"], "about two things"),
    ("rules: {Relu: [{require: [{input: 0}]}]}", ["require[0]: an input needs exactly one of rank, dtype, dim"], "about nothing of it"),
    ("rules: {Relu: [{require: [{input: 0, rank: [1], constant: true}]}]}", ["require[0]: an input needs exactly one of"], "two demands in one"),
    ("rules: {Relu: [{require: [{input: -1, rank: [1]}]}]}", ["require[0]: the position -1 is neither a number from 0 nor '*'"], "no position"),
    ("rules: {Relu: [{require: [{input: first, rank: [1]}]}]}", ["require[0]: the position 'first' is neither"], "nor a name"),
    ("rules: {Relu: [{require: [{attribute: a}]}]}", ["require[0]: needs exactly one of in, not_in, at_least"], "an attribute without a test"),
    ("rules: {Relu: [{require: [{attribute: a, in: [1], at_most: 2}]}]}", ["require[0]: needs exactly one of in, not_in"], "or with two"),
    ("rules: {Relu: [{require: [{attribute: a, rank: [1]}]}]}", ["require[0]: rank is of an operand"], "an attribute has no rank"),
    ("rules: {Relu: [{require: [{attribute: a, in: []}]}]}", ["require[0]: allows nothing"], "nothing is allowed"),
    ("rules: {Relu: [{require: [{input: 0, dim: 1}]}]}", ["require[0]: needs exactly one of in, not_in"], "a dimension without a test"),
    ("rules: {Relu: [{require: [{input: 0, rank: {}}]}]}", ["require[0].rank: needs exactly one of in"], "a rank without one"),
    ("rules: {Relu: [{require: [{input: 0, rank: [4], in: [4]}]}]}", ["require[0]: rank goes without in"], "or with one too many"),
    ("rules: {Relu: [{require: [{input: 0, dim: 1, multiple_of: 0}]}]}", ["require[0]: nothing is a multiple of 0"], "a multiple of nothing"),
    ("rules: {Relu: [{require: [{input: 0, dtype: [flaot32]}]}]}", ["require[0].dtype: unknown dtype 'flaot32'"], "a misspelt dtype in a clause"),
    ("rules: {Relu: [{require: [{quantized: true, rank: [1]}]}]}", ["require[0]: rank is of an operand"], "no operand to have it"),
    ("exhaustif: 1\nrules: {Relu: [{since: 9, untli: 7}], Erf: 1}", ["exhaustif: unknown key", "rules.Relu[0].untli: unknown key", "rules.Erf: must be a list"], "all at once"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "messages", "why"), FAULTY, ids=[row[-1] for row in FAULTY])
def test_a_faulty_profile_is_refused_with_file_line_and_key(load, text, messages, why):
    with pytest.raises(UsageError) as refused:
        load(text)
    lines = str(refused.value).split("\n")
    assert len(lines) == len(messages), why
    for message in messages:
        assert any(line.startswith("fake.yaml") and message in line for line in lines), (message, lines)


def test_the_line_is_that_of_the_key(tmp_path):
    (tmp_path / "fake.yaml").write_text(yaml.safe_dump(HEAD) + "rules:\n  Relu:\n  - since: 6\n    untli: 7\n")
    with pytest.raises(
        UsageError, match=r"^fake\.yaml:15: rules\.Relu\[0\]\.untli: unknown key; did you mean until\?$"
    ):
        backends.load("fake", [tmp_path])


# --- versions -----------------------------------------------------------------------------------

BASE = "rules: {Relu: [{since: 6}], Erf: [{}], Det: [{}]}\ncasts: {float16: float32}\nlimits: {opset: {max: 20}, dynamic_shapes: supported}"
OVERLAY = dict.fromkeys(("title", "dialect", "exhaustive")) | {"version": "2", "extends": "fake@1"}


def test_a_version_is_what_it_extends_and_what_it_says_itself(write, tmp_path):
    write(BASE, file="fake@1.yaml")
    write("rules: {Relu: [{since: 14}], Gelu: [{}]}\nremove: [Det]\nlimits: {opset: {max: 22}}", **OVERLAY)
    base, newer = backends.load("fake@1", [tmp_path]), backends.load("fake", [tmp_path])
    assert (base.id, newer.id, backends.load("fake@2", [tmp_path])) == ("fake@1", "fake@2", newer)
    assert set(base.rules) == {"Relu", "Erf", "Det"}
    assert set(newer.rules) == {"Relu", "Erf", "Gelu"}
    assert [rule.since for rule in newer.rules["Relu"]] == [14], "an operator's rules are replaced together"
    assert (newer.title, newer.casts) == ("A fake", {"float16": "float32"})
    assert (newer.limits.opset_max, newer.limits.dynamic_shapes) == (22, Treatment.SUPPORTED)


EXTENDING = [
    ("remove: [Foo]", "fake.yaml:5: remove[0]: Foo is not in fake@1", "what the base does not have cannot be removed"),
    ("extends: fake@3", "fake.yaml: extends: unknown version '3' of fake: there is 1, 2", "a version that there is not"),
    ("extends: fkae@1", "fake.yaml: extends: unknown backend 'fkae@1'; did you mean fake?", "a profile that there is not"),
    ("extends: fake@2", "fake.yaml: extends itself: fake.yaml extends fake.yaml", "itself"),
    ("extends: ./missing.yaml", "cannot be read", "a file that there is not"),
    ("rules: {Relu: [{sinse: 1}]}", "rules.Relu[0].sinse: unknown key", "the overlay's own fault"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "why"), EXTENDING)
def test_faulty_versions(write, tmp_path, text, message, why):
    write(BASE, file="fake@1.yaml")
    write(text, **OVERLAY)
    with pytest.raises(UsageError) as refused:
        backends.load("fake", [tmp_path])
    assert message in str(refused.value), why
    assert "\n" not in str(refused.value)


def test_a_circle_of_versions(write, tmp_path):
    for number in (1, 2, 3):
        write(file=f"fake@{number}.yaml", **(OVERLAY | {"version": str(number), "extends": f"fake@{number % 3 + 1}"}))
    with pytest.raises(
        UsageError, match=r"extends itself: fake@1\.yaml extends fake@2\.yaml extends fake@3\.yaml extends"
    ):
        backends.load("fake@1", [tmp_path])


def test_a_file_is_called_as_its_version(write, tmp_path):
    write(BASE, file="fake@3.yaml")
    with pytest.raises(UsageError, match=r"version: is '1' in the file fake@3\.yaml"):
        backends.load("fake@3", [tmp_path])


def test_a_file_by_its_path(write):
    assert backends.load(str(write(BASE, file="anything.yaml"))).id == "fake@1"


def test_folders_come_before_what_is_shipped(write, tmp_path):
    write(BASE, file="onnxruntime-cpu.yaml", name="onnxruntime-cpu", version="mine")
    assert backends.load("onnxruntime-cpu", [tmp_path]).version == "mine"
    assert "onnxruntime-cpu" in backends.names([tmp_path])
    assert backends.names([tmp_path / "missing"]) == backends.names()


# --- anything at all ----------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "schema",
        "name",
        "version",
        "rules",
        "Relu",
        "require",
        "input",
        "attribute",
        "in",
        "rank",
        "at_most",
        "since",
        "until",
        "1",
        "9",
        "x",
        "float32",
        "T",
        "dtypes",
        "extends",
        "fake",
        "fake@1",
        "remove",
        "limits",
        "opset",
        "min",
        "max",
        "every_operator",
        "true",
        "null",
    ]
)
VALUES = st.recursive(
    WORDS | st.integers(-3, 30) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from((*HEAD, "rules", "extends", "remove", "limits", "every_operator", "casts")), VALUES)
)
def test_any_profile_is_read_or_refused(tmp_path_factory, changed):
    folder = tmp_path_factory.mktemp("profiles")
    file = folder / "fake.yaml"
    file.write_text(yaml.safe_dump({**HEAD, "rules": {}, **changed}))
    try:
        assert files.read(file).name
    except UsageError as error:
        assert all(line.startswith(("fake.yaml", "unknown")) for line in str(error).split("\n"))  # noqa: PT017
