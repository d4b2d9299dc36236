"""A profile held against the schemas of its dialect: what it speaks of must exist."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from opscan.core.clauses import held, is_operand
from opscan.core.dialect import Dialect
from opscan.core.lookup import covers, range_text
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile, Clause, ClauseKind, Rule, VersionMatch
from opscan.core.record import Record
from opscan.core.schema import Lookup, Schema
from opscan.core.spelling import did_you_mean

_FOREVER = 10**9


class Fault(Record, frozen=True):
    """What is wrong, and at which key of the profile."""

    path: str
    text: str


class Standard(Record, frozen=True):
    """What a dialect's operators are."""

    lookup: Lookup
    names: Callable[[], Iterable[str]]
    """Every operator, for suggestions."""
    domains: frozenset[str]
    """Those whose operators are all known; of others nothing can be said."""


def lint(profile: BackendProfile, standard: Standard) -> Iterator[Fault]:
    """Everything in the profile that its dialect's schemas contradict."""
    for operator, rules in profile.rules.items():
        path = f"rules.{operator}"
        yield from _overlaps(path, rules, profile.version_match)
        schemas = standard.lookup(operator)
        if schemas:
            for number, rule in enumerate(rules):
                yield from _rule(f"{path}[{number}]", rule, schemas, profile)
        elif OpName.parse(operator).domain in standard.domains:
            yield Fault(path, f"there is no such operator{did_you_mean(operator, standard.names())}")
    for spelling, operator in profile.aliases.items():
        if operator not in profile.rules and not standard.lookup(operator):
            yield Fault(
                f"aliases.{spelling}", f"there is no operator {operator}{did_you_mean(operator, profile.rules)}"
            )


def _overlaps(path: str, rules: Sequence[Rule], match: VersionMatch) -> Iterator[Fault]:
    """Rules that promise something for some of the same versions must do so for all: they are alternatives."""
    promises = [(number, rule) for number, rule in enumerate(rules) if rule.supported and not rule.broken]
    for (first, one), (second, other) in combinations(promises, 2):
        (low, high), (next_low, next_high) = sorted((_span(one, match), _span(other, match)))
        if (low, high) != (next_low, next_high) and next_low <= high:
            ranges = f"{range_text(one, match) or 'every version'} and {range_text(other, match) or 'every version'}"
            yield Fault(f"{path}[{second}]", f"overlaps with rule {first}: {ranges}")


def _span(rule: Rule, match: VersionMatch) -> tuple[int, int]:
    low = rule.since or 1
    if rule.until is not None:
        return low, rule.until
    return low, low if match is VersionMatch.EQUAL and rule.since is not None else _FOREVER


def _rule(path: str, rule: Rule, schemas: Mapping[int, Schema], profile: BackendProfile) -> Iterator[Fault]:
    if profile.dialect is Dialect.ONNX and profile.version_match is not VersionMatch.ANY:
        yield from _versions(path, rule, schemas)
    covered = [schema for version, schema in schemas.items() if covers(rule, version, profile.version_match)]
    for clause in rule.clauses:
        faults = [list(_clause(path, clause, schema, profile)) for schema in covered or schemas.values()]
        if all(faults):  # it speaks of none of the versions
            yield from faults[-1]


def _versions(path: str, rule: Rule, schemas: Mapping[int, Schema]) -> Iterator[Fault]:
    known = sorted(schemas)
    if rule.since is not None and rule.since not in schemas:
        yield Fault(f"{path}.since", f"there is no version {rule.since}; there are {', '.join(map(str, known))}")
    if rule.until is not None and rule.until < known[0]:
        yield Fault(f"{path}.until", f"the first version is {known[0]}")


def _clause(path: str, clause: Clause, schema: Schema, profile: BackendProfile) -> Iterator[Fault]:
    subject = clause.subject
    if is_operand(subject):
        yield from _operand(path, subject, schema)
    elif clause.kind is ClauseKind.DTYPE:
        yield from _type_variable(path, clause, schema, profile)
    elif clause.kind in (ClauseKind.ATTRIBUTE, ClauseKind.PRESENT) and subject not in schema.attributes:
        yield Fault(path, f"there is no attribute {subject}{did_you_mean(subject, schema.attributes)}")


def _operand(path: str, subject: str, schema: Schema) -> Iterator[Fault]:
    kind, _, position = subject.partition(" ")
    operands = schema.inputs if kind == "input" else schema.outputs
    variadic = schema.variadic_inputs if kind == "input" else schema.variadic_outputs
    if position != "*" and int(position) >= len(operands) and not variadic:
        yield Fault(path, f"there is no {subject}: it has {', '.join(operands) or 'none'}")


def _type_variable(path: str, clause: Clause, schema: Schema, profile: BackendProfile) -> Iterator[Fault]:
    if profile.dialect is not Dialect.ONNX:
        yield Fault(path, f"aten has no type variables; write `input 0` for {clause.subject}")
    elif clause.subject in schema.types:
        possible = {*schema.types[clause.subject], *map(held, schema.types[clause.subject])}
        never = [str(dtype) for dtype in clause.allowed if str(dtype) not in possible]
        if len(never) == len(clause.allowed):
            yield Fault(path, f"{clause.subject} is never {', '.join(never)}")
    elif clause.subject not in (*schema.inputs, *schema.outputs):
        yield Fault(path, f"there is no type variable {clause.subject}{did_you_mean(clause.subject, schema.types)}")
