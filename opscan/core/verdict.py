"""What is said of one site: whether it is supported, why not, and what would be allowed."""

from enum import StrEnum

from opscan.core.inventory import Site
from opscan.core.profile import Clause, ClauseKind, Test
from opscan.core.record import Record


class Support(StrEnum):
    """The outcome for one site, best first."""

    SUPPORTED = "supported"
    CONDITIONAL = "conditional"
    """A restriction that nobody can decide from the site."""
    UNKNOWN = "unknown"
    """The profile is silent and does not claim to be exhaustive, or the site's types are not known."""
    UNSUPPORTED = "unsupported"
    BROKEN = "broken"
    """Accepted, then wrong or crashing."""


WORST_LAST = tuple(Support)

# The rule id of each outcome; a failed clause has its own.
RULE_IDS = {
    Support.UNSUPPORTED: "OPS101",
    Support.UNKNOWN: "OPS103",
    Support.CONDITIONAL: "OPS104",
    Support.BROKEN: "OPS105",
}
CLAUSE_FAILED = "OPS102"
NOT_CAPTURED = "OPS110"

_ALLOWED = {
    Test.IN: "{}",
    Test.NOT_IN: "not {}",
    Test.AT_LEAST: "at least {}",
    Test.AT_MOST: "at most {}",
    Test.MULTIPLE_OF: "a multiple of {}",
    Test.IS: "{}",
}
# What the site has, and where that is not known. `subject`, `has`, `axis` and `allowed` are filled in.
_SENTENCES = {
    ClauseKind.DTYPE: ("{subject} is {has}; allowed: {allowed}", "dtype of {subject} is not known; allowed: {allowed}"),
    ClauseKind.ATTRIBUTE: ("{subject} is {has}; allowed: {allowed}", "{subject} is not known; allowed: {allowed}"),
    ClauseKind.RANK: (
        "{subject} has rank {has}; allowed: {allowed}",
        "rank of {subject} is not known; allowed: {allowed}",
    ),
    ClauseKind.DIMENSION: (
        "dimension {axis} of {subject} is {has}; allowed: {allowed}",
        "dimension {axis} of {subject} is not known; allowed: {allowed}",
    ),
}
# For clauses on yes or no: where it must be so, and where it must not.
_DEMANDS = {
    ClauseKind.CONSTANT: ("{subject} is not constant; it must be", "{subject} is constant; it must not be"),
    ClauseKind.PRESENT: ("{subject} is left out; it must be given", "{subject} is given; it must be left out"),
    ClauseKind.STATIC_SHAPE: (
        "the shape of {subject} is {has}; it must be static",
        "the shape of {subject} is {has}; it must be dynamic",
    ),
    ClauseKind.QUANTIZED: (
        "it does not stand between DequantizeLinear and QuantizeLinear; it must",
        "it stands between DequantizeLinear and QuantizeLinear; it must not",
    ),
    ClauseKind.SAME_SHAPE: (
        "its inputs have the shapes {has}; they must be the same",
        "its inputs have the shapes {has}; they must differ",
    ),
}


class Outcome(Record, frozen=True):
    """A clause that a site does not meet, or of which that cannot be told."""

    clause: Clause
    passed: bool | None
    """False: not met; None: cannot be told."""
    has: str
    """What the site has, `?` where that is not known."""

    @property
    def allowed(self) -> str:
        """What would be allowed instead, in words."""
        return allowed_text(self.clause)

    def __str__(self) -> str:
        clause = self.clause
        subject = f"{clause.label} ({clause.subject})" if clause.label else clause.subject
        words = {"subject": subject, "has": self.has, "axis": clause.axis, "allowed": self.allowed}
        if clause.kind in _DEMANDS:
            demanded, forbidden = _DEMANDS[clause.kind]
            text = (forbidden if clause.allowed == (False,) else demanded).format(**words)
            return f"cannot be told: {text}" if self.passed is None else text
        known, unknown = _SENTENCES[clause.kind]
        return (unknown if self.passed is None else known).format(**words)


def allowed_text(clause: Clause) -> str:
    """`float32, int8`, `at most 4`."""
    return _ALLOWED[clause.test].format(", ".join(map(str, clause.allowed)))


class Verdict(Record, frozen=True):
    """A site, whether it is supported, by which rule of opscan's, and why not."""

    site: Site
    support: Support
    rule: str = ""
    reason: str = ""
    outcomes: tuple[Outcome, ...] = ()
    """The clauses that decided, of the nearest alternative."""
    next: tuple[str, ...] = ()
    """What else stands in the way once the reason is dealt with."""


class Judgement(Record, frozen=True):
    """A verdict before it is tied to a site."""

    support: Support
    rule: str = ""
    reason: str = ""
    outcomes: tuple[Outcome, ...] = ()
    next: tuple[str, ...] = ()

    def of(self, site: Site) -> Verdict:
        """The verdict of that site."""
        return Verdict(site, self.support, self.rule, self.reason, self.outcomes, self.next)
