"""Capturing torch models, beside the loop that people write today."""

from collections.abc import Iterator

from bench.files import Files
from bench.measure import Command, opscan, python
from bench.row import Peer, Row

TITLE = "Models"
NOTE = """The loop builds each model, exports it to ONNX, loads the file and counts its operators, all models in one
process; opscan captures the same models in three dialects. What was tried, in processor seconds: decomposing each
distinct operator call once, all 84 models in three dialects: 789 became 401. Graphs that become code only when they
are called, stack frames and operator descriptions made once, rewriting rules asked only about their own operator,
types propagated only after a promotion: 37.4 became 26.7 on ten models. Exporting equal blocks once and putting the
others back, with that: 380 became 180 to 219. torch's tracers (torch.export, torch.fx on `meta`, decomposition) asked
once for each distinct call in a process, initialisers left out, one thread: 64, in one process that stays. torch's
`nested_compile_region` keeps the counts right, but its export step is slower than what it saves. Opaque operators with
a translation table were not tried: what the optimizer does across the borders of blocks would go unseen. On ten models
a third of the time is the import of torch, which each of two processes pays."""

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
for name in sys.argv[1:] or bundled.names():
    source = bundled.resolve(name)
    try:
        model = source.build().eval()
        inputs = tuple(torch.zeros(s.shape, dtype=getattr(torch, s.dtype)) for s in source.inputs.values())
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.onnx"
            torch.onnx.export(model, inputs, path, dynamo=True, verbose=False)
            print(collections.Counter(node.op_type for node in onnx.load(path).graph.node))
    except Exception as error:
        print(name, error, file=sys.stderr)
"""


def _loop(*models: str) -> Command:
    return python("build, `torch.onnx.export`, `onnx.load`, Counter", _EXPORT_AND_COUNT, *models)


def _survey(*models: str, jobs: int) -> Command:
    shown = f"survey{' …' if models else ''} --all-dialects --no-cache --jobs {jobs}"
    return opscan("survey", *models, "--all-dialects", "--no-cache", "--jobs", jobs, exits=(0,), shown=shown)


def _warm(files: Files) -> Command:
    """A survey of all bundled models in all dialects, whose captures are kept."""

    def command(folder: object) -> Command:
        return opscan("survey", "--all-dialects", exits=(0,), OPSCAN_CACHE_DIR=str(folder))

    return command(files.cache("cache", command(files.folder / "cache")))


def rows(files: Files) -> Iterator[Row]:
    """The goals are those of the issue that asked for speed."""
    for what, models in ((f"{len(MODELS)} models", MODELS), ("all bundled models", ())):
        yield Row(
            what=f"{what}, cold, processor time",
            ours=_survey(*models, jobs=1),
            peers=(Peer(_loop(*models), goal=5),),
            most_memory=1500,
            by_cpu=True,
            runs=1,
        )
        yield Row(
            what=f"{what}, two processes beside one",
            ours=_survey(*models, jobs=2),
            peers=(Peer(_survey(*models, jobs=1), goal=1.7),),
            runs=1,
        )
    yield Row(
        what="igpt_l, 1.4 G parameters, onnx dialect, cold",
        ours=opscan("inspect", "igpt_l", "--dialect", "onnx", "--no-cache", exits=(0,)),
        peers=(Peer(_loop("igpt_l")),),
        most_memory=1500,
        by_cpu=True,
        runs=1,
    )
    yield Row(
        what="all bundled models, warm",
        ours=_warm(files),
        peers=(Peer(python("`import torch`", "import torch")),),
        most_seconds=1.0,
    )
