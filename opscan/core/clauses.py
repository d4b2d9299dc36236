"""Deciding a clause from a site: met, not met, or not to be told."""

from collections.abc import Callable, Iterator, Mapping

from opscan.core.inventory import Attribute, Site, TensorSpec
from opscan.core.profile import Clause, ClauseKind, Test
from opscan.core.verdict import Outcome

Decision = tuple[bool | None, str]
"""Whether the clause is met (None: cannot be told), and what the site has."""

MET: Decision = True, ""
_UNKNOWN_DIMENSION = "?"
_CONTAINERS = ("seq(", "optional(")


def failing(clauses: tuple[Clause, ...], site: Site, casts: Mapping[str, str], quantized: bool | None) -> list[Outcome]:
    """The outcome of every clause that is not met or cannot be told.

    `casts` says to what dtype the backend converts another by itself; `quantized` whether the site
    stands between DequantizeLinear and QuantizeLinear.
    """
    outcomes = []
    for clause in clauses:
        passed, has = decide(clause, site, casts, quantized)
        if not passed:
            outcomes.append(Outcome(clause, passed, has))
    return outcomes


def decide(clause: Clause, site: Site, casts: Mapping[str, str], quantized: bool | None) -> Decision:
    """Whether the site meets the clause."""
    match clause.kind:
        case ClauseKind.DTYPE:
            return _dtype(clause, site, casts)
        case ClauseKind.ATTRIBUTE:
            return _attribute(clause, site)
        case ClauseKind.PRESENT:
            given = _is_given(clause.subject, site)
            return given == _wanted(clause), ""
        case ClauseKind.QUANTIZED:
            return None if quantized is None else quantized == _wanted(clause), ""
        case ClauseKind.SAME_SHAPE:
            return _same_shape(clause, site)
        case _:
            return _worst(_OF_AN_OPERAND[clause.kind](clause, spec) for spec in operands(clause.subject, site))


def operands(subject: str, site: Site) -> list[TensorSpec]:
    """Those of `input 0`, `input *` or `output 1` that are given."""
    kind, _, position = subject.partition(" ")
    found = site.inputs if kind == "input" else site.outputs
    if position != "*":
        found = found[int(position) : int(position) + 1]
    return [spec for spec in found if spec is not None and is_given(spec)]


def is_given(spec: TensorSpec) -> bool:
    """An output that is not used has no name, no type and no shape."""
    return spec.name != "" or spec.dtype is not None or spec.shape is not None


def is_operand(subject: str) -> bool:
    """Whether it is `input 0` or `output *` rather than a type variable or an attribute."""
    return subject.startswith(("input ", "output "))


def _wanted(clause: Clause) -> bool:
    return clause.allowed != (False,)


def _worst(decisions: Iterator[Decision]) -> Decision:
    """Not met where one is not, else not to be told where one cannot."""
    worst = MET
    for decision in decisions:
        if decision[0] is False:
            return decision
        worst = worst if decision[0] else decision
    return worst


def _is_given(subject: str, site: Site) -> bool:
    return bool(operands(subject, site)) if is_operand(subject) else subject in site.attributes


def _dtype(clause: Clause, site: Site, casts: Mapping[str, str]) -> Decision:
    if is_operand(clause.subject):
        return _worst(_dtype_among(clause, spec.dtype, casts) for spec in operands(clause.subject, site))
    has = site.types.get(clause.subject)
    if has is None:
        # Without a schema nothing says which inputs the variable stands for.
        unknown = site.since_version is None or clause.subject in site.unbound or "*" in site.unbound
        return (None, "?") if unknown else MET
    return _dtype_among(clause, has, casts)


def held(dtype: str) -> str:
    """What a sequence or an optional holds, which is what a site tells of it: `seq(float32)` -> `float32`."""
    while dtype.startswith(_CONTAINERS):
        dtype = dtype.partition("(")[2].removesuffix(")")
    return dtype


def _dtype_among(clause: Clause, has: str | None, casts: Mapping[str, str]) -> Decision:
    if has is None:
        return None, "?"
    # A site says what a sequence holds, a profile may say `seq(float32)`.
    listed = {held(str(dtype)) for dtype in clause.allowed}
    if clause.test is Test.NOT_IN:
        return has not in listed, has
    return has in listed or casts.get(has) in listed, has


