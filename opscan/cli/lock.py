"""`opscan lock`: writes down the operators of models, or says what is new or gone since."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from opscan.cli import _answers as shared
from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.dialect import Dialect
from opscan.core.diff_reports import lock_table
from opscan.core.errors import UsageError
from opscan.core.lock import Lock, check
from opscan.core.record import replace
from opscan.core.snapshot import Snapshot
from opscan.core.table import Report, counted
from opscan.pipeline.options import Options, tool_versions
from opscan.pipeline.snapshots import NewerLock, read_lock, snapshots
from opscan.serde.lock import lock_check_json, lock_text
from opscan.sources import bundled

FINDINGS = 1
_FILE = "opscan.lock"


@click.command()
@shared.references
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit with 1 where something is new or gone.")
@click.option("--file", type=options.path(), metavar="FILE", default=_FILE, show_default=True, help="The lockfile.")
@click.option(
    "--dialect",
    "dialects",
    type=options.Values(Dialect),
    multiple=True,
    help="Dialect to lock torch models in, repeatable.  [default: torch; --check: those that are locked]",
)
@options.capturing()
@options.form
@options.output
def command(
    references: tuple[str, ...],
    only_check: bool,
    file: Path,
    dialects: tuple[Dialect, ...],
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Write down which operators models have, with signatures and counts, or hold them against it.

    REF is a model; without any: those of the configuration, else of the lockfile, else all bundled
    ones; --check: those of the lockfile and of the configuration. Commit the file: it changes when an
    update of torch or of the exporter changes what your models need. --check reports only what is new
    or gone (OPS301); a count that changes is shown.

    Example: opscan lock swin_t model.onnx --dialect onnx, later opscan lock --check
    """
    named = references or _configured.references()
    old = read_lock(file) if only_check or (not named and file.exists()) else None
    locked = old.dialects if old else {}
    also = locked if only_check and not references else {}
    chosen = list(dict.fromkeys((*also, *named) or locked or bundled.names(settings.models)))
    if old and old.opset and settings.opset is None:
        settings = replace(settings, opset=old.opset)
    wanted = {name: dialects or locked.get(name) or (Dialect.TORCH,) for name in chosen}
    found, unanswered = _captured(wanted, settings)
    if only_check and old:
        _check(old, found, unanswered, form, output)
    for model, reason in unanswered.items():
        terminal.note(f"no answer for {model}: {reason}")
    if unanswered:
        sys.exit(shared.NO_ANSWER)  # half a lock is none
    dropped = _dropped(file, chosen) if named else []
    lock = Lock(snapshots=tuple(found), opset=settings.opset, tools=tool_versions())
    terminal.write_file(file, lock_text(lock))
    terminal.note(f"{counted(len(chosen), 'model')} in {file}")
    if dropped:
        terminal.note(f"no more in it: {', '.join(dropped)}")


def _dropped(file: Path, chosen: Sequence[str]) -> list[str]:
    """The models that the lockfile loses; one that cannot be read is written anew, a newer one never."""
    try:
        before = read_lock(file).dialects if file.exists() else {}
    except NewerLock:
        raise
    except UsageError:
        return []
    return [model for model in before if model not in chosen]


def _captured(wanted: dict[str, tuple[Dialect, ...]], settings: Options) -> tuple[list[Snapshot], dict[str, str]]:
    """All models in the order asked for, and why some gave no answer. Models of the same dialects go together."""
    groups: dict[tuple[Dialect, ...], list[str]] = {}
    for name, dialects in wanted.items():
        groups.setdefault(dialects, []).append(name)
    found: dict[str, tuple[Snapshot, ...]] = {}
    unanswered: dict[str, str] = {}
    with terminal.progress(len(wanted), "capturing") as bar:
        for dialects, names in groups.items():
            for number, kept, reason in snapshots(names, dialects, settings):
                found[names[number]] = kept
                unanswered |= {names[number]: reason} if reason else {}
                bar.update(bar.task_ids[0], advance=1, description=f"captured {names[number]}")
    return [one for name in wanted for one in found[name]], dict(sorted(unanswered.items()))


def _check(old: Lock, found: list[Snapshot], unanswered: dict[str, str], form: str, output: Path | None) -> None:
    """Writes the report and exits."""
    result = check(old, found)
    data = lock_check_json(result, unanswered, tool_versions())
    notes = (
        *(f"OPS301: {model} is not in the lockfile; `opscan lock` with it writes it down" for model in result.unlocked),
        *(f"changed since: {text}" for text in result.versions),
        *shared.no_answer_notes(unanswered),
    )
    terminal.write(form, [Report(data=data, tables=(lock_table(result),), notes=notes)], output)
    new_or_gone = sum(bool(change.rule) for change in result.changes) + len(result.unlocked)
    terminal.note(f"{counted(len(found), 'capture')} held against the lockfile: {new_or_gone} new or gone")
    sys.exit(shared.NO_ANSWER if unanswered else 0 if result.clean else FINDINGS)
