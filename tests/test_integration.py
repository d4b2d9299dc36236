"""What other people's pipelines run of ours, as far as a machine without their services can."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from pre_commit.clientlib import load_manifest

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
# A pinned action: a commit, not a tag that somebody can move.
_PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")


@pytest.fixture
def project(tmp_path):
    """A folder with a model that onnxruntime runs and one that it does not, and an environment that finds opscan."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "opscan").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m opscan "$@"\n')
    (bin_ / "opscan").chmod(0o755)
    work = tmp_path / "work"
    (work / "exports").mkdir(parents=True)
    for name, domain in (("relu", ""), ("deskew", "acme")):
        node = helper.make_node("Relu" if not domain else "Deskew", ["x"], ["y"], domain=domain)
        values = [helper.make_tensor_value_info(v, TensorProto.FLOAT, [2, 3]) for v in "xy"]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)]
        model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]), opset_imports=opsets)
        model.ir_version = 8
        onnx.save(model, work / "exports" / f"{name}.onnx")
    paths = {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return work, os.environ | paths | {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "NO_COLOR": "1"}


def run(command, work, environment, code=0):
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout


# --- GitHub Actions -----------------------------------------------------------------------------


def step(name):
    return next(step for step in ACTION["runs"]["steps"] if step["name"] == name)


def run_step(name, work, environment, outputs, code=0, **inputs):
    """A step as the runner runs it: expressions become environment variables, bash as GitHub calls it."""
    given = {key: spec.get("default", "") for key, spec in ACTION["inputs"].items()} | inputs
    values = {f"inputs.{key}": value for key, value in given.items()}
    values |= {f"steps.check.outputs.{key}": value for key, value in outputs.items()}
    values["github.action_path"] = str(ROOT)
    found = {
        key: re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: values[match[1]], text)
        for key, text in step(name).get("env", {}).items()
    }
    script = step(name)["run"]
    assert "${{" not in script, "an input in a script is an injection"
    return run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], work, environment | found, code)


@pytest.fixture
def runner(project, tmp_path):
    work, environment = project
    files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    for file in files.values():
        file.write_text("before\n")
    temp = {"RUNNER_TEMP": str(tmp_path)}
    return work, environment | temp | {name: str(file) for name, file in files.items()}, files


# references, exit code, what a log line says, what the row proves
STEPS = [
    ("exports/relu.onnx", "0", "", "a clean model"),
    ("exports/*.onnx", "1", "::error file=exports/deskew.onnx,title=OPS101 ", "a glob with a model that is not"),
    ("exports/relu.onnx\nexports/gone.onnx", "3", "no answer: ", "one that is not there"),
    ("exports/relu.onnx --show-settings $(touch injected) ; touch injected", "2", "", "no script in an input is run"),
]


@pytest.mark.parametrize(("references", "code", "said", "why"), STEPS)
def test_the_actions_steps_run_as_written(runner, references, code, said, why):
    work, environment, files = runner
    out = run_step("Check the models", work, environment, {}, references=references, backend="onnxruntime-cpu")
    assert said in out, why
    assert not list(work.glob("**/injected"))
    lines = files["GITHUB_OUTPUT"].read_text().splitlines()[1:]
    outputs = dict(line.split("=", 1) for line in lines)
    assert outputs["exit-code"] == code, why
    run_step("Fail on findings", work, environment, outputs, code=int(code))
    if code == "2":
        assert "sarif" not in outputs
        return
    document = json.loads(Path(outputs["sarif"]).read_text())
    assert bool(document["runs"][0]["results"]) == (code == "1")
    summary = files["GITHUB_STEP_SUMMARY"].read_text()
    assert summary.startswith("before\n# exports/")


def test_the_action_reads_a_configuration(runner):
    work, environment, files = runner
    (work / "gate.yaml").write_text("backend: onnxruntime-cpu\npreset: advisory\n")
    run_step("Check the models", work, environment, {}, references="exports/deskew.onnx", config="gate.yaml")
    assert files["GITHUB_OUTPUT"].read_text().endswith("exit-code=0\n")