def _attribute(clause: Clause, site: Site) -> Decision:
    name = clause.subject
    if name in site.attributes:
        return _tested(clause, site.attributes[name])
    if site.defaults is None:
        return None, "?"
    return _tested(clause, site.defaults[name]) if name in site.defaults else MET


def _tested(clause: Clause, value: Attribute) -> Decision:
    """A list is held against allowed lists, and item by item against single values."""
    if isinstance(value, tuple) and not any(isinstance(allowed, tuple) for allowed in clause.allowed):
        passed = _all(_TESTS[clause.test](item, clause.allowed) for item in value)
    else:
        passed = _TESTS[clause.test](value, clause.allowed)
    return passed, _text(value)


def _all(parts: Iterator[bool | None]) -> bool | None:
    found = set(parts)
    return False if False in found else None if None in found else True


def _text(value: Attribute) -> str:
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, tuple) else str(value)


def _number(value: Attribute) -> float | None:
    return value if isinstance(value, int | float) else None


def _compared(holds: Callable[[float, float], bool]) -> Callable[[Attribute, tuple[Attribute, ...]], bool | None]:
    def test(value: Attribute, allowed: tuple[Attribute, ...]) -> bool | None:
        has, limit = _number(value), _number(allowed[0])
        return None if has is None or limit is None else holds(has, limit)

    return test


_TESTS: Mapping[Test, Callable[[Attribute, tuple[Attribute, ...]], bool | None]] = {
    Test.IN: lambda value, allowed: value in allowed,
    Test.NOT_IN: lambda value, allowed: value not in allowed,
    Test.IS: lambda value, allowed: value in allowed,
    Test.AT_LEAST: _compared(lambda has, limit: has >= limit),
    Test.AT_MOST: _compared(lambda has, limit: has <= limit),
    Test.MULTIPLE_OF: _compared(lambda has, unit: has % unit == 0),
}


def _rank(clause: Clause, spec: TensorSpec) -> Decision:
    return (None, "?") if spec.shape is None else _tested(clause, len(spec.shape))


def _dimension(clause: Clause, spec: TensorSpec) -> Decision:
    axis = clause.axis or 0
    if spec.shape is None:
        return None, "?"
    if not -len(spec.shape) <= axis < len(spec.shape):
        return False, f"not there in {_shape(spec)}"
    size = spec.shape[axis]
    return _tested(clause, size) if isinstance(size, int) else (None, size)


def _constant(clause: Clause, spec: TensorSpec) -> Decision:
    return spec.constant == _wanted(clause), ""


def _static_shape(clause: Clause, spec: TensorSpec) -> Decision:
    if spec.shape is None or _UNKNOWN_DIMENSION in spec.shape:
        return None, str(spec)
    return (spec.static_shape is not None) == _wanted(clause), str(spec)


_OF_AN_OPERAND: Mapping[ClauseKind, Callable[[Clause, TensorSpec], Decision]] = {
    ClauseKind.RANK: _rank,
    ClauseKind.DIMENSION: _dimension,
    ClauseKind.CONSTANT: _constant,
    ClauseKind.STATIC_SHAPE: _static_shape,
}


def _shape(spec: TensorSpec) -> str:
    return "?" if spec.shape is None else f"[{','.join(map(str, spec.shape))}]"


def _same_shape(clause: Clause, site: Site) -> Decision:
    specs = operands("input *", site)
    text = ", ".join(map(_shape, specs))
    shapes = {spec.shape for spec in specs}
    ranks = {len(shape) for shape in shapes if shape is not None}
    if len(ranks) > 1:
        return not _wanted(clause), text
    if len(shapes) > 1 and _may_be_equal(shapes):
        return None, text
    if len(specs) > 1 and any(shape is None or _UNKNOWN_DIMENSION in shape for shape in shapes):
        return None, text
    return (len(shapes) <= 1) == _wanted(clause), text


def _may_be_equal(shapes: set[tuple[int | str, ...] | None]) -> bool:
    """Whether nothing but what is symbolic or unknown tells them apart."""
    known = [shape for shape in shapes if shape is not None]
    sizes = [{size for size in column if isinstance(size, int)} for column in zip(*known, strict=False)]
    return all(len(column) <= 1 for column in sizes)
