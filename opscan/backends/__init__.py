"""A name -> a BackendProfile: one YAML file per backend in this folder, pure data."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from opscan.backends import files
from opscan.backends.build import profile_of
from opscan.backends.files import names, versions
from opscan.core.profile import BackendProfile

__all__ = ["load", "names", "versions"]


def load(reference: str, folders: Sequence[Path] = ()) -> BackendProfile:
    """The profile of that name (`onnxruntime-cpu`), version (`onnxruntime-cpu@1.27.0`) or file (`./npu.yaml`).

    `folders` hold profiles besides the shipped ones and come before them. Raises UsageError, with the
    nearest name or with file, line and key of every fault.
    """
    return _loaded(files.locate(reference, folders).resolve(), tuple(folders))


@cache
def _loaded(file: Path, folders: tuple[Path, ...]) -> BackendProfile:
    return profile_of(files.read(file, folders))
