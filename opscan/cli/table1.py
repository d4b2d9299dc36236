"""`opscan table1`: the survey's Table 1."""

from opscan import pipeline
from opscan.cli import _terminal as terminal
from opscan.docs import table1
from opscan.sources import bundled


def command(form: terminal.FormatOption = "table", output: terminal.OutputOption = None) -> None:
    """Parameters and FLOPs as measured, beside the figures of the survey's Table 1.

    Example: `opscan table1 --format markdown`
    """
    report = table1.report(bundled.definitions())
    report.data["tools"] = pipeline.tool_versions()
    terminal.write(form, [report], output)
