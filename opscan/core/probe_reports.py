"""Measurements as heads and tables for people."""

from collections.abc import Sequence

from opscan.core.coverage import Ratio
from opscan.core.probe import Agreement, Held, Measurement, Observation, Outcome
from opscan.core.table import Column, Table, share
from opscan.core.verdict import Support

# What works as it should needs no row.
_GOOD = (Outcome.RUNS, Outcome.UNCHECKED, Outcome.ACCEPTED)


def measurement_head(measured: Measurement) -> tuple[tuple[str, str], ...]:
    """Runtime, number of models, and how many met each outcome."""
    whole = len(measured.observations)
    runtime = " ".join(filter(None, (measured.runtime, measured.version)))
    counts = ((o.value, f"{count:,} ({share(count, whole)})") for o, count in measured.counts.items())
    return (("runtime", runtime), ("models", f"{whole:,}"), *counts)


def measurement_table(measured: Measurement) -> Table:
    """Per operator: how many models are accepted, and each way in which others are not, with one example."""
    columns = (
        Column("operator"),
        Column("accepted"),
        Column("outcome"),
        Column("models", numeric=True),
        Column("message", priority=1),
        Column("for example", priority=2),
    )
    rows: list[tuple[str, ...]] = []
    for operator, observations in measured.by_operator.items():
        rows += _operator_rows(operator, observations)
    return Table(columns, tuple(rows))


def _operator_rows(operator: str, observations: Sequence[Observation]) -> list[tuple[str, ...]]:
    accepted = sum(o.taken is True for o in observations)
    groups: dict[Outcome, list[Observation]] = {}
    for observation in observations:
        groups.setdefault(observation.outcome, []).append(observation)
    bad = [(outcome, groups[outcome]) for outcome in Outcome if outcome in groups and outcome not in _GOOD]
    first = f"{accepted} of {len(observations)}"
    return [(operator, first, o.value, str(len(group)), _said(group), group[0].case) for o, group in bad]


def _said(group: Sequence[Observation]) -> str:
    """The message that most of them share, and how many have others."""
    messages = [o.message for o in group]
    usual = max(sorted(set(messages)), key=messages.count)
    others = len(set(messages)) - 1
    return usual + (f" (and {others} other message{'s' * (others > 1)})" if others else "")


def agreement_head(agreement: Agreement) -> tuple[tuple[str, str], ...]:
    """The shares by which a profile is judged, each with its numbers."""
    undecided = agreement.asked - agreement.decided.part
    return (
        ("models", f"{len(agreement.held):,}"),
        ("equal", f"{_percent(agreement.equal)} of verdicts are what the runtime does"),
        ("accuracy", f"{_percent(agreement.accuracy)} of those that say yes or no"),
        ("neither", f"{_percent(Ratio(undecided, agreement.asked))} say neither ({_undecided(agreement)})"),
        ("precision", f"{_percent(agreement.precision)} of those called supported are accepted"),
        ("recall", f"{_percent(agreement.recall)} of those accepted are called supported"),
        ("wrongly supported", f"{_percent(agreement.wrongly_supported)} of all"),
    )


def _undecided(agreement: Agreement) -> str:
    kinds = (Support.CONDITIONAL, Support.UNKNOWN)
    return ", ".join(f"{agreement.count(k, True) + agreement.count(k, False)} {k.value}" for k in kinds)


def _percent(ratio: Ratio) -> str:
    text = "0.0 %" if ratio.whole and not ratio.part else f"{ratio.percent:.2f} %" if ratio.percent is not None else "-"
    return f"{text} ({ratio.part:,} of {ratio.whole:,})"


def disagreement_table(agreement: Agreement) -> Table:
    """What is not equal: opposite verdicts first, then those that say neither, most models first."""
    columns = (
        Column("operator"),
        Column("verdict"),
        Column("runtime"),
        Column("models", numeric=True),
        Column("because", priority=1),
        Column("it says", priority=2),
        Column("for example", priority=3),
    )
    groups: dict[tuple[str, str, str, str], list[Held]] = {}
    for held in agreement.held:
        if held.agrees is not True and held.observation.taken is not None:
            groups.setdefault(_group(held), []).append(held)
    ordered = sorted(groups.items(), key=lambda item: (item[1][0].agrees is None, -len(item[1]), item[0]))
    return Table(columns, tuple(_disagreement_row(held) for _, held in ordered), title="not equal")


def _group(held: Held) -> tuple[str, str, str, str]:
    return held.observation.operator, held.support.value, _did(held), held.reason


def _did(held: Held) -> str:
    return "accepts" if held.observation.taken else held.observation.outcome.value


def _disagreement_row(group: Sequence[Held]) -> tuple[str, ...]:
    first = group[0]
    operator, verdict, did, reason = _group(first)
    message = "" if first.observation.taken else first.observation.message
    return operator, verdict, did, str(len(group)), reason, message, first.observation.case
