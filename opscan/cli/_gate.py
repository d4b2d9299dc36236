"""What `opscan check` is told: flags and configuration as one list of settings, and where reports go."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click

from opscan import configuration, render, store
from opscan.cli import _options as options
from opscan.configuration import Configuration
from opscan.core.errors import UsageError
from opscan.core.policy import (
    BORDER_BYTES,
    COVERAGE,
    PARTITIONS,
    RULE,
    Denominator,
    Layer,
    Preset,
    Value,
    contradictions,
    preset_layer,
)
from opscan.core.record import Record
from opscan.core.rules import BY_ID, Severity
from opscan.core.spelling import did_you_mean
from opscan.pipeline.gates import GateSettings


class Flags(Record, frozen=True, kw_only=True):
    """The gate's options as they were typed."""

    config: Path | None = None
    no_config: bool = False
    preset: Preset | None = None
    rules: tuple[str, ...] = ()
    unknown: Severity | None = None
    min_coverage: tuple[str, ...] = ()
    max_partitions: int | None = None
    max_border_bytes: str | None = None
    show_waived: bool = False


_POLICY = (
    click.option("--config", type=options.path(), metavar="FILE", help="Configuration.  [default: the nearest upward]"),
    click.option("--no-config", is_flag=True, help="Look for no configuration."),
    click.option("--preset", type=options.Values(Preset), help="The severities to start from.  [default: default]"),
    click.option(
        "--rule", "rules", metavar="ID=SEVERITY", multiple=True, help="Set to off, warn or error; repeatable."
    ),
    click.option(
        "--unknown",
        type=options.Values([Severity.WARN, Severity.ERROR]),
        help="What an unknown operator does (OPS103).",
    ),
    click.option(
        "--min-coverage",
        metavar="[OF=]PERCENT",
        multiple=True,
        help="Of sites, operators or macs: macs=95; a bare number is of sites. Repeatable.",
    ),
    click.option("--max-partitions", type=click.IntRange(min=0), metavar="N", help="Pieces that a backend may get."),
    click.option("--max-border-bytes", metavar="SIZE", help="What may cross between pieces: 4MiB."),
    click.option("--show-waived", is_flag=True, help="List waived findings too."),
)


policy = options.grouped("flags", Flags, dict(zip(Flags.__struct_fields__, _POLICY, strict=True)))
"""Gives a command the options that make up a policy, as `flags`."""


def read_configuration(flags: Flags) -> Configuration:
    """The file that was named, or the one that applies in this folder. Raises UsageError with all its faults."""
    if flags.no_config and flags.config:
        raise UsageError("--no-config and --config exclude each other; give one of them")
    if flags.config:
        return configuration.load(flags.config)
    return Configuration() if flags.no_config else configuration.load(configuration.find(Path.cwd()))


def gate_settings(flags: Flags, found: Configuration, named: Sequence[str]) -> GateSettings:
    """Preset, then the file, then the flags. `named` are the command line's backends.

    Raises UsageError with all that is wrong with the flags.
    """
    return GateSettings(
        layers=(_preset(flags, found), *found.layers, _flag_layer(flags)),
        waivers=found.waivers,
        profiles=(found.backends,) if found.backends else (),
        configuration=found.file,
        backend_origin="" if named else found.backend_origin,
        today=date.today(),
        show_waived=flags.show_waived,
    )


def _preset(flags: Flags, found: Configuration) -> Layer:
    if flags.preset:
        return preset_layer(flags.preset, "--preset")
    if found.preset:
        return preset_layer(found.preset, f"{found.file}: preset")
    return preset_layer(Preset.DEFAULT)


def _flag_layer(flags: Flags) -> Layer:
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    faults: list[str] = []
    for flag, key, value in _given(flags):
        if isinstance(value, str) and not isinstance(value, Severity):
            faults.append(f"{flag}: {value}")
        elif key in values and values[key] != value:
            faults.append(f"{flag}: contradicts {origins[key]}; give one of them")
        else:
            values[key], origins[key] = value, flag
    faults += [f"{origins[key]}: {text}" for key, text in contradictions(values)]
    if faults:
        raise UsageError(*faults)
    return Layer("command line", values, (), origins)


