"""What a runtime did with single-operator models, and how that compares with what a profile says of them."""

from collections.abc import Iterable
from enum import StrEnum

from opscan.core.coverage import Ratio
from opscan.core.inventory import Site
from opscan.core.record import Record
from opscan.core.verdict import Support


class Outcome(StrEnum):
    """What became of one model."""

    RUNS = "runs"
    """Accepted, and its numbers are those of onnx's reference evaluator."""
    UNCHECKED = "runs unchecked"
    """Accepted and ran; the reference evaluator gives nothing to compare with (the message says why)."""
    ACCEPTED = "accepted"
    """A compiler took it; nothing was run."""
    WRONG = "wrong numbers"
    """Accepted, and its numbers are not the reference's."""
    FAILS = "fails when run"
    """Accepted, and then an error instead of numbers."""
    REJECTED = "rejected"
    CRASHED = "crashed"
    """The process died."""
    TIMED_OUT = "timed out"
    NOT_TRIED = "not tried"
    """Nothing can be said: no model could be made of the operator, the run was interrupted, or the machine lacks
    what the model needs besides the runtime."""


_TAKEN = {Outcome.RUNS, Outcome.UNCHECKED, Outcome.ACCEPTED, Outcome.WRONG, Outcome.FAILS}
# Taken, and no good: what a profile calls `broken`.
_BROKEN = {Outcome.WRONG, Outcome.FAILS}


class Choice(Record, frozen=True, kw_only=True):
    """Which models a runtime is handed: generated ones, and onnx's own node tests."""

    operators: tuple[str, ...] = ()
    """Only these; all where it is empty."""
    opsets: tuple[int, ...] = ()
    """Of generated models; the usual one and the newest where it is empty."""
    seeds: tuple[int, ...] = (0,)
    """Of generated models: each chooses other random combinations. Models of the same name are one."""
    generated: bool = True
    node_tests: bool = False
    sample: int | None = None
    """So many of them, chosen by their names; None: all."""


class Observation(Record, frozen=True):
    """One model and what the runtime did with it."""

    case: str
    """Names the model; unique in a run."""
    operator: str
    outcome: Outcome
    message: str = ""
    """What the runtime said, one line; how far the numbers are off; the signal that ended it."""
    site: Site | None = None
    """The operator as opscan reads it out of the model; None where it cannot."""

    @property
    def taken(self) -> bool | None:
        """Whether the runtime accepted the model; None where it was not asked."""
        return None if self.outcome is Outcome.NOT_TRIED else self.outcome in _TAKEN

    @property
    def broken(self) -> bool:
        """Accepted, then wrong or failing."""
        return self.outcome in _BROKEN


class Held(Record, frozen=True):
    """A verdict held against what the runtime did."""

    observation: Observation
    support: Support
    reason: str = ""

    @property
    def agrees(self) -> bool | None:
        """None where one of the two says neither yes nor no."""
        said, did = _SAYS.get(self.support), self.observation.taken
        return None if said is None or did is None else said == did


# A model that is accepted and then gives wrong numbers is accepted all the same.
_SAYS = {Support.SUPPORTED: True, Support.BROKEN: True, Support.UNSUPPORTED: False}


class Agreement(Record, frozen=True):
    """Verdicts of a profile against a runtime; every number is a view of them.

    Verdicts that say neither yes nor no, and models that the runtime was not asked about, are
    counted apart: they are in no denominator but `decided`'s.
    """

    held: tuple[Held, ...]

    def count(self, said: Support | Iterable[Support], did: bool) -> int:
        """Verdicts of these kinds on models that the runtime accepted, or not."""
        wanted = {said} if isinstance(said, Support) else set(said)
        return sum(h.support in wanted and h.observation.taken is did for h in self.held)

    @property
    def asked(self) -> int:
        """Models that the runtime was asked about."""
        return sum(h.observation.taken is not None for h in self.held)

    @property
    def decided(self) -> Ratio:
        """Verdicts that say yes or no, of all models that the runtime was asked about."""
        return Ratio(sum(h.agrees is not None for h in self.held), self.asked)

    @property
    def accuracy(self) -> Ratio:
        """Verdicts that are what the runtime does, of those that say yes or no."""
        return Ratio(sum(h.agrees is True for h in self.held), self.decided.part)

    @property
    def equal(self) -> Ratio:
        """Verdicts that are what the runtime does, of all models: one that says neither is not equal."""
        return Ratio(sum(h.agrees is True for h in self.held), self.asked)

    @property
    def precision(self) -> Ratio:
        """Models that the runtime accepts, of those called supported."""
        accepted = self.count(_YES, True)
        return Ratio(accepted, accepted + self.count(_YES, False))

    @property
    def recall(self) -> Ratio:
        """Models called supported, of those that the runtime accepts and the profile says yes or no to."""
        accepted = self.count(_YES, True)
        return Ratio(accepted, accepted + self.count(Support.UNSUPPORTED, True))

    @property
    def wrongly_supported(self) -> Ratio:
        """Models called supported that the runtime rejects, of all models."""
        return Ratio(self.count(_YES, False), self.asked)

    @property
    def disagreements(self) -> tuple[Held, ...]:
        """Where the profile says the opposite of what the runtime does."""
        return tuple(h for h in self.held if h.agrees is False)


_YES = (Support.SUPPORTED, Support.BROKEN)


class Measurement(Record, frozen=True, kw_only=True):
    """What one runtime did with many models, in the order in which they were given."""

    runtime: str
    """`onnxruntime`, `onnxruntime CUDAExecutionProvider`, or the command."""
    version: str
    """Empty for a command."""
    observations: tuple[Observation, ...]
    interrupted: bool = False

    @property
    def counts(self) -> dict[Outcome, int]:
        """Models of each outcome that occurs, best first."""
        seen = [o.outcome for o in self.observations]
        return {outcome: seen.count(outcome) for outcome in Outcome if outcome in seen}

    @property
    def by_operator(self) -> dict[str, tuple[Observation, ...]]:
        """Observations of each operator, in alphabetical order."""
        groups: dict[str, list[Observation]] = {}
        for observation in self.observations:
            groups.setdefault(observation.operator, []).append(observation)
        return {operator: tuple(groups[operator]) for operator in sorted(groups)}
