"""`make bench`: ratios against named alternatives, measured in one run on one machine.

Every line compares whole processes, interpreter start included, as a user meets them: the median of
several runs, and the peak memory of the process and its children.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

RUNS = 5
OPSCAN = [sys.executable, "-m", "opscan"]

LOAD_AND_COUNT = """
import collections, onnx, sys
model = onnx.load(sys.argv[1])
print(collections.Counter(node.op_type for node in model.graph.node))
"""
# The loop that people write today: build the model, export it, load the file, count.
EXPORT_AND_COUNT = """
import collections, sys, tempfile, onnx, torch
from opscan.sources import bundled
source = bundled.resolve(sys.argv[1])
model = source.build().eval()
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/model.onnx"
    torch.onnx.export(model, (torch.zeros(1, 3, 224, 224),), path, dynamo=True, verbose=False)
    print(collections.Counter(node.op_type for node in onnx.load(path).graph.node))
"""


def measure(command: list[str], runs: int = RUNS) -> tuple[float, float]:
    """Median wall seconds, and peak megabytes."""
    seconds, peak = [], 0.0
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        peak = max(peak, usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{command} failed")
    return statistics.median(seconds), peak


def compare(title: str, ours: list[str], theirs: list[str], what: str, runs: int = RUNS) -> str:
    (own, own_peak), (other, other_peak) = measure(ours, runs), measure(theirs, runs)
    return (
        f"| {title} | {own:.2f} s, {own_peak:.0f} MB | {what}: {other:.2f} s, {other_peak:.0f} MB "
        f"| {other / own:.2f}x as fast, {own_peak / other_peak:.2f}x the memory |"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vit_b16.onnx"
        subprocess.run([*OPSCAN, "export", "vit_b16", "-o", str(file)], check=True, stderr=subprocess.DEVNULL)
        python = [sys.executable, "-c"]
        rows = [
            compare("`opscan --help`", [*OPSCAN, "--help"], [*python, "import typer, rich"], "`import typer, rich`"),
            compare("`opscan models`", [*OPSCAN, "models"], [*python, "import typer, rich"], "`import typer, rich`"),
            compare(
                "`opscan inspect vit_b16.onnx` (346 MB)",
                [*OPSCAN, "inspect", str(file)],
                [*python, LOAD_AND_COUNT, str(file)],
                "`onnx.load` and Counter",
            ),
            compare(
                "`opscan inspect vit_b16 --dialect onnx --no-cache`",
                [*OPSCAN, "inspect", "vit_b16", "--dialect", "onnx", "--no-cache"],
                [*python, EXPORT_AND_COUNT, "vit_b16"],
                "build, `torch.onnx.export`, `onnx.load`, Counter",
                runs=1,
            ),
        ]
    versions = ", ".join(f"{name} {version(name)}" for name in ("opscan", "torch", "onnx", "onnxscript"))
    print(f"{versions}; Python {platform.python_version()}; {os.cpu_count()} cores, {platform.machine()}\n")
    print("| opscan | takes | the alternative takes | ratio |\n|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
