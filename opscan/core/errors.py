"""The errors a user can meet. Each names the thing, what is wrong with it and the remedy, in one line.

Several faults found at once are several arguments, a line each.
"""


class OpscanError(Exception):
    """Anything opscan refuses; the command line prints it in one line and exits with `exit_code`."""

    exit_code = 2

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class UsageError(OpscanError):
    """The command line or the configuration asks for something that cannot be asked for."""


class NoAnswer(OpscanError):
    """The model could not be read or captured, so there is nothing to say about it."""

    exit_code = 3


class DialectMismatch(UsageError):
    """An inventory in one dialect was held against a profile in another."""
