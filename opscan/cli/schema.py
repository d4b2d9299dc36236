"""`opscan schema`: the JSON Schema of a document that --format json writes."""

import difflib

import click

from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.serde.document import encode
from opscan.serde.schemas import schemas


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Print the JSON Schema of a document that --format json writes.

    Example: opscan schema inventory
    """
    known = schemas()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"unknown document {name!r}: {hint}")
    terminal.show(encode(known[name]))
