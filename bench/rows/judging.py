"""Judging many inventories from JSON, without torch and onnx."""

from collections.abc import Iterator
from pathlib import Path

from bench.files import Files
from bench.measure import Command, opscan, python
from bench.row import Peer, Row

TITLE = "Judging"
NOTE = """Inventories are those of the generated files of 355 and of 10k nodes, as JSON with every site; 100 are copies
under names of their own. An alternative only parses the same JSON by Python's own library. Where it is the same
command
on a quarter of the inventories, a ratio of 0.25 or more says that time grows no faster than their number."""

_PARSE = """
import json, sys
for name in sys.argv[1:]:
    json.load(open(name))
"""
_BACKEND = ("--backend", "onnxruntime-cpu")
_TWENTY = [
    "ascend",
    "axera-ax650",
    "burn",
    "esp-dl",
    "furiosa",
    "iree",
    "migraphx",
    "mnn",
    "onnx-mlir-cpu",
    "onnx-mlir-nnpa",
    "onnx2torch",
    "onnxruntime-cann",
    "onnxruntime-coreml-mlprogram",
    "onnxruntime-cpu",
    "onnxruntime-cuda",
    "openvino-cpu",
    "tensorrt",
    "qnn-htp",
    "tvm",
    "tract",
]


def rows(files: Files) -> Iterator[Row]:
    """Linear in sites and in inventories."""
    small, large = files.inventory(files.vit_tiny()), files.inventory(files.nodes_10k())
    many = files.copies(small, 100)
    for what, inventories in (
        ("one inventory of 355 sites", [small]),
        ("100 inventories of 355 sites", many),
        ("one inventory of 10k sites", [large]),
    ):
        arguments = (*inventories, *_BACKEND, "--format", "json")
        yield Row(
            what=what,
            ours=opscan("check", *arguments, shown="check … --backend onnxruntime-cpu"),
            peers=(Peer(python("`json.load`", _PARSE, *inventories)),),
        )
    yield Row(
        what="100 inventories of 355 sites, 20 backends",
        ours=_matrix(many),
        peers=(Peer(python("`json.load`", _PARSE, *many)), Peer(_matrix(many[:25], " of 25"), goal=0.25)),
        by_cpu=True,
    )


def _matrix(inventories: list[Path], which: str = "") -> Command:
    backends = [word for name in _TWENTY for word in ("--backend", name)]
    return opscan("matrix", *inventories, *backends, shown=f"matrix{which} … --backend …")
