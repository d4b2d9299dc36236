# ruff: noqa: E501 -- one row per case
"""Profiles as data."""

import onnx
import pytest

from opscan import backends
from opscan.backends.csv_import import profile_of_csv
from opscan.core.errors import UsageError
from opscan.core.operator import Dialect, OpName
from opscan.core.profile import ClauseKind, Rule, VersionMatch
from tests.backends.standard import dtypes, schemas

SETTINGS = {
    "name": "npu",
    "title": "An NPU",
    "dialect": "onnx",
    "exhaustive": True,
    "confidence": "documented",
    "licence": "MIT",
    "retrieved": "2026-11-22",
}


# --- every shipped profile ----------------------------------------------------------------------


@pytest.mark.parametrize("name", backends.names())
def test_shipped_profiles_load(name):
    profile = backends.load(name)
    assert profile.name == name, "the file is named as the profile"
    assert backends.load(profile.id) == profile
    assert profile.rules
    assert profile.sources, "a profile says where it was read"


@pytest.mark.parametrize("name", backends.names())
def test_rules_are_filed_under_the_name_that_sites_carry(name):
    for operator, rules in backends.load(name).rules.items():
        assert str(OpName.parse(operator)) == operator
        assert all(rule.operator == operator for rule in rules)
        assert all(rule.until is None or (rule.since or 0) <= rule.until for rule in rules), operator


def _standard_rules() -> list[Rule]:
    """Rules for operators of the domains that the onnx library defines."""
    profiles = [backends.load(name) for name in backends.names()]
    return [
        rule
        for profile in profiles
        if profile.dialect is Dialect.ONNX
        for operator, rules in profile.rules.items()
        if OpName.parse(operator).domain in ("", "ai.onnx.ml")
        for rule in rules
    ]


# In onnxruntime's kernel registry, in the domain ai.onnx, but not in the ONNX standard.
_NOT_STANDARD = {
    **dict.fromkeys(
        ("Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh"),
        "experimental operators that ONNX removed",
    ),
    "MemcpyFromHost": "onnxruntime puts it between devices; no model contains it",
    "MemcpyToHost": "onnxruntime puts it between devices; no model contains it",
    "SimplifiedLayerNormalization": "onnxruntime's own, in the standard's domain",
}


def test_operators_exist():
    assert {rule.operator for rule in _standard_rules()} - schemas().keys() == _NOT_STANDARD.keys()


def test_ranges_begin_at_a_version_and_end_before_one():
    strange = set()
    for rule in _standard_rules():
        versions = schemas().get(rule.operator, {})
        if versions and (
            (rule.since and rule.since not in versions) or (rule.until and rule.until + 1 not in versions)
        ):
            strange.add((rule.operator, rule.since))
    assert strange == set()


def _covered(rule: Rule) -> list[onnx.defs.OpSchema]:
    versions = schemas().get(rule.operator, {})
    last = rule.until or rule.since or max(versions, default=0)
    return [schema for version, schema in versions.items() if (rule.since or 1) <= version <= last]


def test_dtypes_are_of_a_type_variable_and_some_of_its():
    """Or of an input, by its name, whose dtype is the same in every model."""
    for rule in _standard_rules():
        for clause in (c for c in rule.clauses if c.kind is ClauseKind.DTYPE):
            for schema in _covered(rule):
                types = {c.type_param_str: dtypes(c.allowed_type_strs) for c in schema.type_constraints}
                types |= {i.name: dtypes([i.type_str]) for i in schema.inputs if "(" in i.type_str}
                assert clause.subject in types, f"{rule.operator}-{schema.since_version} has no {clause.subject}"
                assert types[clause.subject] & dtypes(clause.allowed), f"{rule.operator}: {clause}"


def test_attributes_exist():
    for rule in _standard_rules():
        for clause in (c for c in rule.clauses if c.kind is ClauseKind.ATTRIBUTE):
            assert all(clause.subject in schema.attributes for schema in _covered(rule)), rule


# --- loading ------------------------------------------------------------------------------------

NAMES = [
    ("onnxruntime-cp", "did you mean onnxruntime-cpu?", "the nearest name"),
    ("zzz", "`opscan backends` lists them", "nothing is near"),
    ("onnxruntime-cpu@0.1", "unknown version '0.1' of onnxruntime-cpu: there is", "another version"),
    ("../onnxruntime-cpu", "unknown backend '../onnxruntime-cpu'", "a path is no name"),
]


@pytest.mark.parametrize(("name", "message", "why"), NAMES)
def test_unknown_names_are_refused_with_a_remedy(name, message, why):
    with pytest.raises(UsageError) as refused:
        backends.load(name)
    assert message in str(refused.value), why


@pytest.fixture
def load(tmp_path):
    """Loads a profile from its text."""

    def loaded(text):
        (tmp_path / "npu.yaml").write_text(text, encoding="utf-8")
        return backends.load("npu", [tmp_path])

    return loaded


