"""A measured model as clauses see it: dtypes, ranks, attributes, constant and optional operands."""

from collections.abc import Iterator, Sequence
from typing import Any

import onnx

from opscan.core.clauses import is_given
from opscan.core.inventory import Attribute, Site, TensorSpec
from opscan.core.measured import Feature, Trial
from opscan.core.operator import OpName
from opscan.core.probe import Measurement
from opscan.core.profile import ClauseKind
from opscan.probe.case import Case
from opscan.probe.verify import inventory_of_case, sole_site


def trials_of(cases: Sequence[Case], measured: Measurement) -> dict[str, tuple[Trial, ...]]:
    """Trials of each operator, in alphabetical order; models of several operators say nothing about one."""
    found: dict[str, list[Trial]] = {}
    for case, observation in zip(cases, measured.observations, strict=True):
        site = sole_site(inventory_of_case(case))
        if site is not None:
            trial = Trial(observation, site.since_version, dict(_features(site)))
            found.setdefault(observation.operator, []).append(trial)
    return {operator: tuple(found[operator]) for operator in sorted(found)}


def versions_of(operator: str) -> tuple[int, ...]:
    """All versions of an operator's schema, oldest first."""
    name = OpName.parse(operator)
    schemas = onnx.defs.get_all_schemas_with_history()
    return tuple(sorted(s.since_version for s in schemas if (s.name, s.domain) == (name.name, name.domain)))


def _features(site: Site) -> Iterator[tuple[Feature, Attribute]]:
    for variable, dtype in site.types.items():
        yield Feature(ClauseKind.DTYPE, variable), dtype
    for name, value in {**(site.defaults or {}), **site.attributes}.items():
        yield Feature(ClauseKind.ATTRIBUTE, name), value
    for subject in _left_out(site):
        yield Feature(ClauseKind.PRESENT, subject), False
    for number, spec in enumerate(site.inputs):
        yield from _operand(f"input {number}", spec, typed=bool(site.types))
    for number, output in enumerate(site.outputs):
        yield Feature(ClauseKind.PRESENT, f"output {number}"), is_given(output)
    for name in _plain_attributes(site):
        yield Feature(ClauseKind.PRESENT, name), name in site.attributes


def _plain_attributes(site: Site) -> Iterator[str]:
    """Those that may be left out and then stand for nothing that the schema names."""
    for name, attribute in _schema(site).attributes.items() if site.since_version else ():
        if not attribute.required and name not in (site.defaults or {}):
            yield name


def _left_out(site: Site) -> Iterator[str]:
    """The operands at the end of the operator's list that the site does not mention."""
    if site.since_version is None:
        return
    schema = _schema(site)
    for kind, formals, given in (("input", schema.inputs, site.inputs), ("output", schema.outputs, site.outputs)):
        named = [number for number, formal in enumerate(formals) if formal.option.name != "Variadic"]
        yield from (f"{kind} {number}" for number in named if number >= len(given))


def _schema(site: Site) -> Any:  # onnx.defs.OpSchema is untyped
    return onnx.defs.get_schema(site.op.name, site.since_version or 0, site.op.domain)


def _operand(subject: str, spec: TensorSpec | None, *, typed: bool) -> Iterator[tuple[Feature, Attribute]]:
    given = spec is not None and is_given(spec)
    yield Feature(ClauseKind.PRESENT, subject), given
    if spec is None or not given:
        return
    yield Feature(ClauseKind.CONSTANT, subject), spec.constant
    if spec.shape is not None:
        yield Feature(ClauseKind.RANK, subject), len(spec.shape)
        if spec.shape and isinstance(spec.shape[-1], int):
            yield Feature(ClauseKind.DIMENSION, subject, -1), spec.shape[-1]
    if spec.dtype is not None and not typed:  # of inputs that may differ, no type variable tells
        yield Feature(ClauseKind.DTYPE, subject), spec.dtype
