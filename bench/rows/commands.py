"""Commands that read no model, beside the imports that no command line of typer and rich is without."""

from collections.abc import Iterator

from bench.files import Files
from bench.measure import opscan, python
from bench.row import Peer, Row

TITLE = "Start"
NOTE = ""


def rows(files: Files) -> Iterator[Row]:
    """At most 1.5 times the bare imports."""
    floor = Peer(python("`import typer, rich`", "import typer, rich"), goal=1 / 1.5)
    for command in ("--help", "models", "backends"):
        yield Row(what="no model", ours=opscan(command), peers=(floor,))
