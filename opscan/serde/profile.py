"""The form in which a profile is written: plain values, which YAML holds. The published schema."""

from enum import StrEnum
from typing import Any

import msgspec

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.profile import Confidence, Fallback, Newer, Treatment, VersionMatch


class ComparisonYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of these."""

    in_: list[Any] | None = msgspec.field(default=None, name="in")
    not_in: list[Any] | None = None
    at_least: int | float | None = None
    at_most: int | float | None = None
    multiple_of: int | None = None


class RequireYAML(ComparisonYAML, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A clause: what it is about (an attribute, an operand and a property of it, or neither) and what is demanded.

    `{attribute: group, at_most: 128}`, `{input: 0, rank: [3, 4]}`, `{input: 0, dim: 1, multiple_of: 8}`,
    `{input: 1, as: weight, constant: true}`, `{quantized: true}`.
    """

    attribute: str | None = None
    input: int | str | None = None
    """Its position, or `*` for every input."""
    output: int | str | None = None
    as_: str = msgspec.field(default="", name="as")
    """What people call the operand."""
    rank: list[int] | ComparisonYAML | None = None
    dtype: list[str] | ComparisonYAML | None = None
    dim: int | None = None
    """The dimension that the comparison is about, negative from the end."""
    constant: bool | None = None
    present: bool | None = None
    static_shape: bool | None = None
    quantized: bool | None = None
    same_shape: bool | None = None


class RuleYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of an operator; see opscan.core.profile.Rule."""

    since: int | None = None
    until: int | None = None
    supported: bool = True
    dtypes: dict[str, list[str]] = {}
    """Type variable, `input 0` or `output 0` -> dtypes."""
    require: list[RequireYAML] = []
    restriction: str = ""
    note: str = ""
    broken: str = ""
    source: str = ""
    confidence: Confidence | None = None


class SourceYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a list was read."""

    what: str
    licence: str
    retrieved: str
    """A date."""
    url: str = ""


class OpsetYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The opsets of ai.onnx that a backend takes."""

    min: int | None = None
    max: int | None = None
    newer: Newer = Newer.REJECT


class IrVersionYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The IR versions that a backend takes."""

    max: int | None = None
    newer: Newer = Newer.REJECT


class Dead(StrEnum):
    """Whether an operator that no output depends on must be supported too."""

    JUDGED = "judged"
    IGNORED = "ignored"


class Constants(StrEnum):
    """Whether operators on constants only are computed before the backend sees them."""

    FOLDED = "folded"
    JUDGED = "judged"


class LimitsYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a backend demands of a model as a whole; see opscan.core.profile.ModelLimits."""

    opset: OpsetYAML = OpsetYAML()
    ir_version: IrVersionYAML = IrVersionYAML()
    dynamic_shapes: Treatment = Treatment.UNKNOWN
    local_functions: Treatment = Treatment.UNKNOWN
    control_flow: Treatment = Treatment.UNKNOWN
    dead_nodes: Dead = Dead.JUDGED
    constants: Constants = Constants.FOLDED


class ListYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An operator list in CSV and what to take of it. Of several, the first that has an operator decides about it."""

    file: str
    backend: str = ""
    version: str = ""
    only: str = ""
    """A status: no other lines."""
    confidence: Confidence | None = None
    """Of its rules, where it is not the profile's."""
    require: list[RequireYAML] = []
    """Clauses for each of its rules, besides its own."""
    limits: bool = False
    """The list names the backend's own operators; it only adds clauses to the rules of the lists before it."""


class ImportYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the rules come from, so that `opscan backends import --update` can read them again."""

    lists: list[ListYAML]
    dtypes: bool = True
    """Whether the lists' dtypes are the backend's; false where they were copied from the standard."""
    out_variants: bool = False
    """aten: the lists name out-variants."""
    restriction: str = ""
    """A limit on every line that the lists do not detail."""
    spellings: dict[str, str] = {}
    """The lists' spelling -> the operator, besides the profile's aliases."""
    domains: dict[str, str] = {}
    """The lists' domain -> the domain that models have."""


class ProfileYAML(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A profile file; see opscan.core.profile.BackendProfile."""

    schema: int
    """1."""
    name: str
    version: str
    title: str
    dialect: Dialect
    exhaustive: bool
    sources: list[SourceYAML]
    confidence: Confidence
    rules: dict[str, list[RuleYAML]]
    level: AtenLevel | None = None
    extends: str = ""
    """`name@version` of the profile that this one starts from."""
    remove: list[str] = []
    """Operators of that profile that this version lacks."""
    version_match: VersionMatch = VersionMatch.AT_LEAST
    domain_ignored: bool = False
    function_bodies: bool = False
    fallback: Fallback = Fallback.REJECT
    casts: dict[str, str] = {}
    limits: LimitsYAML = LimitsYAML()
    every_operator: list[RequireYAML] = []
    aliases: dict[str, str] = {}
    import_: ImportYAML | None = msgspec.field(default=None, name="import")