def test_the_action_uses_pinned_actions_only():
    used = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert used
    assert all(_PINNED.fullmatch(name) for name in used)
    assert all(step.get("shell") == "bash" for step in ACTION["runs"]["steps"] if "run" in step)


def valid(schema, file):
    """Whether a file is what the service's own schema, as SchemaStore has it, allows."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    return run(command, file.parent, dict(os.environ))


def test_the_action_is_one_by_githubs_schema():
    assert "ok" in valid("github-actions", ROOT / "action.yml")


def test_the_workflow_of_the_documentation_is_one_by_githubs_schema(tmp_path):
    job = blocks("GitHub Actions") | {"runs-on": "ubuntu-latest"}
    (tmp_path / "workflow.yml").write_text(yaml.safe_dump({"on": ["push"], "jobs": {"opscan": job}}))
    assert "ok" in valid("github-workflows", tmp_path / "workflow.yml")


# --- GitLab -------------------------------------------------------------------------------------


def blocks(title):
    """The YAML under a heading of docs/ci.md."""
    text = (ROOT / "docs" / "ci.md").read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])


def test_the_gitlab_snippet_is_one_by_gitlabs_schema(tmp_path):
    (tmp_path / "gitlab.yml").write_text(yaml.safe_dump(blocks("GitLab")))
    assert "ok" in valid("gitlab-ci", tmp_path / "gitlab.yml")


def test_a_wrong_snippet_is_none(tmp_path):
    (tmp_path / "gitlab.yml").write_text("opscan: {script: [true], artifacts: {reports: 3}}\n")
    with pytest.raises(AssertionError):
        valid("gitlab-ci", tmp_path / "gitlab.yml")


def test_the_gitlab_snippet_runs(project):
    work, environment = project
    job = blocks("GitLab")["opscan"]
    install, check = job["script"]
    assert install.startswith("pip install ")
    out = run(["bash", "-eo", "pipefail", "-c", check], work, environment, code=1)
    assert re.search(r"^exports/deskew.onnx: OPS101 error ", out, re.MULTILINE)
    reports = job["artifacts"]["reports"]
    assert [issue["check_name"] for issue in json.loads((work / reports["codequality"]).read_text())] == ["OPS101"]
    assert ElementTree.parse(work / reports["junit"]).getroot().get("failures") == "1"


def test_the_configuration_of_the_documentation_is_one(project):
    work, environment = project
    text = (ROOT / "docs" / "ci.md").read_text()
    (work / "opscan.yaml").write_text(re.search(r"```yaml\n(# opscan.yaml.*?)```", text, re.DOTALL)[1])
    settings = json.loads(run(["opscan", "check", "--show-settings", "--format", "json"], work, environment))
    assert settings["settings"]["max_border_bytes"] == {"value": 8 * 2**20, "from": "opscan.yaml:8: max_border_bytes"}
    assert settings["waivers"][0]["expires"] == "2027-06-30"


# --- pre-commit ---------------------------------------------------------------------------------


def test_the_hooks_are_valid():
    assert [hook["id"] for hook in load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))] == ["opscan", "opscan-system"]


def git(folder, environment, *arguments):
    name = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    run(["git", *name, *arguments], folder, environment)


def test_the_hook_runs_through_pre_commit(project, tmp_path):
    work, environment = project
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    for folder in (hooks, work):
        git(folder, environment, "init", "--quiet")
        git(folder, environment, "add", ".")
        git(folder, environment, "commit", "--quiet", "--no-verify", "-m", "all")
    (work / "opscan.yaml").write_text("backend: onnxruntime-cpu\n")
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), "opscan-system"]
    out = run([*command, "--files", "exports/relu.onnx", "exports/deskew.onnx", "opscan.yaml"], work, environment, 1)
    assert re.search(r"^exports/deskew.onnx: OPS101 error ", out, re.MULTILINE)
    assert "Passed" in run([*command, "--files", "exports/relu.onnx"], work, environment)
    assert "Skipped" in run([*command, "--files", "opscan.yaml"], work, environment)
