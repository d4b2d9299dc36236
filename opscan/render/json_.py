"""JSON of a published schema (opscan/schemas)."""

from collections.abc import Sequence

from opscan import serde
from opscan.core.table import Report
from opscan.render import Style


def render(reports: Sequence[Report], style: Style) -> str:
    """The data of the only report."""
    (report,) = reports
    return serde.encode(report.data)