def _given(flags: Flags) -> Iterator[tuple[str, str, Value | str]]:
    """Flag, key and value of each setting; a text instead of the value says what is wrong with it."""
    for rule in flags.rules:
        yield (f"--rule {rule}", *_rule(rule))
    if flags.unknown:
        yield f"--unknown {flags.unknown}", f"{RULE}OPS103", flags.unknown
    for share in flags.min_coverage:
        yield (f"--min-coverage {share}", *_share(share))
    if flags.max_partitions is not None:
        yield f"--max-partitions {flags.max_partitions}", PARTITIONS, flags.max_partitions
    if flags.max_border_bytes is not None:
        from opscan.configuration.meaning import size_in_bytes

        size = size_in_bytes(flags.max_border_bytes)
        fault = "is no size; write it as 4194304, 4MiB or 4MB"
        yield f"--max-border-bytes {flags.max_border_bytes}", BORDER_BYTES, fault if size is None else size


def _rule(text: str) -> tuple[str, Value | str]:
    rule, _, severity = text.partition("=")
    if rule not in BY_ID:
        return "", f"there is no rule {rule!r}{did_you_mean(rule, BY_ID)}"
    if severity not in list(Severity):
        return "", f"write it as {rule}=off, {rule}=warn or {rule}=error"
    return f"{RULE}{rule}", Severity(severity)


def _share(text: str) -> tuple[str, Value | str]:
    name, equals, number = text.rpartition("=")
    denominator = name if equals else Denominator.SITES.value
    if denominator not in list(Denominator):
        return "", f"{denominator!r} is not one of {', '.join(Denominator)}{did_you_mean(denominator, Denominator)}"
    try:
        return f"{COVERAGE}{denominator}", float(number)
    except ValueError:
        return "", f"{number!r} is no percentage; write it as {denominator}=95"


def backend_names(given: Sequence[str], found: Configuration) -> tuple[str, ...]:
    """Those of the command line, else those of the configuration. Raises UsageError where none is named."""
    names = tuple(dict.fromkeys(given or found.backend))
    if not names:
        raise UsageError("name a backend: --backend NAME, or `backend:` in opscan.yaml (`opscan backends` lists them)")
    return names


class Target(Record, frozen=True):
    """A report to write: in which format, and where."""

    form: str
    path: Path | None
    """None: stdout."""


def targets(forms: Sequence[str], output: Path | None) -> tuple[Target, ...]:
    """What `--format FORMAT` or `--format FORMAT=FILE`, repeated, and `--output` ask for.

    Raises UsageError with all that is wrong with them.
    """
    found = [_target(text) for text in forms or ["full"]]
    faults = [f"--format {name}: {fault}" for name in _names(found) if (fault := unknown_format(name))]
    bare = [target for target in found if target.path is None]
    if len(bare) > 1:
        faults.append(f"--format {', '.join(_names(bare))}: one goes to stdout; write the others as FORMAT=FILE")
    if output and not bare:
        faults.append(f"--output {output}: every --format has a file of its own")
    paths = [target.path for target in found if target.path]
    faults += [f"--format: {path} would be written twice" for path in dict.fromkeys(paths) if paths.count(path) > 1]
    faults += [f"--format {t.form}={t.path}: {why}" for t in found if t.path and (why := store.obstacle(t.path))]
    if faults:
        raise UsageError(*faults)
    return tuple(Target(target.form, target.path or output) for target in found)


def _target(text: str) -> Target:
    form, equals, path = text.partition("=")
    return Target(form, Path(path) if equals and path not in ("", "-") else None)


def _names(found: Sequence[Target]) -> list[str]:
    return [target.form for target in found]


def formats() -> list[str]:
    """Names of all formats that a check is written in."""
    return sorted({*render.formats(), *render.findings_formats()})


def unknown_format(name: str) -> str:
    """What is wrong with a format's name; empty for a known one."""
    known = formats()
    return "" if name in known else f"is not one of {', '.join(known)}{did_you_mean(name, known)}"
