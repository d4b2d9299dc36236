"""Capturing torch models, beside the loop that people write today."""

from collections.abc import Iterator

from bench.files import Files
from bench.measure import opscan, python
from bench.row import Peer, Row

TITLE = "Models"
NOTE = ""

_EXPORT_AND_COUNT = """
import collections, sys, tempfile, onnx, torch
from opscan.sources import bundled
source = bundled.resolve(sys.argv[1])
model = source.build().eval()
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/model.onnx"
    torch.onnx.export(model, (torch.zeros(1, 3, 224, 224),), path, dynamo=True, verbose=False)
    print(collections.Counter(node.op_type for node in onnx.load(path).graph.node))
"""


def rows(files: Files) -> Iterator[Row]:
    """One model in one dialect, cold."""
    yield Row(
        what="vit_b16, onnx dialect, cold",
        ours=opscan("inspect", "vit_b16", "--dialect", "onnx", "--no-cache"),
        peers=(Peer(python("build, `torch.onnx.export`, `onnx.load`, Counter", _EXPORT_AND_COUNT, "vit_b16")),),
        runs=1,
    )
