# ruff: noqa: E501 -- one row per case
"""A bare list of operator names as a backend."""

import pytest

from opscan import backends
from opscan.core.errors import UsageError
from opscan.core.judge import judge
from opscan.core.verdict import Support
from tests.fakes import onnx_site


def test_a_list_is_a_backend_that_has_these_operators_and_no_others(tmp_path):
    (tmp_path / "npu.txt").write_text("# our NPU\nRelu\n\nConv  # any\nai.onnx::Add\nacme::Op\nRelu\n")
    profile = backends.load(str(tmp_path / "npu.txt"))
    assert (profile.id, list(profile.rules)) == ("npu@list", ["Relu", "Conv", "Add", "acme::Op"])
    assert judge(onnx_site("Relu", version=6), profile).support is Support.SUPPORTED
    assert judge(onnx_site("Erf"), profile).reason == "npu@list does not list it and is complete"
    (tmp_path / "names").write_text("Relu")
    assert backends.load(f"{backends.OPS_FILE}{tmp_path / 'names'}").id == "names@list", "whatever it is called"


FAULTY = [
    (b"", ["npu.txt: names no operator; write one a line"], "an empty list"),
    (b"# nothing\n", ["npu.txt: names no operator"], "only comments"),
    (b"Relu\nrelu6\nSoftMax", ["npu.txt:2: relu6: there is no", "npu.txt:3: SoftMax: there is no such operator; did you mean Softmax?"], "misspelt"),
    (b"Relu, Conv", ["npu.txt:1: Relu, Conv: there is no such operator"], "two in a line"),
    (b"\xff\xfe", ["npu.txt: cannot be read"], "no text"),
    (b"Relu\n" * 300_000, ["npu.txt: has 1,500,000 bytes; a list of names has no more than"], "no list"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "messages", "why"), FAULTY, ids=[row[-1] for row in FAULTY])
def test_a_faulty_list_is_refused_with_its_lines(tmp_path, text, messages, why):
    (tmp_path / "npu.txt").write_bytes(text)
    with pytest.raises(UsageError) as refused:
        backends.load(str(tmp_path / "npu.txt"))
    assert len(refused.value.lines) == len(messages), why
    assert all(part in line for part, line in zip(messages, refused.value.lines, strict=True)), refused.value.lines


def test_a_missing_list(tmp_path):
    with pytest.raises(UsageError, match=r"npu\.txt: cannot be read"):
        backends.load(str(tmp_path / "npu.txt"))
