"""Judging many inventories from JSON, without torch and onnx."""

from collections.abc import Iterator

from bench.files import Files
from bench.measure import opscan, python
from bench.row import Peer, Row

TITLE = "Judging"
NOTE = """Inventories are those of the generated files of 355 and of 10k nodes, as JSON with every site. The alternative
only parses the same JSON with Python's own library."""

_PARSE = """
import json, sys
for name in sys.argv[1:]:
    json.load(open(name))
"""
_BACKEND = ("--backend", "onnxruntime-cpu")


def rows(files: Files) -> Iterator[Row]:
    """Linear in sites and in inventories."""
    small, large = files.inventory(files.vit_tiny()), files.inventory(files.nodes_10k())
    for what, inventories in (
        ("one inventory of 355 sites", [small]),
        ("100 inventories of 355 sites", [small] * 100),
        ("one inventory of 10k sites", [large]),
    ):
        arguments = (*inventories, *_BACKEND, "--format", "json")
        yield Row(
            what=what,
            ours=opscan("check", *arguments, shown="check … --backend onnxruntime-cpu"),
            peers=(Peer(python("`json.load`", _PARSE, *inventories)),),
        )
