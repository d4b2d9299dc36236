"""tract: loaded, typed and made runnable, since its `load` takes anything."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from opscan.runtimes import Options, Run, Value

DISTRIBUTION = "tract"
EXTRA = "tract"
# Profile -> the provider that it describes.
PROFILES = {"tract": ""}


def load(model: bytes, _options: Options) -> Run:
    """A runnable plan. Raises where tract cannot translate the model."""
    import tract

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model)
        plan = tract.onnx().load(str(path)).into_model().into_runnable()

    def run(inputs: Sequence[Value]) -> list[Value]:
        return [output.to_numpy() for output in plan.run(list(inputs))]

    return run
