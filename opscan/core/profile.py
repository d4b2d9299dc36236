"""What a backend supports: a profile of rules, each rule a range of versions with its clauses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opscan.core.inventory import Attribute
from opscan.core.operator import Dialect


class ClauseKind(StrEnum):
    """What a clause decides about; what none of them can say is a rule's `restriction`."""

    DTYPE = "dtype"
    """`subject` is a type variable of the operator's schema; `allowed` are dtypes."""
    ATTRIBUTE = "attribute"
    """`subject` is an attribute; `allowed` are its values. An absent attribute passes."""
    RANK = "rank"
    """`subject` is the position of an input; `allowed` are ranks."""
    STATIC_SHAPE = "static_shape"
    """`subject` is the position of an input, whose shape must be known."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition that can be decided from a site."""

    kind: ClauseKind
    subject: str
    allowed: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of a backend's list. Several rules for an operator are alternatives: any may match."""

    operator: str
    """As the profile's dialect writes it: `Conv`, `com.microsoft::FusedConv`."""
    since: int | None = None
    """First schema version, None: any."""
    until: int | None = None
    """Last schema version; None: see Profile.open_range."""
    supported: bool = True
    clauses: tuple[Clause, ...] = ()
    """All must hold; for a rule that is broken or not supported: the cases that it speaks of."""
    restriction: str = ""
    """A documented limit that no clause can decide."""
    broken: str = ""
    """The citation for "accepted, then wrong or crashing"."""


class OpenRange(StrEnum):
    """What a rule with `since` and no `until` covers."""

    EQUAL = "equal"
    """Only that schema version, as onnxruntime's kernel lookup does."""
    ONWARD = "onward"
    """That schema version and all later ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendProfile:
    """What one version of one backend supports, in exactly one dialect."""

    name: str
    version: str
    title: str
    dialect: Dialect
    exhaustive: bool
    """Whether silence means no."""
    open_range: OpenRange = OpenRange.ONWARD
    function_bodies: bool = False
    """Whether an operator that no rule supports is expanded to the function body in its schema."""
    casts: Mapping[str, str] = field(default_factory=dict)
    """dtype -> the dtype that the backend itself casts it to where it lacks the first and has the second."""
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    """Operator -> its rules."""
    sources: tuple[str, ...] = ()
    confidence: str = ""

    @property
    def id(self) -> str:
        """`onnxruntime-cpu@1.32.0`."""
        return f"{self.name}@{self.version}"
