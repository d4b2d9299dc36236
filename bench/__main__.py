"""`python -m bench [GROUP…]`: measures every group of rows, or those named, and writes reports/benchmarks.md.

The report is written only when every group was measured; else the tables go to stdout alone.
"""

import argparse
import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from bench import report, rows
from bench.files import Files
from bench.row import Compared, compare

REPORT = Path(__file__).parent.parent / "reports" / "benchmarks.md"


def groups() -> dict[str, ModuleType]:
    """Every file of `rows`, in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules(rows.__path__))
    return {name: importlib.import_module(f"{rows.__name__}.{name}") for name in names}


def measured(group: ModuleType, files: Files) -> list[Compared]:
    """All rows of a group, said on stderr as they are done."""
    results = []
    for row in group.rows(files):
        for result in compare(row):
            print(report.line(result), file=sys.stderr, flush=True)
            results.append(result)
    return results


def main() -> None:
    """Parses the command line, measures, prints, writes."""
    known = groups()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(known)}; default: all")
    parser.add_argument("--folder", type=Path, help="keeps the generated files there (2.9 GB) for the next run")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - known.keys():
        parser.error(f"unknown group {', '.join(sorted(unknown))}: there is {', '.join(known)}")
    chosen = {name: module for name, module in known.items() if name in (arguments.groups or known)}
    with tempfile.TemporaryDirectory(prefix="opscan-bench-") as temporary:
        files = Files(arguments.folder or Path(temporary))
        results = {module.TITLE: measured(module, files) for module in chosen.values()}
    text = report.markdown(results, {module.TITLE: module.NOTE for module in chosen.values()})
    print(text)
    if chosen == known:
        REPORT.write_text(text, encoding="utf-8")
        print(f"bench: wrote {REPORT}", file=sys.stderr)


if __name__ == "__main__":
    main()
