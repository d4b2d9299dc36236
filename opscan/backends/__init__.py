"""A name -> a BackendProfile: one YAML file per backend in this folder, pure data."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opscan.backends.folders import names, shipped_digest, versions

if TYPE_CHECKING:
    from opscan.backends.files import Kept
    from opscan.core.profile import BackendProfile

__all__ = ["OPS_FILE", "load", "names", "shipped_digest", "versions"]

OPS_FILE = "ops-file:"
"""What a reference to a bare list of operator names begins with; `.txt` at its end says the same."""


def load(reference: str, folders: Sequence[Path] = (), kept: "Kept | None" = None) -> "BackendProfile":
    """The profile of that name (`onnxruntime-cpu`), version (`onnxruntime-cpu@1.27.0`) or file (`./npu.yaml`).

    `./names.txt` is a bare list of operator names. `folders` hold profiles besides the shipped ones
    and come before them; `kept` saves parsing a file again. Raises UsageError, with the nearest name or
    with file, line and key of every fault.
    """
    if reference.startswith(OPS_FILE) or reference.endswith(".txt"):
        from opscan.backends.names_file import profile_of_names

        return profile_of_names(Path(reference.removeprefix(OPS_FILE)))
    from opscan.backends import files
    from opscan.backends.build import profile_of

    return profile_of(files.read(files.locate(reference, folders).resolve(), folders, kept))
