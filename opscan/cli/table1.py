"""`opscan table1`: the survey's Table 1, measured figures beside the published ones."""

from pathlib import Path

import click

from opscan.cli import _options as options
from opscan.cli import _terminal as terminal


@click.command()
@options.form
@options.output
def command(form: str, output: Path | None) -> None:
    """Parameters and FLOPs as measured, beside the figures of the survey's Table 1.

    Example: opscan table1 --format markdown
    """
    from opscan.docs import table1
    from opscan.pipeline.options import tool_versions
    from opscan.sources import bundled

    report = table1.report(bundled.definitions())
    report.data["tools"] = tool_versions()
    terminal.write(form, [report], output)
