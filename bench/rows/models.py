"""Capturing torch models, beside the loop that people write today."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.files import Files
from bench.measure import Command, opscan, python
from bench.row import Peer, Row

TITLE = "Models"
NOTE = """The loop builds each model, exports it to ONNX, loads the file and counts its operators, all models in one
process; opscan captures the same models in three dialects. What was tried, in processor seconds of vit_b16 in three
dialects (4.9 at first): decomposing each distinct operator call once and putting the results together made 0.4 of the
2.9 that decompositions took; one registry of translations per process saves 0.3; asking a rewriting rule only about
nodes of its operator 0.2 (swin_t: 0.6). torch's `nested_compile_region` keeps the counts right, but its export step is
slower than what it saves. torch.export itself takes 0.5, as before."""

# A CNN, plain and hierarchical transformers, mixed ones and a detector.
MODELS = (
    "resnet50",
    "vit_b16",
    "swin_t",
    "tnt_s",
    "pvt_v2_b0",
    "volo_d1",
    "coatnet_0",
    "igpt_s",
    "vit_l16",
    "detr_r50",
)

_EXPORT_AND_COUNT = """
import collections, sys, tempfile, onnx, torch
from opscan.sources import bundled
for name in sys.argv[1:]:
    source = bundled.resolve(name)
    model = source.build().eval()
    inputs = tuple(torch.zeros(s.shape, dtype=getattr(torch, s.dtype)) for s in source.inputs.values())
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        torch.onnx.export(model, inputs, path, dynamo=True, verbose=False)
        print(collections.Counter(node.op_type for node in onnx.load(path).graph.node))
"""


def _loop(*models: str) -> Command:
    return python("build, `torch.onnx.export`, `onnx.load`, Counter", _EXPORT_AND_COUNT, *models)


def _capture(jobs: int) -> Command:
    command = opscan("survey", *MODELS, "--all-dialects", "--no-cache", "--jobs", jobs)
    name = f"`opscan survey … --all-dialects --no-cache --jobs {jobs}`"
    return Command(name=name, argv=command.argv, exits=command.exits)


def _warm(folder: Path) -> Command:
    """A survey of all bundled models whose captures are kept; it is run once to that end."""
    command = opscan("survey", OPSCAN_CACHE_DIR=str(folder))
    subprocess.run(command.argv, env={**os.environ, **command.environment}, capture_output=True, check=True)
    return command


def rows(files: Files) -> Iterator[Row]:
    """The goals are those of the issue that asked for speed."""
    yield Row(
        what=f"{len(MODELS)} models, cold, processor time",
        ours=_capture(1),
        peers=(Peer(_loop(*MODELS), goal=5),),
        by_cpu=True,
        runs=1,
    )
    yield Row(
        what=f"{len(MODELS)} models, two processes beside one",
        ours=_capture(2),
        peers=(Peer(_capture(1), goal=1.7),),
        runs=1,
    )
    yield Row(
        what="igpt_l, 1.4 G parameters, onnx dialect, cold",
        ours=opscan("inspect", "igpt_l", "--dialect", "onnx", "--no-cache"),
        peers=(Peer(_loop("igpt_l")),),
        most_memory=1500,
        by_cpu=True,
        runs=1,
    )
    yield Row(
        what="all bundled models, warm",
        ours=_warm(files.folder / "cache"),
        peers=(Peer(python("`import torch`", "import torch")),),
    )
