"""`opscan schema`: the JSON Schema of a document that --format json writes."""

import difflib

import click

from opscan import serde
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Print the JSON Schema of a document that --format json writes.

    Example: opscan schema inventory
    """
    schemas = serde.schemas()
    if name not in schemas:
        near = difflib.get_close_matches(name, schemas, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(schemas)}"
        raise UsageError(f"unknown document {name!r}: {hint}")
    terminal.show(serde.encode(schemas[name]))
