"""The bytes of an ONNX file, as far as possible without its weights; needs neither onnx nor protobuf."""

import os
import stat

from opscan.core.errors import NoAnswer
from opscan.trace import onnx_wire

# A protobuf message ends there, and so does what other tools read.
LARGEST_FILE = 2**31 - 1
# Below that, leaving out weights takes longer than reading them.
_WORTH_REDUCING = 1 << 16
_GIT_LFS = b"version https://git-lfs.github.com/spec/"

AnyPath = str | bytes | os.PathLike[str]


def read_content(path: AnyPath, name: str) -> bytes:
    """A model's bytes, as far as possible without weights; external data is not opened.

    Raises NoAnswer, calling the file `name`.
    """
    try:
        content = _content(path, name)
    except OSError as error:
        raise NoAnswer(f"{name}: cannot be read: {error.strerror}") from error
    if not content:
        raise NoAnswer(f"{name}: is empty; export or copy it again")
    if content.startswith(_GIT_LFS):
        raise NoAnswer(f"{name}: is a Git LFS pointer, not the file itself; run `git lfs pull`")
    return content


def _content(path: AnyPath, name: str) -> bytes:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        regular = stat.S_ISREG(status.st_mode)
        if regular and status.st_size > _WORTH_REDUCING:
            reduced = onnx_wire.without_weights(file.fileno(), status.st_size)
            if reduced is not None and len(reduced) <= LARGEST_FILE:
                return reduced
            if status.st_size > LARGEST_FILE:
                raise NoAnswer(
                    f"{name}: {status.st_size:,} bytes, and not a graph with weights: "
                    "an ONNX file ends at 2 GiB; save its weights as external data"
                )
        return file.read()
