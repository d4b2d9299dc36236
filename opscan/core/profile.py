"""What a backend supports: a profile of rules, each rule a range of versions with its clauses."""

from collections.abc import Mapping
from enum import StrEnum

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.inventory import Attribute
from opscan.core.record import Record, Remembering, field


class ClauseKind(StrEnum):
    """What a clause decides about; what none of them can say is a rule's `restriction`.

    An operand is `input 0` or `output 1` by its position, `input *` every input; one that is left
    out meets every clause but PRESENT.
    """

    DTYPE = "dtype"
    """`subject` is a type variable of the operator's schema (`T`) or an operand."""
    ATTRIBUTE = "attribute"
    """`subject` is an attribute; one that the site leaves out has the schema's default."""
    RANK = "rank"
    """`subject` is an operand."""
    DIMENSION = "dimension"
    """`subject` is an operand and `axis` one of its dimensions, negative from the end."""
    CONSTANT = "constant"
    """`subject` is an operand: its value must (not) be independent of the model's inputs."""
    PRESENT = "present"
    """`subject` is an operand or an attribute: an optional input or the attribute must (not) be given,
    an output (not) be used."""
    STATIC_SHAPE = "static_shape"
    """`subject` is an operand, all of whose dimensions must be known."""
    QUANTIZED = "quantized"
    """`subject` is empty: the site must (not) stand between DequantizeLinear and QuantizeLinear."""
    SAME_SHAPE = "same_shape"
    """`subject` is empty: all inputs must have one shape; no broadcasting."""


class Test(StrEnum):
    """How a clause compares what the site has with `allowed`."""

    IN = "in"
    NOT_IN = "not_in"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MULTIPLE_OF = "multiple_of"
    IS = "is"
    """`allowed` is `(True,)` or `(False,)`."""


class Clause(Record, frozen=True):
    """A condition that can be decided from a site."""

    kind: ClauseKind
    subject: str
    allowed: tuple[Attribute, ...] = ()
    test: Test = Test.IN
    axis: int | None = None
    label: str = ""
    """What people call the operand: `shape`, `weight`."""


class Confidence(StrEnum):
    """Where a rule comes from, most trustworthy first."""

    MEASURED = "measured"
    """The backend was run."""
    REGISTRY = "registry"
    """Read out of the backend's own code."""
    DOCUMENTED = "documented"
    """Written by the vendor."""
    SECONDARY = "secondary"
    """Written by somebody else."""


class Rule(Record, frozen=True, kw_only=True):
    """One entry of a backend's list. Several rules for an operator are alternatives: any may match."""

    operator: str
    """As the profile's dialect writes it: `Conv`, `com.microsoft::FusedConv`, `aten::add.Tensor`."""
    since: int | None = None
    """First schema version, None: any."""
    until: int | None = None
    """Last schema version; None: see Profile.version_match."""
    supported: bool = True
    clauses: tuple[Clause, ...] = ()
    """All must hold; for a rule that is broken or not supported: the cases that it speaks of."""
    restriction: str = ""
    """A documented limit that no clause can decide."""
    note: str = ""
    """What a reader should know and no verdict depends on."""
    broken: str = ""
    """The citation for "accepted, then wrong or crashing"."""
    source: str = ""
    """Where this rule comes from; empty: the profile's sources."""
    confidence: Confidence | None = None
    """None: the profile's."""


class VersionMatch(StrEnum):
    """How a rule's range is held against the schema version that a site's opset selects."""

    EQUAL = "equal"
    """A rule without `until` covers its `since` only, as onnxruntime's kernel lookup does."""
    AT_LEAST = "at_least"
    """A rule without `until` covers `since` and all later versions."""
    ANY = "any"
    """The backend does not look at versions."""


class Fallback(StrEnum):
    """What the backend does with a model that has an operator it does not support."""

    REJECT = "reject"
    CPU = "cpu"
    """That operator runs elsewhere."""
    PLACEHOLDER = "placeholder"
    """Compiles, and fails where the operator is reached."""


class Newer(StrEnum):
    """What the backend does with a model whose version number is beyond its range."""

    REJECT = "reject"
    WARN = "warn"
    IGNORE = "ignore"


class Treatment(StrEnum):
    """What the backend makes of a construct."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


class ModelLimits(Record, frozen=True, kw_only=True):
    """What a backend demands of a model as a whole; UNKNOWN and None: it is not known."""

    opset_min: int | None = None
    opset_max: int | None = None
    opset_newer: Newer = Newer.REJECT
    ir_version_max: int | None = None
    ir_version_newer: Newer = Newer.REJECT
    dynamic_shapes: Treatment = Treatment.UNKNOWN
    local_functions: Treatment = Treatment.UNKNOWN
    control_flow: Treatment = Treatment.UNKNOWN
    """Whether the bodies of If, Loop and Scan are run by the backend; the operators themselves have rules."""
    dead_nodes_judged: bool = True
    """Whether an operator that no output depends on must be supported too."""
    constants_folded: bool = True
    """Whether operators on constants only are computed before the backend sees them."""


class BackendProfile(Remembering, frozen=True, kw_only=True):
    """What one version of one backend supports, in exactly one dialect.

    core.judge keeps in its memo what it said of a kind of site, which depends on the profile alone.
    """

    name: str
    version: str
    title: str
    dialect: Dialect
    exhaustive: bool
    """Whether silence means no."""
    level: AtenLevel | None = None
    """aten only."""
    version_match: VersionMatch = VersionMatch.AT_LEAST
    domain_ignored: bool = False
    """Whether `my.domain::Relu` is taken for Relu."""
    function_bodies: bool = False
    """Whether an operator that no rule supports is expanded to the function body in its schema."""
    fallback: Fallback = Fallback.REJECT
    limits: ModelLimits = field(default_factory=ModelLimits)
    every_operator: tuple[Clause, ...] = ()
    """Clauses that every rule has besides its own."""
    casts: Mapping[str, str] = field(default_factory=dict)
    """dtype -> the dtype that the backend itself casts inputs to where it lacks the first and has the second."""
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    """Operator -> its rules."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Spelling in the source's list -> the operator's name, for those who look an entry up."""
    sources: tuple[str, ...] = ()
    confidence: Confidence = Confidence.DOCUMENTED

    @property
    def id(self) -> str:
        """`onnxruntime-cpu@1.32.0`."""
        return f"{self.name}@{self.version}"
