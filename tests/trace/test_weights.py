"""Checkpoints: loaded strictly, refused with what does not fit."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from opscan.core.errors import UsageError
from opscan.core.source import InputSpec, TorchSource
from opscan.trace.weights import build_with_weights, load_checkpoint, seeded_inputs


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))


def other_weights():
    torch.manual_seed(7)
    return {name: torch.randn_like(tensor) for name, tensor in network().state_dict().items()}


SAVED = [
    ("w.safetensors", save_file, "safetensors"),
    ("w.pt", torch.save, "a torch file of tensors"),
    ("w.pth", lambda state, path: torch.save({"model": state, "epoch": 3}, path), "as training scripts save it"),
]


@pytest.mark.parametrize(("name", "save", "why"), SAVED, ids=[row[2] for row in SAVED])
def test_checkpoint_is_loaded(name, save, why, tmp_path):
    state = other_weights()
    save(state, tmp_path / name)
    model = network()
    load_checkpoint(model, tmp_path / name)
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def without(key):
    return {name: tensor for name, tensor in other_weights().items() if name != key}


UNFIT = [
    (without("0.bias"), r"1 key missing: 0\.bias$", "a key is missing"),
    (other_weights() | {"head.weight": torch.zeros(1)}, r"1 key unexpected: head\.weight$", "a key too many"),
    (other_weights() | {"0.bias": torch.zeros(5)}, r"1 key of another shape: 0\.bias \[5\], not \[4\]$", "a shape"),
    (other_weights() | {"0.bias": 3}, r"1 key of another shape: 0\.bias int, not \[4\]$", "no tensor at all"),
]


@pytest.mark.parametrize(("state", "said", "why"), UNFIT, ids=[row[2] for row in UNFIT])
def test_unfit_checkpoint_is_refused_with_its_keys(state, said, why, tmp_path):
    torch.save(state, tmp_path / "w.pt")
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UsageError, match=said):
        load_checkpoint(model, tmp_path / "w.pt")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


class Exploit:
    def __reduce__(self):
        return os.mkdir, ("exploited",)


def test_nothing_in_a_checkpoint_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"0.bias": Exploit()}))
    with pytest.raises(UsageError, match=r"cannot be read as a checkpoint: holds more than tensors, .* could run code"):
        load_checkpoint(network(), tmp_path / "w.pt")
    assert not (tmp_path / "exploited").exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_damaged_checkpoint_is_one_line(name, tmp_path):
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(UsageError, match="cannot be read as a checkpoint") as caught:
        load_checkpoint(network(), tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(UsageError, match=r"w\.pt: no such file"):
        load_checkpoint(network(), tmp_path / "w.pt")


def test_seeded_weights_are_the_same_in_every_run_and_no_two_are_equal():
    source = TorchSource(name="n", build=network, inputs={"x": InputSpec((2, 3))})
    first, second = (build_with_weights(source).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["1.weight"].unique().numel() == 4


def test_seeded_inputs_fit_their_specs():
    specs = {"x": InputSpec((2, 3)), "t": InputSpec((50,), "int64", 5), "m": InputSpec((1, 16), "bool")}
    x, tokens, mask = seeded_inputs(specs)
    assert (x.dtype, tuple(x.shape)) == (torch.float32, (2, 3))
    assert 0 <= int(tokens.min()) <= int(tokens.max()) < 5
    assert mask.sum() == 2
    assert all(torch.equal(a, b) for a, b in zip(seeded_inputs(specs), (x, tokens, mask), strict=True))
