"""The profiles that are shipped."""

import pytest

from opscan import backends
from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile, ClauseKind, Rule, VersionMatch
from opscan.core.schema import Schema
from opscan.trace.aten_schemas import aten_schemas
from opscan.trace.onnx_schemas import onnx_schemas

EVERY = [*backends.names(), *(version for name in backends.names() for version in backends.versions(name))]


# --- every shipped profile ----------------------------------------------------------------------


@pytest.mark.parametrize("reference", EVERY)
def test_shipped_profiles_load(reference):
    profile = backends.load(reference)
    assert reference in (profile.name, profile.id), "the file is named as the profile"
    assert backends.load(profile.id) == profile
    assert profile.rules
    assert profile.sources, "a profile says where it was read"
    assert "/work" not in "".join(profile.sources)


@pytest.mark.parametrize("reference", EVERY)
def test_rules_are_filed_under_the_name_that_sites_carry(reference):
    for operator, rules in backends.load(reference).rules.items():
        assert str(OpName.parse(operator)) == operator
        assert all(rule.operator == operator for rule in rules)


# Registered by a backend's own package; torch's control flow has no schema.
_FOREIGN = (
    "coreml",
    "dim_order_ops",
    "et_copy",
    "et_vk",
    "llama",
    "qnn_custom",
    "quant",
    "tensorrt",
    "torch",
    "torchao",
    "torchvision",
)


@pytest.mark.parametrize("reference", EVERY)
def test_the_standard_has_what_rules_speak_of(reference):
    """Every operator, version, type variable and attribute."""
    profile = backends.load(reference)
    lookup = onnx_schemas if profile.dialect is Dialect.ONNX else aten_schemas
    for operator, rules in profile.rules.items():
        versions = lookup(operator)
        assert versions or OpName.parse(operator).domain in _FOREIGN, operator
        for rule in rules if versions else ():
            covered = _covered(rule, versions, profile)
            assert covered, f"{operator} has no version from {rule.since} to {rule.until}"
            assert rule.since is None or rule.since in versions, rule
            for clause in rule.clauses:
                known = {
                    ClauseKind.ATTRIBUTE: [schema.attributes for schema in covered],
                    ClauseKind.DTYPE: [schema.types for schema in covered],
                }.get(clause.kind, [])
                operand = clause.subject.startswith(("input ", "output "))
                assert operand or not known or any(clause.subject in names for names in known), rule


def _covered(rule: Rule, versions: dict[int, Schema], profile: BackendProfile) -> list[Schema]:
    alone = profile.version_match is VersionMatch.EQUAL and rule.until is None and rule.since is not None
    last = rule.since if alone else rule.until or max(versions)
    return [schema for version, schema in versions.items() if (rule.since or 1) <= version <= last]


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
