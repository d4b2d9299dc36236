"""What cannot be answered is said in one clear line with the documented exit code, and leaves nothing behind."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, parser

from opscan import cli, store

SMALL = parser.parse_model("""
<ir_version: 8, opset_import: ["" : 17]>
g (float[2,3] x) => (y) { a = Relu (x) y = Softmax (a) }""")
# Where a test stands in for a user: no network, no other cache.
ENVIRONMENT = os.environ | {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path(cli.__file__).parents[2])}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with files of every kind, most of them bad."""
    content = SMALL.SerializeToString()
    newer = onnx.ModelProto.FromString(content)
    newer.opset_import[0].version, newer.ir_version = 99, 99
    headless = onnx.ModelProto.FromString(content)
    headless.ClearField("graph")
    files = {
        "small.onnx": content,
        "newer.onnx": newer.SerializeToString(),
        "empty.onnx": b"",
        "cut.onnx": content[: len(content) // 2],
        "headless.onnx": headless.SerializeToString(),
        "text.onnx": b"import torch\n",
        "pointer.onnx": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "weights.pt": b"PK\x03\x04" + bytes(99),
        "empty.json": b"",
        "cut.json": b'{"schema_version": 1, "model": "m", "sites": [',
        "latin.json": '{"schema_version": 1, "model": "ü"}'.encode("latin-1"),
        "list.json": b"[]",
        "deep.json": b"[" * 100_000,
        "package.json": b'{"name": "x", "version": "1.0.0"}',
        "newer.json": b'{"schema_version": 99}',
    }
    monkeypatch.chdir(tmp_path)
    for name, data in files.items():
        Path(name).write_bytes(data)
    Path("folder.onnx").mkdir()
    return tmp_path


@pytest.fixture
def opscan(monkeypatch, capsys):
    """Runs the command as its user does; gives exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["opscan", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capsys.readouterr()

    return run


# arguments, exit code, what the line on stderr says, what the row proves
REFUSED = [
    ("inspect vit_b6", 2, r"unknown model 'vit_b6': did you mean vit_b16, ", "a name is answered with the nearest"),
    ("inspect qqqqqqqq", 2, r"unknown model 'qqqqqqqq': `opscan models` lists", "a name like no other"),
    ("inspect " + "a" * 5000, 2, r"unknown model 'aaa", "a name longer than a file's may be"),
    ("inspect " + "a" * 5000 + ".onnx", 3, r"cannot be read: File name too long", "a path that is too long"),
    ("survey vit_b6", 2, r"unknown model 'vit_b6': did you mean vit_b16, ", "survey"),
    ("check vit_b6 -b onnxruntime-cpu", 2, r"unknown model 'vit_b6': did you mean", "check"),
    ("check small.onnx -b onnxruntime-gpu", 2, r"'onnxruntime-gpu'; did you mean onnxruntime-cpu\?", "a backend"),
    ("check missing.onnx -b nope", 2, r"unknown backend 'nope'; `opscan backends` lists", "before anything is read"),
    ("inspect missing.onnx", 3, r"missing\.onnx: no such file in /", "a missing file"),
    ("inspect ./model", 3, r"\./model: no such file in /", "a path in the working folder"),
    ("inspect no/such/model", 3, r"no/such/model: no such file in /", "a path without suffix"),
    ("inspect small.onnx/x.onnx", 3, r"small\.onnx/x\.onnx: cannot be read: Not a directory", "a file as a folder"),
    ("inspect folder.onnx", 3, r"folder\.onnx: is a folder; give the path of an \.onnx file", "a folder"),
    ("inspect ./", 3, r"opscan: \./: is a folder; give the path", "the working folder"),
    ("inspect /dev/null", 3, r"/dev/null: is a device", "a device, which may have no end"),
    ("inspect empty.onnx", 3, r"empty\.onnx: is empty; export or copy it again", "an empty file"),
    ("inspect cut.onnx", 3, r"cut\.onnx: not an ONNX file, or a damaged one; export", "half a file"),
    ("inspect headless.onnx", 3, r"damaged one: it has no graph; export", "a file without its graph"),
    ("inspect text.onnx", 3, r"text\.onnx: not an ONNX file", "another file"),
    ("inspect ./weights.pt", 3, r"weights\.pt: not an ONNX file", "a checkpoint"),
    ("inspect weights.pt", 3, r"weights\.pt: not an ONNX file", "a checkpoint beside the user"),
    ("inspect pointer.onnx", 3, r"is a Git LFS pointer, not the file itself; run `git lfs pull`", "not fetched"),
    ("inspect small.onnx --dialect torch", 2, r"is in the onnx dialect; torch needs the torch model", "a dialect"),
    ("inspect missing.json", 3, r"missing\.json: cannot be read: No such file", "a missing inventory"),
    ("inspect empty.json", 3, r"empty\.json: not an opscan inventory: ", "an empty inventory"),
    ("inspect cut.json", 3, r"cut\.json: not an opscan inventory: ", "half an inventory"),
    ("inspect latin.json", 3, r"latin\.json: not an opscan inventory: ", "an inventory that is not UTF-8"),
    ("inspect list.json", 3, r"list\.json: not an opscan inventory: ", "JSON of another shape"),
    ("inspect deep.json", 3, r"deep\.json: not an opscan inventory: ", "JSON without end"),
    ("inspect package.json", 3, r"package\.json: (not an opscan inventory|schema version None)", "another's JSON"),
    ("inspect newer.json", 3, r"newer\.json: schema version 99; this opscan reads version \d+", "a newer inventory"),
    (
        "inspect flat.json",
        3,
        r"flat\.json: .*it has no sites; write it with `opscan inspect",
        "the short form",
    ),
    ("check survey.json -b onnxruntime-cpu", 3, None, "another document of opscan's"),
    ("inspect small.onnx --format xml", 2, r"--format xml: is not one of csv, json, ", "a format"),
    ("inspect small.onnx --format jsn", 2, r"did you mean json\?", "the nearest format"),
    ("inspect no.module:function", 3, r"no\.module:function: cannot be imported: ModuleNotFoundError", "a factory"),
    ("inspect small.onnx -o no/such/file", 2, r"no/such/file: there is no folder /.*/no/such; make it", "no folder"),
    ("inspect small.onnx -o folder.onnx", 2, r"folder\.onnx: is a folder; give the file to write", "a folder to write"),
    ("inspect small.onnx -o /proc/file", 2, r"/proc/file: cannot be written: ", "a system that takes no files"),
    ("inspect small.onnx -o small.onnx/x", 2, r"there is no folder /.*/small\.onnx; make it", "a file as a folder"),
    ("models --models missing", 2, r"missing: no such folder of model definitions", "no definitions"),
    ("survey small.onnx missing.onnx vit_b6", 2, r"unknown model 'vit_b6'", "one bad name of several"),
]


@pytest.mark.parametrize(("arguments", "code", "says", "proof"), REFUSED, ids=[row[0][:60] for row in REFUSED])
def test_one_clear_line(arguments, code, says, proof, folder, opscan):
    opscan("inspect", "small.onnx", "-f", "json", "-o", "flat.json")
    opscan("survey", "small.onnx", "-f", "json", "-o", "survey.json")
    before = sorted(folder.iterdir())
    got, out, err = opscan(*arguments.split())
    assert got == code, (err, proof)
    if says is None:  # check puts what it could not answer into its report
        assert (re.search("no answer +survey.json: not an opscan inventory", out), err) != (None, None)
        return
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("opscan: ")
    assert re.search(says, err), err
    assert sorted(folder.iterdir()) == before


def test_check_answers_the_others_and_says_which_it_could_not(folder, opscan):
    code, out, _ = opscan("check", "cut.onnx", "small.onnx", "-b", "onnxruntime-cpu", "-f", "json")
    first, second = json.loads(out)["results"]
    assert (code, first["verdict"], second["verdict"]) == (3, None, "supported")
    assert first["reason"].startswith("cut.onnx: not an ONNX file")


def test_a_newer_file_is_answered_and_not_trusted(folder, opscan):
    """Its operators may have newer versions than the library knows: unknown, not supported."""
    code, out, _ = opscan("check", "newer.onnx", "-b", "mnn", "-f", "json")  # which does not look at the number
    (result,) = json.loads(out)["results"]
    assert (code, result["verdict"]) == (0, "unknown")
    assert {finding["rule"] for finding in result["findings"]} == {"OPS110"}
    code, out, _ = opscan("check", "newer.onnx", "-b", "onnxruntime-cpu", "-f", "json")
    assert (code, json.loads(out)["results"][0]["verdict"]) == (1, "unsupported"), "onnxruntime refuses it"
    code, out, err = opscan("inspect", "newer.onnx")
    assert (code, err) == (0, "")
    assert re.search(r"not captured +IR 99: newer than IR \d+ of onnx", out)
    assert re.search(r"not captured +ai\.onnx 99: newer than ai\.onnx \d+ of onnx", out)
    assert re.search(r"^Softmax ", out, re.MULTILINE)


def test_a_file_that_may_not_be_read(folder, opscan, monkeypatch):
    """The superuser may read everything, so the refusal is played."""

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    for name in ("small.onnx", "newer.json"):
        assert opscan("inspect", name) == (3, "", f"opscan: {name}: cannot be read: Permission denied\n")


def test_a_file_past_protobufs_end_that_is_no_graph(folder, opscan):
    with open("large.onnx", "wb") as file:
        file.truncate(2**31)  # takes no space
    code, _, err = opscan("inspect", "large.onnx")
    assert (code, err.count("\n")) == (3, 1)
    assert "save its weights as external data" in err


# --- output -------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["replace", "fdopen"])
def test_a_full_disk_leaves_the_old_report(call, folder, opscan, monkeypatch):
    Path("report.txt").write_text("old")
    before = sorted(folder.iterdir())

    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, call, refuse)
    code, out, err = opscan("inspect", "small.onnx", "-o", "report.txt")
    assert (code, out, err) == (2, "", "opscan: report.txt: cannot be written: No space left on device\n")
    assert Path("report.txt").read_text() == "old"
    assert sorted(folder.iterdir()) == before


def test_a_bad_output_is_said_before_the_work(folder, opscan, monkeypatch):
    monkeypatch.setattr("opscan.cli.inspect.Options", None)
    code, _, err = opscan("inspect", "small.onnx", "-o", "no/such/file")
    assert (code, "there is no folder" in err) == (2, True)


def run(*arguments, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "opscan", *map(str, arguments)]
    options = {"capture_output": True, "timeout": 120, "env": ENVIRONMENT} | options
    return subprocess.run(command, check=False, **options)


@pytest.mark.parametrize("arguments", ["models", "--help", "inspect small.onnx --sites -f json", "schema inventory"])
def test_a_reader_that_has_gone_is_no_fault(arguments, folder):
    """As `opscan models | head -1`; 141 is what the shell gives other programs, 0 would say "no findings"."""
    command = [sys.executable, "-m", "opscan", *arguments.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_is_said_in_one_line(folder):
    with open("/dev/full", "wb") as full:
        done = run("inspect", "small.onnx", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (done.returncode, done.stderr) == (
        2,
        b"opscan: standard output: cannot be written: No space left on device\n",
    )


def test_a_closed_stdout_is_said_in_one_line(folder):
    done = subprocess.run(
        f"exec {sys.executable} -m opscan inspect small.onnx >&-",
        shell=True,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, b"opscan: standard output is closed; give a file with --output\n")


def test_stdout_of_another_encoding_is_written_all_the_same(folder):
    done = run("inspect", "small.onnx", env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Softmax" in done.stdout


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_file_name_that_is_not_utf8(form, folder):
    name = b"\xff.onnx"
    Path(os.fsdecode(name)).write_bytes(SMALL.SerializeToString())
    done = run("inspect", os.fsdecode(name), "-f", form)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "\ufffd.onnx" in done.stdout.decode()
    missing = run("inspect", os.fsdecode(b"\xfe\x1b[31m.onnx"))
    assert missing.returncode == 3
    assert missing.stderr.startswith(rb"opscan: \udcfe\x1b[31m.onnx: no such file")


def test_a_model_is_read_from_a_pipe(folder):
    done = run("inspect", "/dev/stdin", "-f", "csv", input=SMALL.SerializeToString())
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Softmax" in done.stdout


# --- hostile names ------------------------------------------------------------------------------

HOSTILE = "a\x1b[31m\n|`<b>*_x_\r\x9b\u202e\x00=1+1\u2028end"


@pytest.fixture
def hostile(folder):
    """A model in which everything that has a name is called so."""
    node = helper.make_node(HOSTILE, ["x"], ["y"], name=HOSTILE, domain=HOSTILE, **{HOSTILE: HOSTILE})
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=f"['', '{HOSTILE}', 'op']")
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=f'File "/{HOSTILE}.py", line 3, in forward')
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [HOSTILE, 2])
    graph = helper.make_graph([node], HOSTILE, [value], [])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(HOSTILE, 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports), "hostile.onnx")
    return folder


@pytest.mark.parametrize("command", ["inspect", "inspect --sites", "check -b onnxruntime-cpu", "survey"])
@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_hostile_names_break_no_format(command, form, hostile, opscan):
    code, out, err = opscan(*command.split(), "hostile.onnx", "--format", form)
    assert (code, "Traceback" in err) == (1 if "check" in command else 0, False)
    assert {c for c in out + err if not c.isprintable()} == {"\n"}
    match form:
        case "json":
            operators = re.findall(r'"operator": ("[^"]*")', out)
            assert {json.loads(name) for name in operators} - {""} <= {f"{HOSTILE}::{HOSTILE}"}
        case "csv":
            rows = list(csv.reader(io.StringIO(out)))
            assert {len(row) for row in rows} == {len(rows[0])}
            assert len(rows) == 2
        case "markdown":
            lines = [line for line in out.splitlines() if line.startswith("|")]
            assert len(lines) == 3
            assert len({len(re.split(r"(?<!\\)\|", line)) for line in lines}) == 1
