"""Heavy libraries are imported by the commands that need them, and by no others."""

import json
import re
import subprocess
import sys

import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from opscan.cli import application

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


def test_help_lists_every_command():
    """Their lines are read from their files, which are not imported."""
    group = application()
    shown = CliRunner().invoke(group, ["--help"]).stdout
    listed = re.findall(r"^  (\w+)  +(\S.*)$", shown.partition("Commands:")[2], re.MULTILINE)
    assert [name for name, _ in listed] == group.list_commands(None)
    assert {"survey", "inspect", "check", "models"} <= {name for name, _ in listed}
    for name, _ in listed:
        assert group.get_command(None, name).help


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
# What a command that only lists something has no need of.
SLOW = {"pebble", "numpy", "yaml", "pydantic", "typer", "multiprocessing", "platformdirs"}
COMMANDS = [
    (["--help"], NO_TORCH | NO_ONNX | SLOW | {"msgspec", "rich"}, "help imports no command"),
    (["inspect", "--help"], NO_TORCH | NO_ONNX | {"pydantic", "typer", "pebble"}, "nor does a command's help do work"),
    (["models", "vit"], NO_TORCH | NO_ONNX | SLOW, "the list of models needs no other command's imports"),
    (["--version"], NO_TORCH | NO_ONNX, "version"),
    (["models"], NO_TORCH | NO_ONNX, "the list of models reads their files without running them"),
    (["backends"], NO_TORCH | NO_ONNX | {"pebble", "numpy"}, "profiles are data"),
    (["table1"], NO_TORCH | NO_ONNX, "Table 1 is data"),
    (["explain", "OPS102"], NO_TORCH | NO_ONNX | {"pebble", "numpy", "yaml", "multiprocessing"}, "rules are data"),
    (["inspect", "json"], NO_TORCH | NO_ONNX, "an inventory is read without onnx"),
    (["check", "json", "-b", "onnxruntime-cpu"], NO_TORCH | NO_ONNX, "judging an inventory needs neither"),
    (
        ["inspect", "onnx"],
        NO_TORCH | SLOW | {"email"},
        "an ONNX file is read with protobuf's messages and records alone",
    ),
    (["check", "onnx", "-b", "onnxruntime-cpu"], NO_TORCH, "so is one that is checked"),
    (["survey", "onnx", "json"], NO_TORCH, "so is one that is surveyed"),
]


@pytest.mark.parametrize(("arguments", "absent", "why"), COMMANDS, ids=[c[2] for c in COMMANDS])
def test_heavy_imports_are_lazy(arguments, absent, why, files):
    found = imported(*(files.get(argument, argument) for argument in arguments))
    assert "opscan" in found
    assert found & absent == set()


def test_backends_are_listed_again_without_reading_a_profile(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCAN_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "msgspec" in imported("backends"), "at first they are read"
    assert imported("backends") & {"msgspec", "yaml"} == set()
