"""An ONNX file: `model.onnx`, or any existing path that is no inventory."""

from pathlib import Path

from opscan.core.errors import NoAnswer
from opscan.core.source import OnnxSource

PRIORITY = 20
FORM = "a path to an .onnx file"


def resolve(reference: str, models: Path | None = None) -> OnnxSource | None:
    """The file at that path. Raises NoAnswer for a path that is no file."""
    path = Path(reference)
    looks_like_path = path.suffix == ".onnx" or len(path.parts) > 1
    if not looks_like_path and not path.is_file():
        return None
    if path.is_dir():
        raise NoAnswer(f"{reference}: is a folder; give the path of an .onnx file in it")
    if not path.exists():
        raise NoAnswer(f"{reference}: no such file")
    return OnnxSource(reference, path)
