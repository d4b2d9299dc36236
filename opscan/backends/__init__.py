"""A name -> a BackendProfile: one YAML file per backend in this folder, pure data."""

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from opscan.core.errors import UsageError
from opscan.core.operator import Dialect
from opscan.core.profile import BackendProfile, Clause, ClauseKind, OpenRange, Rule

_FOLDER = Path(__file__).parent


class RuleYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of an operator; see opscan.core.profile.Rule."""

    since: int | None = None
    until: int | None = None
    supported: bool = True
    dtypes: dict[str, list[str]] = {}
    attributes: dict[str, list[Any]] = {}
    ranks: dict[int, list[int]] = {}
    static_shapes: list[int] = []
    restriction: str = ""
    broken: str = ""


class ProfileYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A profile file; see opscan.core.profile.BackendProfile."""

    name: str
    version: str
    title: str
    dialect: Dialect
    exhaustive: bool
    sources: list[str]
    confidence: str
    rules: dict[str, list[RuleYAML]]
    open_range: OpenRange = OpenRange.ONWARD
    function_bodies: bool = False
    casts: dict[str, str] = {}


def names() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml")))


@cache
def load(name: str) -> BackendProfile:
    """The shipped profile of that name (`onnxruntime-cpu`, or with its version `onnxruntime-cpu@1.32.0`).

    Raises UsageError, with the nearest name or the file and key at fault.
    """
    base, _, version = name.partition("@")
    if base not in names():
        near = difflib.get_close_matches(base, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else "`opscan backends` lists them"
        raise UsageError(f"unknown backend {name!r}: {hint}")
    profile = _read(_FOLDER / f"{base}.yaml")
    if version and version != profile.version:
        raise UsageError(f"unknown version {version!r} of {base}: there is {profile.version}")
    return profile


def _read(file: Path) -> BackendProfile:
    try:
        raw = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        document = msgspec.convert(raw, ProfileYAML)
    except yaml.YAMLError as error:
        raise UsageError(f"{file.name}: not valid YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise UsageError(f"{file.name}: {error}") from error
    return BackendProfile(
        name=document.name,
        version=document.version,
        title=document.title,
        dialect=document.dialect,
        exhaustive=document.exhaustive,
        open_range=document.open_range,
        function_bodies=document.function_bodies,
        casts=document.casts,
        rules={operator: tuple(_rule(operator, rule) for rule in rules) for operator, rules in document.rules.items()},
        sources=tuple(document.sources),
        confidence=document.confidence,
    )


def _rule(operator: str, rule: RuleYAML) -> Rule:
    return Rule(
        operator=operator,
        since=rule.since,
        until=rule.until,
        supported=rule.supported,
        clauses=tuple(_clauses(rule)),
        restriction=rule.restriction,
        broken=rule.broken,
    )


def _clauses(rule: RuleYAML) -> Iterator[Clause]:
    for variable, dtypes in rule.dtypes.items():
        yield Clause(ClauseKind.DTYPE, variable, tuple(dtypes))
    for name, values in rule.attributes.items():
        yield Clause(ClauseKind.ATTRIBUTE, name, tuple(tuple(v) if isinstance(v, list) else v for v in values))
    for position, ranks in rule.ranks.items():
        yield Clause(ClauseKind.RANK, str(position), tuple(ranks))
    for position in rule.static_shapes:
        yield Clause(ClauseKind.STATIC_SHAPE, str(position))
