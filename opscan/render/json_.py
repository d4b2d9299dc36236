"""JSON of a published schema (`opscan schema`)."""

import json
from collections.abc import Sequence

from opscan import serde
from opscan.core.table import Report
from opscan.render import Style


def render(reports: Sequence[Report], style: Style) -> str:
    """The data of the only report; what a terminal would obey or not show is escaped."""
    (report,) = reports
    lines = serde.encode(report.data).split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_escaped, line)) for line in lines)


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
