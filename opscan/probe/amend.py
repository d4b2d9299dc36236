"""Measured rules written into a profile file, whose other lines stay as they are."""

from collections.abc import Iterator, Mapping, Sequence

from opscan.core import record
from opscan.core.errors import UsageError
from opscan.core.measured import promises_of, refusals_of
from opscan.core.probe import Measurement
from opscan.core.profile import BackendProfile, Confidence, Rule
from opscan.core.verdict import Support
from opscan.probe.case import Case
from opscan.probe.trials import trials_of, versions_of
from opscan.probe.verify import agreement
from opscan.serde.rules import flow, rule_values

_RULES = "rules:"
_PROMISED = (Support.SUPPORTED, Support.CONDITIONAL, Support.BROKEN)

Rules = Mapping[str, Sequence[Rule]]


def corrections(cases: Sequence[Case], measured: Measurement, profile: BackendProfile, cite: str) -> Rules:
    """Rules that say what the runtime refuses though promised, and what it accepts though not promised.

    Promised by the profile without the rules that an earlier measurement added, which cite the same.
    """
    kept = {name: tuple(r for r in rules if r.source != cite) for name, rules in profile.rules.items()}
    bare = record.replace(profile, rules={name: rules for name, rules in kept.items() if rules})
    said = {held.observation.case: held.support for held in agreement(cases, measured, bare).held}
    found: dict[str, list[Rule]] = {}
    for operator, group in trials_of(cases, measured).items():
        supports = [said[trial.observation.case] for trial in group]
        versions = versions_of(operator)
        rules = (
            *promises_of(operator, group, [s is not Support.SUPPORTED for s in supports], versions, cite=cite),
            *refusals_of(operator, group, [s in _PROMISED for s in supports], versions, cite=cite),
        )
        if rules:
            found[operator] = [record.replace(rule, confidence=_confidence(profile)) for rule in rules]
    return found


def _confidence(profile: BackendProfile) -> Confidence | None:
    """Stated where it is not the profile's own."""
    return None if profile.confidence is Confidence.MEASURED else Confidence.MEASURED


def amended(text: str, rules: Rules, cite: str) -> str:
    """The profile's text with the rules, in place of those that cite the same.

    Raises UsageError where the text has no rules to amend.
    """
    head, separator, body = text.partition(f"\n{_RULES}\n")
    if not separator:
        raise UsageError("the profile has no `rules:` on a line of its own; nothing can be added to it")
    blocks = {operator: _without(entries, cite) for operator, entries in _blocks(body.splitlines())}
    for operator, added in rules.items():
        blocks.setdefault(operator, []).extend(f"  - {flow(rule_values(rule))}" for rule in added)
    lines = [line for operator in sorted(blocks) for line in _block(operator, blocks[operator])]
    return f"{head}\n{_RULES}\n" + "\n".join(lines) + "\n"


def _block(operator: str, entries: Sequence[str]) -> list[str]:
    return [f"  {flow(operator)}:", *entries] if entries else []


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each operator with its entries, every entry the text of its lines."""
    operator, entries = "", list[str]()
    for line in lines:
        if line.startswith("  - ") or line.startswith("    "):
            _extend(entries, line)
        elif line.strip():
            if operator:
                yield operator, entries
            operator, entries = line.strip().removesuffix(":").strip("'\""), []
    if operator:
        yield operator, entries


def _extend(entries: list[str], line: str) -> None:
    if line.startswith("  - "):
        entries.append(line)
    else:
        entries[-1] += f"\n{line}"


def _without(entries: Sequence[str], cite: str) -> list[str]:
    return [entry for entry in entries if cite not in " ".join(entry.split())]
