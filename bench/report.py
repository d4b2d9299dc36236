"""The results as markdown: one table per group of rows, with the machine and all versions."""

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.measure import Measured
from bench.row import Compared

_PACKAGES = ("opscan", "onnx", "onnxruntime", "onnxscript", "torch", "polygraphy", "onnx_tool", "onnxslim")
_HEAD = """# Benchmarks

Measured by `make bench`, never generated from models and held by no test: the numbers are this machine's, the ratios
are what to look at. Whole processes, interpreter start included, files in the system's cache; the median of several
runs, and the resident memory of the largest process. A ratio is the alternative's time over opscan's: above 1 opscan is
faster. Goals are those that were set before measuring.
"""


def markdown(sections: Mapping[str, str]) -> str:
    """The whole document, of sections by their titles."""
    return "\n".join([_HEAD, *(f"## {title}\n\n{text}" for title, text in sections.items())])


def section(results: Iterable[Compared], note: str) -> str:
    """One group: when and on what it was measured, what it is about, one line per alternative."""
    measured = f"{date.today().isoformat()}. {machine()} {versions()}"
    return "\n\n".join(filter(None, (measured, note, table(results))))


def sections(document: str) -> dict[str, str]:
    """Those of an earlier document, by their titles."""
    found = {}
    for part in document.split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        found[title] = text.strip("\n") + "\n"
    return found


def table(results: Iterable[Compared]) -> str:
    """One line per alternative."""
    head = "| what | opscan | takes | alternative | takes | ratio | cpu ratio | goal |"
    return "\n".join([head, "|---|---|---|---|---|---:|---:|---|", *map(line, results)]) + "\n"


def line(result: Compared) -> str:
    """One alternative beside opscan, as a line of a markdown table."""
    theirs = taken(result.theirs) if result.theirs else f"no answer: {result.reason}"
    ratios = ["" if ratio is None else f"{ratio:.2f}x" for ratio in (result.wall_ratio, result.cpu_ratio)]
    cells = (
        result.row.what,
        result.row.ours.name,
        taken(result.ours),
        result.peer.command.name,
        theirs,
        *ratios,
        result.goal,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def taken(measured: Measured) -> str:
    """`0.31 s (0.28 cpu), 40 MB`."""
    return f"{measured.wall:.2f} s ({measured.cpu:.2f} cpu), {measured.peak:.0f} MB"


def machine() -> str:
    """Processor, cores and memory, as far as the system tells."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0
    parts = (
        _processor(),
        f"{os.cpu_count()} cores",
        f"{memory:.0f} GB",
        platform.system(),
        f"Python {platform.python_version()}",
    )
    return f"Machine: {', '.join(parts)}."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions() -> str:
    """Of everything that is compared."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return f"Versions: {', '.join(found)}."