# --- import from CSV ----------------------------------------------------------------------------

COLUMNS = "backend,version,level,domain,op_type,since_opset,until_opset,status,dtypes,constraint\n"
CSV = (
    "# An NPU's list\n# read on 2026-11-22\n" + COLUMNS + "npu,2.10,onnx,ai.onnx,Relu,14,,native,T=float32|int8,\n"
    "npu,2.10,onnx,ai.onnx,Relu,6,13,native,T=float32,\n"
    "# a remark between the rows\n"
    'npu,2.10,onnx,ai.onnx,Pad,,,partial,,"constant mode, 4-D"\n'
    "npu,2.10,onnx,ai.onnx,Resize,13,,partial,,\n"
    "npu,2.10,onnx,,Erf,,,unsupported,,\n"
    "npu,2.10,onnx,com.microsoft,Gelu,1,,cpu-fallback,T=float32;U=int64,\n"
    "npu,2.10,onnx,com.microsoft.nchwc,Conv,1,,native,,\n"
)
YAML = """\
# Written by `opscan backends import`; do not edit by hand.
schema: 1
name: npu
title: An NPU
dialect: onnx
exhaustive: true
confidence: documented
version: '2.10'
sources:
- {what: An NPU's list, licence: MIT, retrieved: '2026-11-22'}
- {what: read on 2026-11-22, licence: MIT, retrieved: '2026-11-22'}
- {what: a remark between the rows, licence: MIT, retrieved: '2026-11-22'}
rules:
  Erf:
  - {supported: false}
  Pad:
  - {restriction: 'constant mode, 4-D'}
  Relu:
  - since: 6
    until: 13
    dtypes:
      T: [float32]
  - since: 14
    dtypes:
      T: [float32, int8]
  Resize:
  - {since: 13, restriction: supported in part; the list does not say which}
  com.microsoft::Gelu:
  - since: 1
    dtypes:
      T: [float32]
      U: [int64]
    restriction: runs on the host's CPU instead
"""


def test_an_imported_list_is_written_the_same_every_time():
    assert profile_of_csv(CSV, SETTINGS) == YAML


def test_an_imported_list_loads(load):
    profile = load(YAML)
    assert (profile.id, profile.exhaustive, profile.version_match) == ("npu@2.10", True, VersionMatch.AT_LEAST)
    assert [rule.since for rule in profile.rules["Relu"]] == [6, 14]
    assert not profile.rules["Erf"][0].supported
    assert set(profile.rules) == {"Erf", "Pad", "Relu", "Resize", "com.microsoft::Gelu"}, "no internal domains"


BAD_LISTS = [
    ("", "the list lacks the columns backend, version, domain, op_type", "an empty file"),
    (COLUMNS, "the list has no rows", "a header alone"),
    (COLUMNS.replace(",status", ""), "the list lacks the columns status", "a missing column"),
    (COLUMNS + "npu,1,onnx,,Relu,six,,native,,\n", "line 2: since_opset 'six' is not a version number", "a word for a number"),
    ("# from\n" + COLUMNS + "npu,1,onnx,,Relu,6,-1,native,,\n", "line 3: until_opset '-1' is not", "comments count as lines"),
    (COLUMNS + "npu,1,onnx,,Relu,6\n", "line 2: the number of cells is not that of the header", "a short row"),
    (COLUMNS + "npu,1,onnx,,Relu,6,,native,,no, comma\n", "line 2: the number of cells", "a long one"),
    (COLUMNS + "npu,1,onnx,,,6,,native,,\n", "line 2: op_type is empty", "a rule for nothing"),
    (COLUMNS + "npu,1,onnx,,Relu,,,soon,,\n", "line 2: status 'soon' is not one of native", "an unknown status is not taken for support"),
    (COLUMNS + "npu,1,onnx,,Relu,,,native,float32|int8,\n", "line 2: dtypes 'float32|int8' is not of the form T=float32|float64", "dtypes of what?"),
    (COLUMNS + "npu,1,onnx,,Relu,,,native,T=float32|,\n", "line 2: dtypes", "an empty dtype"),
    (COLUMNS + "a,1,onnx,,Relu,,,native,,\nb,1,onnx,,Relu,,,native,,\n", "more than one backend (a, b): keep the lines of one", "two backends"),
    (COLUMNS + "a,1,onnx,,Relu,,,native,,\na,2,onnx,,Relu,,,native,,\n", "more than one version (1, 2)", "two versions"),
    (COLUMNS + "npu,1,onnx,,,x,,soon,,\nnpu,1,onnx,,Relu,,,late,,\n", "line 2: op_type is empty; line 2: status 'soon'", "all faults at once"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "why"), BAD_LISTS, ids=[row[-1] for row in BAD_LISTS])
def test_a_faulty_list_is_refused_with_column_or_line(text, message, why):
    with pytest.raises(UsageError) as refused:
        profile_of_csv(text, SETTINGS)
    assert message in str(refused.value), why
