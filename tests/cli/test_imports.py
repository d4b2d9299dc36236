"""Heavy libraries are imported by the commands that need them, and by no others."""

import json
import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper

RUN = """
import sys
from opscan.cli import main
sys.argv = ["opscan", *sys.argv[1:]]
try:
    main()
except SystemExit as done:
    code = done.code
print("\\nIMPORTED", code, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(*arguments):
    """Top-level modules that a command imports; the command must succeed."""
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    code, *modules = output.rpartition("IMPORTED ")[2].split()
    assert code in ("0", "None"), output
    return set(modules)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), folder / "relu.onnx")
    saved = folder / "relu.json"
    imported("inspect", folder / "relu.onnx", "--sites", "--format", "json", "--output", saved)
    assert json.loads(saved.read_text())["model"]
    return {"onnx": folder / "relu.onnx", "json": saved}


NO_TORCH, NO_ONNX = {"torch", "onnxscript", "onnxruntime"}, {"onnx"}
COMMANDS = [
    (["--help"], NO_TORCH | NO_ONNX | {"pebble", "numpy"}, "help"),
    (["--version"], NO_TORCH | NO_ONNX, "version"),
    (["models"], NO_TORCH | NO_ONNX, "the list of models reads their files without running them"),
    (["backends"], NO_TORCH | NO_ONNX, "profiles are data"),
    (["table1"], NO_TORCH | NO_ONNX, "Table 1 is data"),
    (["inspect", "json"], NO_TORCH | NO_ONNX, "an inventory is read without onnx"),
    (["check", "json", "-b", "onnxruntime-cpu"], NO_TORCH | NO_ONNX, "judging an inventory needs neither"),
    (["inspect", "onnx"], NO_TORCH, "an ONNX file is read without torch"),
    (["check", "onnx", "-b", "onnxruntime-cpu"], NO_TORCH, "so is one that is checked"),
    (["survey", "onnx", "json"], NO_TORCH, "so is one that is surveyed"),
]


@pytest.mark.parametrize(("arguments", "absent", "why"), COMMANDS, ids=[c[2] for c in COMMANDS])
def test_heavy_imports_are_lazy(arguments, absent, why, files):
    found = imported(*(files.get(argument, argument) for argument in arguments))
    assert "opscan" in found
    assert found & absent == set()
