"""Any compiler that is a command: `mycompiler {model} -o {output}`. Exit code 0 means that it took the model."""

import os
import shlex
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from opscan.core.errors import UsageError

_MODEL, _OUTPUT = "{model}", "{output}"
_POLL_SECONDS = 0.02
# Of what it prints, the end is read.
_TAIL = 64 * 1024
_LONGEST_LINE = 500
_COULD_NOT_START = 127
# What a command finds in its folder, and what it prints.
_FILE, _SAID = "model.onnx", "said"


class Refused(Exception):
    """The command did not take the model; the message says why."""


class TooSlow(Exception):
    """The command did not end in time."""


class Died(Exception):
    """A signal ended the command."""


def parsed(command: str) -> list[str]:
    """The arguments of a command line. Raises UsageError where it cannot work."""
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command {command}: {error}") from error
    if not arguments:
        raise UsageError("--command is empty; write it as 'mycompiler {model} -o {output}'")
    if not any(_MODEL in argument for argument in arguments):
        raise UsageError(f"--command {command}: does not name {{model}}, the file that is compiled")
    return arguments


def compile_model(model: bytes, arguments: list[str], seconds: float, most_bytes: int) -> None:
    """Hands the model to the command, in an empty folder that is removed afterwards.

    Raises Refused, TooSlow or Died.
    """
    with tempfile.TemporaryDirectory(prefix="opscan-probe-") as name:
        folder = Path(name)
        file, output, said = folder / _FILE, folder / "output", folder / _SAID
        file.write_bytes(model)
        filled = [a.replace(_MODEL, str(file)).replace(_OUTPUT, str(output)) for a in arguments]
        status = _status(filled, folder, said, seconds, most_bytes)
        if status == 0 and any(_OUTPUT in a for a in arguments) and not output.exists():
            raise Refused(f"exit code 0 and no output file: {_last_line(said)}".removesuffix(": "))
        _judge(status, _last_line(said), most_bytes)


def _status(arguments: list[str], folder: Path, said: Path, seconds: float, most_bytes: int) -> int:
    with said.open("wb") as log:
        try:
            process = subprocess.Popen(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        except OSError as error:
            raise Refused(f"{arguments[0]}: cannot be started: {error.strerror}") from error
        try:
            return _waited(process, folder, time.monotonic() + seconds, most_bytes)
        finally:
            with suppress(OSError):  # its children, too; all may have ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _waited(process: "subprocess.Popen[bytes]", folder: Path, until: float, most_bytes: int) -> int:
    while (status := process.poll()) is None:
        if time.monotonic() > until:
            raise TooSlow
        if _size_of_output(folder) > most_bytes:
            raise Refused(_too_much(most_bytes))
        time.sleep(_POLL_SECONDS)
    return status


def _size_of_output(folder: Path) -> int:
    """Bytes that the command wrote to files of its own; each file, and what it says, is bounded by the system."""
    total = 0
    for path in folder.rglob("*"):
        if path not in (folder / _FILE, folder / _SAID):
            with suppress(OSError):  # it may be gone
                total += path.lstat().st_size
    return total


def _too_much(most_bytes: int) -> str:
    return f"wrote more than {most_bytes // 2**20} MiB and was stopped"


def _judge(status: int, said: str, most_bytes: int) -> None:
    if status < 0:
        number = -status
        if number == signal.SIGXFSZ:
            raise Refused(_too_much(most_bytes))
        raise Died(f"{_signal_name(number)}{': ' if said else ''}{said}")
    if status:
        raise Refused(f"exit code {status}{': ' if said else ''}{said}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(said: Path) -> str:
    """The last line that says something, whatever bytes are in it."""
    with said.open("rb") as log:
        log.seek(max(0, said.stat().st_size - _TAIL))
        text = log.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_LINE] if lines else ""
