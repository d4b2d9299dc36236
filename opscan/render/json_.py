"""JSON of a published schema (`opscan schema`)."""

import json
from collections.abc import Sequence
from typing import Any

from opscan.core.table import Report
from opscan.render import Style
from opscan.serde.document import encode


def render(reports: Sequence[Report], style: Style) -> str:
    """The data of the only report; what a terminal would obey or not show is escaped."""
    (report,) = reports
    return written(report.data)


def written(document: Any) -> str:
    """A document of any schema, opscan's or another's."""
    # `##[` is a command to GitHub Actions and Azure Pipelines wherever it stands in a line of a log.
    lines = encode(document).replace("##", "#\\u0023").split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_escaped, line)) for line in lines)


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
