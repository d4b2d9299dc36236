"""An ONNX file: `model.onnx`, or any existing path that is no inventory."""

import os
import stat
from pathlib import Path

from opscan.core.errors import NoAnswer
from opscan.core.source import OnnxSource

PRIORITY = 20
FORM = "a path to an .onnx file"


def resolve(reference: str, models: Path | None = None) -> OnnxSource | None:
    """The file or pipe at that path. Raises NoAnswer for a path that is neither."""
    path = Path(reference)
    problem = _problem(path)
    if problem is None:
        return OnnxSource(_utf8(reference), path)
    if path.suffix == ".onnx" or os.sep in reference:
        raise NoAnswer(f"{reference}: {problem}")
    return None


def _problem(path: Path) -> str | None:
    """Why nothing can be read there; None where something can."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return f"no such file in {path.absolute().parent}"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        return "is a folder; give the path of an .onnx file in it"
    return None if stat.S_ISREG(mode) or stat.S_ISFIFO(mode) else "is a device; give the path of an .onnx file"


def _utf8(reference: str) -> str:
    """A file's name need not be UTF-8; reports are."""
    return reference.encode(errors="surrogateescape").decode(errors="replace")
