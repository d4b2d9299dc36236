"""Weights and inputs for a model that is to be run: seeded, or from a checkpoint."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from opscan.core.errors import NoAnswer, UsageError
from opscan.core.source import InputSpec, TorchSource
from opscan.trace.torch_model import one_line, quiet

_SEED = 0
_KEYS_SHOWN = 10


def build_with_weights(source: TorchSource, checkpoint: Path | None = None) -> nn.Module:
    """The model in eval mode, with a checkpoint's weights or random ones that are the same in every run.

    Raises NoAnswer when it cannot be built, UsageError when the checkpoint does not fit.
    """
    torch.manual_seed(_SEED)
    try:
        model: nn.Module = source.build().eval()
    except Exception as error:  # a user's constructor may raise anything
        raise NoAnswer(f"{source.name}: building the model failed: {one_line(error)}") from error
    if checkpoint is not None:
        load_checkpoint(model, checkpoint)
        return model
    for parameter in model.parameters():
        # Parameters that start as all zeros or ones would hide a wrong result, and the exporter
        # would merge those that are equal, as it does not with trained ones.
        if parameter.is_floating_point() and parameter.numel() and bool((parameter == parameter.flatten()[0]).all()):
            parameter.data += 0.02 * torch.randn_like(parameter)
    return model


def load_checkpoint(model: nn.Module, path: Path) -> None:
    """Loads a safetensors file or a torch file (tensors only, nothing is executed), strictly.

    Raises UsageError, listing missing and unexpected keys and wrong shapes.
    """
    state = _read(path)
    for nested in ("model", "state_dict", "model_state_dict"):  # as training scripts save them
        if isinstance(state.get(nested), Mapping):
            state = state[nested]
    own = model.state_dict()
    faults = [
        _listed("missing", sorted(own.keys() - state.keys())),
        _listed("unexpected", sorted(state.keys() - own.keys())),
        _listed(
            "of another shape",
            sorted(
                f"{key} {_shape(state[key])}, not {_shape(own[key])}"
                for key in own.keys() & state.keys()
                if _shape(state[key]) != _shape(own[key])
            ),
        ),
    ]
    if any(faults):
        raise UsageError(f"{path}: does not fit the model: {'; '.join(filter(None, faults))}")
    model.load_state_dict(state)


def _shape(value: object) -> object:
    """Sizes of a tensor; of anything else, its type: a checkpoint may hold what it likes."""
    return list(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415  # only where a checkpoint is given

            return dict(load_file(path))
        with quiet():
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own advice is to trust the file
        why = "holds more than tensors, and what it holds could run code: save its state_dict(), or use safetensors"
        raise UsageError(f"{path}: cannot be read as a checkpoint: {why}") from error
    except Exception as error:  # both libraries raise many kinds on a damaged file
        raise UsageError(f"{path}: cannot be read as a checkpoint, damaged or cut off: {one_line(error)}") from error
    if not isinstance(state, Mapping):
        raise UsageError(f"{path}: holds {type(state).__name__}, not a state_dict")
    return dict(state)


def _listed(what: str, keys: list[str]) -> str:
    if not keys:
        return ""
    rest = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
    return f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} {what}: {', '.join(keys[:_KEYS_SHOWN])}{rest}"


def seeded_inputs(inputs: Mapping[str, InputSpec]) -> tuple[torch.Tensor, ...]:
    """Normal floats, integers below `InputSpec.below`, and masks that cover the end of the last dimension."""
    generator = torch.Generator().manual_seed(_SEED)
    return tuple(_seeded(spec, generator) for spec in inputs.values())


def _seeded(spec: InputSpec, generator: torch.Generator) -> torch.Tensor:
    dtype: torch.dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    if dtype is torch.bool:
        mask = torch.zeros(spec.shape, dtype=torch.bool)
        mask[..., -max(spec.shape[-1] // 8, 1) :] = True
        return mask
    return torch.randint(0, spec.below or 2, spec.shape, generator=generator, dtype=dtype)
