"""`opscan diff`: what differs between two models, lockfiles, opsets, or versions of a backend."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from opscan.cli import _answers as shared
from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _profiles as profiles
from opscan.cli import _terminal as terminal
from opscan.core.dialect import Dialect
from opscan.core.diff import Difference, Side, difference
from opscan.core.diff_reports import difference_head, difference_table
from opscan.core.errors import UsageError
from opscan.core.table import Report, counted
from opscan.pipeline.comparisons import Compared, sides
from opscan.pipeline.options import Options, tool_versions
from opscan.serde.diff import diff_json

_LOCK = ".lock"


@click.command()
@click.argument("first", metavar="[A]", default="")
@click.argument("second", metavar="[B]", default="")
@click.option("--opset", "opsets", type=click.IntRange(min=1), multiple=True, help="ONNX opset; twice: A at both.")
@click.option(
    "--backend",
    "-b",
    "names",
    metavar="BACKEND",
    multiple=True,
    help="Judge both on it; twice: A on both, or without A the profiles themselves.",
)
@options.dialect
@options.capturing("jobs", "models", "cache", "timeout")
@options.form
@options.output
@click.pass_context
def command(
    context: click.Context,
    first: str,
    second: str,
    opsets: tuple[int, ...],
    names: tuple[str, ...],
    dialect: Dialect | None,
    settings: Options,
    form: str,
    output: Path | None,
) -> None:
    """Which operators were gained and lost, and which changed their signatures, counts, MACs or verdicts?

    A and B are models, inventories or lockfiles (FILE.lock), or two backends (NAME@VERSION).

    Example: opscan diff vit_b16 --opset 17 --opset 20 -b onnxruntime-cpu --format markdown
    """
    if profiles_meant := _profiles(first, second, names):
        context.invoke(profiles.diff, old=profiles_meant[0], new=profiles_meant[1], form=form, output=output)
        return
    before, after = _compared(first, second, opsets, names, dialect)
    with terminal.progress(1, "capturing both sides"):
        old, new = (sides(one, settings) for one in (before, after))
    pairs, only_old, only_new = _paired(old, new)
    found = [difference(*pair) for pair in pairs]
    reports = [_report(one) for one in found]
    if form == "json":
        reports = [Report(data=diff_json(found, only_old, only_new, tool_versions()))]
    elif only_old or only_new:
        head = (("only before", ", ".join(only_old)), ("only after", ", ".join(only_new)))
        reports.append(Report(data=None, title="Models", head=tuple(row for row in head if row[1])))
    terminal.write(form, reports, output)
    differing = sum(len(one.changes) for one in found)
    terminal.note(f"{counted(differing, 'operator')} differ{'s' if differing == 1 else ''}")
    if not found and not (only_old or only_new):
        sys.exit(shared.NO_ANSWER)


def _profiles(first: str, second: str, names: tuple[str, ...]) -> tuple[str, str] | None:
    """The two profiles, where nothing but profiles is compared."""
    if not first and not second and len(names) == 2:
        return names[0], names[1]
    both = first, second
    known = all(name.partition("@")[0] in _configured.backend_names() for name in both)
    return both if known and not names else None


def _compared(
    first: str, second: str, opsets: tuple[int, ...], names: tuple[str, ...], dialect: Dialect | None
) -> tuple[Compared, Compared]:
    """What stands on each side. Raises UsageError where that cannot be told."""
    if not first:
        raise UsageError("give two models, one model with two --opset or two --backend, or two backends")
    if len(opsets) > 2 or len(names) > 2:
        raise UsageError("two are compared: give --opset and --backend no more than twice")
    if second and (len(opsets) == 2 or len(names) == 2):
        raise UsageError("give one model with two --opset or two --backend, or two models")
    if not second and len(opsets) < 2 and len(names) < 2:
        raise UsageError(f"{first}: with what? Give a second model, or --opset or --backend twice")
    spoken = dialect or (Dialect.ONNX if opsets else None)
    one = Compared(first, spoken, opsets[0] if opsets else None, names[0] if names else None)
    other = Compared(second or first, spoken, opsets[-1] if opsets else None, names[-1] if names else None)
    for side in (one, other):
        if side.backend and side.reference.endswith(_LOCK):
            raise UsageError(f"{side.reference}: a lockfile has no sites to judge; give the model instead")
    return one, other


def _paired(old: Sequence[Side], new: Sequence[Side]) -> tuple[list[tuple[Side, Side]], list[str], list[str]]:
    """What belongs together, and what has no other side: two models do, in lockfiles those of one name and dialect."""
    if len(old) == len(new) == 1:
        return [(old[0], new[0])], [], []
    names = [{(side.snapshot.model, side.snapshot.dialect): side for side in some} for some in (old, new)]
    shared_names = [name for name in names[0] if name in names[1]]
    if not shared_names:
        raise UsageError(f"the two have no model in common: {_some(old)}; {_some(new)}")
    pairs = [(names[0][name], names[1][name]) for name in shared_names]
    # One model against a lockfile asks about that model only.
    lone = min(len(old), len(new)) == 1
    rest = [[f"{m} ({d})" for m, d in some if (m, d) not in shared_names and not lone] for some in names]
    return pairs, rest[0], rest[1]


def _some(found: Sequence[Side]) -> str:
    return ", ".join(f"{side.snapshot.model} ({side.snapshot.dialect})" for side in found[:3])


def _report(one: Difference) -> Report:
    names = [side.snapshot.model for side in (one.before, one.after)]
    title = names[0] if names[0] == names[1] else f"{names[0]} → {names[1]}"
    notes = () if one.changes else ("no operator differs",)
    return Report(data=None, title=title, head=difference_head(one), tables=(difference_table(one),), notes=notes)
