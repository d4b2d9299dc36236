"""What commands over many models share: their options, and the answers behind a progress bar."""

from collections.abc import Sequence
from pathlib import Path

import click

from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.needs import Doubt, Needs, needs
from opscan.core.profile import BackendProfile
from opscan.pipeline.judgements import Judged, judged
from opscan.pipeline.options import Options
from opscan.sources import bundled

NO_ANSWER = 3

references = click.argument("references", metavar="[REF]…", nargs=-1)
unknown = click.option(
    "--unknown",
    type=options.Values(Doubt),
    default=Doubt.APART.value,
    show_default=True,
    help="How to count what could not be told: apart, as missing, or as supported.",
)
conditional = click.option(
    "--conditional",
    type=options.Values(Doubt),
    default=Doubt.APART.value,
    show_default=True,
    help="How to count what depends on a restriction that nobody can decide from the model.",
)


def models_of(chosen: Sequence[str], settings: Options) -> list[str]:
    """Those chosen, each once; else those of the configuration; else all bundled ones."""
    return list(dict.fromkeys(chosen or _configured.references() or bundled.names(settings.models)))


def answers(
    chosen: Sequence[str], profiles: Sequence[BackendProfile], settings: Options
) -> tuple[tuple[Judged, ...], ...]:
    """One row per model, one answer per profile, in the order asked for; without any chosen, `models_of` says which."""
    names = models_of(chosen, settings)
    done: dict[int, tuple[Judged, ...]] = {}
    with terminal.progress(len(names), "capturing") as bar:
        for number, row in judged(names, profiles, settings):
            done[number] = row
            bar.update(bar.task_ids[0], advance=1, description=f"judged {names[number]}")
    return tuple(done[number] for number in sorted(done))


def all_needs(
    rows: Sequence[Sequence[Judged]], unknown: Doubt, conditional: Doubt
) -> tuple[tuple[Needs, ...], dict[str, str]]:
    """What each model needs of the only profile, and why the others gave no answer."""
    found, unanswered = [], {}
    for (one,) in rows:
        model, family = one.entry.model, one.entry.system
        if one.coverage is None:
            unanswered[model] = one.reason
        else:
            found.append(needs(one.coverage, model=model, family=family, unknown=unknown, conditional=conditional))
    return tuple(found), unanswered


def no_answer_notes(unanswered: dict[str, str]) -> tuple[str, ...]:
    """A line for each model that gave no answer."""
    return tuple(f"no answer for {model}: {reason}" for model, reason in unanswered.items())


def weights_of(path: Path | None, models: Sequence[str]) -> dict[str, float]:
    """Weights of models from a YAML file of `model: number`. Raises UsageError with every fault."""
    if path is None:
        return {}
    from opscan.document.yaml_text import read_yaml

    try:
        found = read_yaml(path.read_bytes(), str(path)).value
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: must be a mapping, one line per model: vit_b16: 3")
    faults = [f"{path}: {fault}" for model, value in found.items() for fault in _weight_faults(model, value, models)]
    if faults:
        raise UsageError(*faults)
    return {str(model): float(value) for model, value in found.items()}


def _weight_faults(model: object, value: object, models: Sequence[str]) -> list[str]:
    if model not in models:
        return [f"{model}: is none of the models asked about"]
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    return [] if good else [f"{model}: {value!r} is not a weight; write a number that is not negative"]
