"""Reading and judging `.onnx` files, beside what reads them today."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.files import Files
from bench.measure import Command, module, opscan, python
from bench.row import Peer, Row

TITLE = "ONNX files"
NOTE = """The files are generated: one vision transformer of 29 nodes a block at several depths and widths, as torch's
older exporter wrote it (only inputs and outputs have shapes), and where the row says so with every shape stated, as
torch's exporter of today does. What the alternatives do is not the same: `onnx.load` and Counter counts the
operators' names; polygraphy counts them too, and with `--show layers` prints each node with its types, as far as the
file states them; none of these infers types, finds schemas or judges. onnxruntime's checker partitions the graph for
three mobile backends, onnx_tool infers shapes and counts MACs: these two do the most of what `opscan check` does."""

_LOAD_AND_COUNT = """
import collections, onnx, sys
model = onnx.load(sys.argv[1])
print(collections.Counter(node.op_type for node in model.graph.node))
"""
_GRAPH_ALONE = _LOAD_AND_COUNT.replace("sys.argv[1])\n", "sys.argv[1], load_external_data=False)\n", 1)
_IMPORT = python("`import onnx`", "import onnx")
BACKEND = "onnxruntime-cpu"


def _load_and_count(file: Path) -> Command:
    return python("`onnx.load` and Counter", _LOAD_AND_COUNT, file)


def _graph_alone(file: Path) -> Command:
    return python("`onnx.load(…, load_external_data=False)` and Counter", _GRAPH_ALONE, file)


def _polygraphy(file: Path, *options: str) -> Command:
    # Its command is a script beside Python's, not a module.
    script = Path(sys.executable).with_name("polygraphy")
    words = ("inspect", "model", str(file), *options)
    return Command(name=f"`{' '.join(('polygraphy inspect model', *options))}`", argv=(str(script), *words))


def _onnx_tool(file: Path) -> Command:
    return module("`onnx_tool` profile", "onnx_tool", "-m", "profile", "-i", file)


def _onnxslim(file: Path) -> Command:
    return Command(
        name="`onnxslim --inspect`", argv=(str(Path(sys.executable).with_name("onnxslim")), "--inspect", str(file))
    )


def _usability(file: Path) -> Command:
    checker = "onnxruntime.tools.check_onnx_model_mobile_usability"
    return module("onnxruntime's mobile usability checker", checker, file)


def rows(files: Files) -> Iterator[Row]:
    """The goals are those of the issue that asked for speed."""
    for typed, what in ((False, "355 nodes, 23 MB"), (True, "355 nodes, 23 MB, every shape stated")):
        tiny = files.vit_tiny(typed=typed)
        yield Row(
            what=what,
            ours=opscan("inspect", tiny),
            peers=(Peer(_IMPORT, goal=1 / 1.5), Peer(_load_and_count(tiny)), Peer(_polygraphy(tiny))),
        )
    inline = files.nodes_11k_large()
    yield Row(
        what="11.6k nodes, 1.3 GB inline",
        ours=opscan("inspect", inline),
        peers=(Peer(_load_and_count(inline), goal=5),),
        most_memory=120,
        runs=3,
    )
    external = files.nodes_11k_external()
    yield Row(
        what="11.6k nodes, 1.3 GB beside the file",
        ours=opscan("inspect", external),
        peers=(Peer(_load_and_count(external), goal=5), Peer(_graph_alone(external))),
        most_memory=120,
        runs=3,
    )
    for typed, what in ((False, "11.6k nodes, 180 MB"), (True, "11.6k nodes, 180 MB, every shape stated")):
        middle = files.nodes_11k(typed=typed)
        yield Row(
            what=what,
            ours=opscan("check", middle, "--backend", BACKEND),
            peers=(
                Peer(_polygraphy(middle, "--show", "layers"), goal=5),
                Peer(_polygraphy(middle), goal=5),
                Peer(_usability(middle), goal=20),
                Peer(_onnx_tool(middle), goal=20),
                Peer(_onnxslim(middle)),
            ),
        )
    long, ten_times = files.nodes_10k(), files.nodes_100k()
    yield Row(
        what="10k nodes beside 100k: linear is 10x",
        ours=opscan("check", long, "--backend", BACKEND),
        peers=(Peer(opscan("check", ten_times, "--backend", BACKEND)),),
    )
