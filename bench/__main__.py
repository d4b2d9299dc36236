"""Measures every row, or those of the groups that are named, and writes reports/benchmarks.md.

A group's section is written when all of its rows were measured; those of other groups stay as they are.
"""

import argparse
import importlib
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from bench import report, rows
from bench.files import Files
from bench.measure import Failed
from bench.row import Compared, Comparison, Row

REPORT = Path(__file__).parent.parent / "reports" / "benchmarks.md"


def groups() -> dict[str, ModuleType]:
    """Every file of `rows`, in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules(rows.__path__))
    return {name: importlib.import_module(f"{rows.__name__}.{name}") for name in names}


def chosen_rows(groups: dict[str, ModuleType], files: Files, text: str) -> dict[ModuleType, list[Row]]:
    """The rows of each group that have the text in what they are called; none is measured, no file is made."""
    found = {group: [row for row in group.rows(files) if text in row.what] for group in groups.values()}
    return {group: several for group, several in found.items() if several}


def measured(rows: Iterable[Row], files: Files) -> list[Compared]:
    """The results of the rows, said on stderr as they are done; one that fails costs itself only."""
    results = []
    comparison = Comparison(files)
    for row in rows:
        try:
            for result in comparison.of(row):
                print(report.line(result), file=sys.stderr, flush=True)
                results.append(result)
        except (Failed, subprocess.CalledProcessError) as failure:
            print(f"bench: {row.what}: {row.ours.name}: {failure}", file=sys.stderr, flush=True)
    return results


def main() -> None:
    """Parses the command line, measures, prints, writes."""
    known = groups()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(known)}; default: all")
    parser.add_argument("--row", default="", metavar="TEXT", help="only rows with this in their first column")
    parser.add_argument("--list", action="store_true", help="lists the rows and measures none")
    parser.add_argument("--folder", type=Path, help="keeps the generated files there (2.9 GB) for the next run")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - known.keys():
        parser.error(f"unknown group {', '.join(sorted(unknown))}: there is {', '.join(known)}")
    asked = {name: module for name, module in known.items() if name in (arguments.groups or known)}
    with tempfile.TemporaryDirectory(prefix="opscan-bench-") as temporary:
        files = Files((arguments.folder or Path(temporary)).resolve())
        found = chosen_rows(asked, files, arguments.row)
        if not found:
            parser.error(f"no row has {arguments.row!r} in its first column; --list shows them")
        if arguments.list:
            print(*(f"{group.TITLE}: {row.what}" for group, several in found.items() for row in several), sep="\n")
            return
        new = {group.TITLE: report.section(measured(several, files), group.NOTE) for group, several in found.items()}
    print(report.markdown(new))
    if not arguments.row:
        earlier = report.sections(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
        titles = [group.TITLE for group in known.values()]
        kept = {title: text for title in titles if (text := new.get(title) or earlier.get(title))}
        REPORT.write_text(report.markdown(kept), encoding="utf-8")
        print(f"bench: wrote {REPORT}", file=sys.stderr)


if __name__ == "__main__":
    main()
