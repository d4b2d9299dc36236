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
    for what, command in (
        ("help", "--help"),
        ("list of models", "models"),
        ("list of backends", "backends"),
    ):
        yield Row(what=what, ours=opscan(command), peers=(floor,))
