"""A profile as it is written -> BackendProfile, with everything that is wrong with it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from opscan.core.dialect import Dialect
from opscan.core.inventory import Attribute
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile, Clause, ClauseKind, ModelLimits, Rule, Test
from opscan.core.spelling import did_you_mean
from opscan.document import Fault
from opscan.serde.profile import ComparisonYAML, Constants, Dead, LimitsYAML, ProfileYAML, RequireYAML, RuleYAML

DTYPES = frozenset(
    (
        *("bool", "string", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (2, 4, 8, 16, 32, 64)),
        *(
            "float4e2m1",
            "float6e2m3",
            "float6e3m2",
            "float8e4m3fn",
            "float8e4m3fnuz",
            "float8e5m2",
            "float8e5m2fnuz",
            "float8e8m0",
        ),
        *("qint8", "quint8", "qint32"),
    )
)
"""Every dtype that a site can have."""
# The dtypes in `seq(float32)`, `map(int64,string)` and `sparse_float32`.
_HELD = re.compile(r"(?:\b|(?<=sparse_))(?!seq\(|map\(|optional\(|sparse_)\w+")
_SCHEMA = 1
_COMPARISONS = (Test.IN, Test.NOT_IN, Test.AT_LEAST, Test.AT_MOST, Test.MULTIPLE_OF)
_OF_AN_OPERAND = ("rank", "dtype", "dim", "constant", "present", "static_shape")


def profile_of(document: ProfileYAML) -> BackendProfile:
    """The profile that a document without faults describes."""
    return BackendProfile(
        name=document.name,
        version=document.version,
        title=document.title,
        dialect=document.dialect,
        level=document.level,
        exhaustive=document.exhaustive,
        version_match=document.version_match,
        domain_ignored=document.domain_ignored,
        function_bodies=document.function_bodies,
        fallback=document.fallback,
        limits=_limits(document.limits),
        every_operator=tuple(map(_clause, document.every_operator)),
        casts=document.casts,
        rules={operator: tuple(_rule(operator, rule) for rule in rules) for operator, rules in document.rules.items()},
        aliases=document.aliases,
        sources=tuple(_source(s.what, s.licence, s.retrieved, s.url) for s in document.sources),
        confidence=document.confidence,
    )


def _source(what: str, licence: str, retrieved: str, url: str) -> str:
    return ", ".join(filter(None, (f"{what} ({licence})", f"retrieved {retrieved}", url)))


def _limits(limits: LimitsYAML) -> ModelLimits:
    return ModelLimits(
        opset_min=limits.opset.min,
        opset_max=limits.opset.max,
        opset_newer=limits.opset.newer,
        ir_version_max=limits.ir_version.max,
        ir_version_newer=limits.ir_version.newer,
        dynamic_shapes=limits.dynamic_shapes,
        local_functions=limits.local_functions,
        control_flow=limits.control_flow,
        dead_nodes_judged=limits.dead_nodes is Dead.JUDGED,
        constants_folded=limits.constants is Constants.FOLDED,
    )


def _rule(operator: str, rule: RuleYAML) -> Rule:
    dtypes = (Clause(ClauseKind.DTYPE, subject, tuple(listed)) for subject, listed in rule.dtypes.items())
    return Rule(
        operator=operator,
        since=rule.since,
        until=rule.until,
        supported=rule.supported,
        clauses=(*dtypes, *map(_clause, rule.require)),
        restriction=rule.restriction,
        note=rule.note,
        broken=rule.broken,
        source=rule.source,
        confidence=rule.confidence,
    )


def _clause(require: RequireYAML) -> Clause:
    (kind, subject) = _about(require)
    value = getattr(require, kind.value, None) if kind not in (ClauseKind.ATTRIBUTE, ClauseKind.DIMENSION) else None
    if isinstance(value, bool):
        return Clause(kind, subject, (value,), Test.IS, label=require.as_)
    test, allowed = (Test.IN, tuple(value)) if isinstance(value, list) else _comparison(value or require)
    return Clause(kind, subject, allowed, test, require.dim, require.as_)


def _about(require: RequireYAML) -> tuple[ClauseKind, str]:
    """What kind of clause it is, and of what."""
    if require.attribute is not None:
        return (ClauseKind.ATTRIBUTE if require.present is None else ClauseKind.PRESENT), require.attribute
    if require.quantized is not None:
        return ClauseKind.QUANTIZED, ""
    if require.same_shape is not None:
        return ClauseKind.SAME_SHAPE, ""
    subject = f"output {require.output}" if require.input is None else f"input {require.input}"
    (name,) = (name for name in _OF_AN_OPERAND if getattr(require, name) is not None)
    return (ClauseKind.DIMENSION if name == "dim" else ClauseKind(name)), subject


def _comparison(written: ComparisonYAML) -> tuple[Test, tuple[Attribute, ...]]:
    (test,) = _comparisons(written)
    value = _value_of(written, test)
    return test, tuple(map(_plain, value)) if isinstance(value, list) else (value,)


def _comparisons(written: ComparisonYAML) -> list[Test]:
    return [test for test in _COMPARISONS if _value_of(written, test) is not None]


def _value_of(written: ComparisonYAML, test: Test) -> Any:
    return getattr(written, "in_" if test is Test.IN else test.value)


def _plain(value: Any) -> Attribute:
    return tuple(map(_plain, value)) if isinstance(value, list) else value


# --- faults -------------------------------------------------------------------------------------


def document_faults(document: ProfileYAML) -> Iterator[Fault]:
    """What the types of the keys do not say."""
    if document.schema != _SCHEMA:
        yield Fault("schema", f"is {document.schema}; this opscan reads {_SCHEMA}")
    for key in ("name", "version", "title"):
        if not getattr(document, key).strip():
            yield Fault(key, "is empty")
    if not document.sources:
        yield Fault("sources", "is empty; say where the list was read")
    if (document.dialect is Dialect.ATEN) != (document.level is not None):
        yield Fault("level", "belongs to a profile of the aten dialect, and to each of those")
    yield from _limit_faults(document.limits)
    for key, dtype in document.casts.items():
        yield from _dtype_faults(f"casts.{key}", (key, dtype))
    for number, require in enumerate(document.every_operator):
        yield from _require_faults(f"every_operator[{number}]", require)
    for operator, rules in document.rules.items():
        yield from _operator_faults(operator, rules)


def _limit_faults(limits: LimitsYAML) -> Iterator[Fault]:
    low, high = limits.opset.min, limits.opset.max
    if low is not None and high is not None and low > high:
        yield Fault("limits.opset", f"begins at {low}, after its end at {high}")


def _operator_faults(operator: str, rules: Sequence[RuleYAML]) -> Iterator[Fault]:
    path = f"rules.{operator}"
    if str(OpName.parse(operator)) != operator:
        yield Fault(path, f"write it {OpName.parse(operator)}")
    if not rules:
        yield Fault(path, "has no rule; leave it out, or write {supported: false}")
    for number, rule in enumerate(rules):
        where = f"{path}[{number}]"
        if rule in rules[:number]:
            yield Fault(where, f"is the same as rule {rules.index(rule)} of {operator}")
        yield from _rule_faults(where, rule)


def _rule_faults(path: str, rule: RuleYAML) -> Iterator[Fault]:
    for key in ("since", "until"):
        version = getattr(rule, key)
        if version is not None and version < 1:
            yield Fault(f"{path}.{key}", f"is {version}; versions begin at 1")
    if rule.since is not None and rule.until is not None and rule.since > rule.until:
        yield Fault(path, f"begins at version {rule.since}, after its end at {rule.until}")
    if rule.broken and not rule.supported:
        yield Fault(path, "is either broken or not supported, not both")
    for subject, dtypes in rule.dtypes.items():
        yield from _dtype_faults(f"{path}.dtypes.{subject}", dtypes)
    for number, require in enumerate(rule.require):
        yield from _require_faults(f"{path}.require[{number}]", require)


def _dtype_faults(path: str, dtypes: Sequence[str]) -> Iterator[Fault]:
    if not dtypes:
        yield Fault(path, "allows no dtype; leave it out, or write supported: false")
    for dtype in dtypes:
        for word in _HELD.findall(dtype):
            if word not in DTYPES:
                yield Fault(path, f"unknown dtype {dtype!r}{did_you_mean(word, sorted(DTYPES))}")


def _require_faults(path: str, require: RequireYAML) -> Iterator[Fault]:
    abouts = [name for name in ("attribute", "input", "output", "quantized", "same_shape") if _has(require, name)]
    if len(abouts) != 1:
        yield Fault(path, "is about exactly one of attribute, input, output, quantized, same_shape")
        return
    (about,) = abouts
    yield from _position_faults(path, getattr(require, about) if about in ("input", "output") else None)
    parts = [name for name in _OF_AN_OPERAND if _has(require, name)]
    wanted = {"attribute": ["present"] if "present" in parts else [], "quantized": [], "same_shape": []}
    if (len(parts) != 1) if about in ("input", "output") else (parts != wanted[about]):
        names = ", ".join(_OF_AN_OPERAND)
        yield Fault(
            path, f"an {about} needs exactly one of {names}" if len(parts) != 1 else f"{parts[0]} is of an operand"
        )
        return
    yield from _comparison_faults(path, require, about, parts[0] if parts else "")


def _has(written: RequireYAML, name: str) -> bool:
    return getattr(written, name) is not None


def _position_faults(path: str, position: Any) -> Iterator[Fault]:
    if not (position is None or position == "*" or (isinstance(position, int) and position >= 0)):
        yield Fault(path, f"the position {position!r} is neither a number from 0 nor '*'")


def _comparison_faults(path: str, require: RequireYAML, about: str, part: str) -> Iterator[Fault]:
    compares = part == "dim" or (about == "attribute" and not part)
    number = len(_comparisons(require))
    if number != compares:
        names = ", ".join(_COMPARISONS)
        yield Fault(path, f"needs exactly one of {names}" if compares else f"{part or about} goes without {names}")
        return
    value = getattr(require, part) if part in ("rank", "dtype") else None
    if isinstance(value, ComparisonYAML) and len(_comparisons(value)) != 1:
        yield Fault(f"{path}.{part}", f"needs exactly one of {', '.join(_COMPARISONS)}")
        return
    if part == "dtype":
        yield from _dtype_faults(f"{path}.dtype", value if isinstance(value, list) else _listed(value))
    if any(listed == [] for listed in (value, require.in_, require.not_in)):
        yield Fault(path, "allows nothing; write supported: false")
    if require.multiple_of is not None and require.multiple_of < 1:
        yield Fault(path, f"nothing is a multiple of {require.multiple_of}")


def _listed(comparison: Any) -> list[str]:
    return [str(value) for value in (*(comparison.in_ or ()), *(comparison.not_in or ()))]
