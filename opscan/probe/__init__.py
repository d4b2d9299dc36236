"""A backend measured: single-operator models handed to a runtime, and profiles held against what it does."""

from collections.abc import Callable, Sequence

from opscan.core.probe import Measurement, Observation, Outcome
from opscan.probe.case import Case
from opscan.probe.pool import Bounds, Result, Target, results
from opscan.runtimes import installed_version

__all__ = ["Bounds", "Case", "Target", "measure"]

_INTERRUPTED: Result = (Outcome.NOT_TRIED, "interrupted")


def measure(
    cases: Sequence[Case], target: Target, bounds: Bounds, advance: Callable[[], None] = lambda: None
) -> Measurement:
    """What became of every case; `advance` is called after each.

    Raises UsageError where the runtime is not installed. When interrupted, what was done is kept.
    """
    version = "" if target.command else installed_version(target.runtime)
    found: list[Result] = [_INTERRUPTED] * len(cases)
    interrupted = False
    try:
        for number, result in results(cases, target, bounds):
            found[number] = result
            advance()
    except KeyboardInterrupt:
        interrupted = True
    observations = tuple(
        Observation(case.name, case.operator, outcome, message)
        for case, (outcome, message) in zip(cases, found, strict=True)
    )
    return Measurement(runtime=target.title, version=version, observations=observations, interrupted=interrupted)
