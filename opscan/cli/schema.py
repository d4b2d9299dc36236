"""`opscan schema NAME`: the published JSON Schemas."""

import difflib
from typing import Annotated

import typer

from opscan import serde
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError


def command(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(serde.DOCUMENTS)}.")],
) -> None:
    """Print the JSON Schema of a document that `--format json` writes.

    Example: `opscan schema inventory`
    """
    schemas = serde.schemas()
    if name not in schemas:
        near = difflib.get_close_matches(name, schemas, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(schemas)}"
        raise UsageError(f"unknown document {name!r}: {hint}")
    terminal.show(serde.encode(schemas[name]))
