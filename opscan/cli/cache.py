"""`opscan cache`: what is kept of earlier captures, and clears it."""

import click

from opscan import store
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError


@click.group()
def command() -> None:
    """What is kept of earlier captures."""


@command.command()
def info() -> None:
    """Where captures are kept, how many and how large.

    Example: opscan cache info
    """
    kept = store.kept()
    terminal.show(f"folder       {store.folder()}\ninventories  {kept.inventories}\nsize         {_size(kept)}\n")


@command.command()
def clear() -> None:
    """Remove every capture that is kept; the next run captures anew.

    Example: opscan cache clear
    """
    try:
        removed = store.clear()
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be removed: {error.strerror}") from error
    terminal.note(f"removed {removed.inventories} inventories, {_size(removed)}, from {store.folder()}")


def _size(kept: store.Kept) -> str:
    return f"{kept.bytes / 1e6:.1f} MB"
