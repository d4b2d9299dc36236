"""A torch model without the blocks that only repeat others, for a quicker export; its inventories get them back.

Which blocks repeat is seen in the torch dialect, which is captured whole. Nothing is left out that
is not proven there: a block that goes makes the same calls with the same plain arguments, on tensors
of the same types, and has the same buffers as one that stays; and the shortened model, with its
blocks put back, is the whole model. That the blocks are still equal once they are exported is seen
in the last two that stay; where they are not, the model is exported whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory
from opscan.core.repeats import NotRepeating, Run, alike, below, expanded, find_runs
from opscan.core.source import TorchSource
from opscan.trace.aten import exported
from opscan.trace.torch_fx import Written, capture_torch
from opscan.trace.torch_model import build_weightless

# Equal periods that stay. The first one may do once what all others use, such as a mask: then it takes a third.
KEPT = (2, 3)
# Less is not worth the proof.
_LEAST_SHARE = 1 / 3


@dataclass(frozen=True)
class Shortened:
    """A model without its repeated blocks."""

    source: TorchSource
    runs: tuple[Run, ...]
    whole: Inventory
    """Of the whole model, in the torch dialect."""

    @cached_property
    def exported(self) -> tuple[nn.Module, ExportedProgram]:
        """The shortened model and its program. Raises NoAnswer."""
        return exported(self.source)

    def completed(self, inventory: Inventory) -> Inventory:
        """The whole model's inventory from that of the shortened one. Raises NotRepeating."""
        return replace(inventory, sites=expanded(inventory.sites, self.runs), params=self.whole.params)


def shortened(source: TorchSource, whole: Written, kept: int) -> Shortened | None:
    """The model with `kept` equal periods of each run of blocks; None where that saves little or is not the same."""
    model = build_weightless(source)
    sites = whole.inventory.sites
    runs = find_runs(sites, _containers(model), kept)
    gone = [path for run in runs for period in run.dropped for path in run.paths(period)]
    if sum(below(site.module, gone) is not None for site in sites) < _LEAST_SHARE * len(sites):
        return None
    if not all(_same_blocks(model, whole, run) for run in runs):
        return None
    short = Shortened(replace(source, build=lambda: _without(source.build(), runs)), runs, whole.inventory)
    return short if _is_whole(short, whole, gone) else None


def _is_whole(short: Shortened, whole: Written, gone: Sequence[str]) -> bool:
    """Whether the shortened model lacks the blocks that are gone, and nothing else."""
    try:
        found = capture_torch(short.source)
        sites = short.completed(found.inventory).sites
    except (NoAnswer, NotRepeating):  # its forward may name or count the blocks that are gone
        return False
    left = tuple(call for call in whole.calls if below(call[0], gone) is None)
    return found.calls == left and alike(sites, whole.inventory.sites)


def _same_blocks(model: nn.Module, whole: Written, run: Run) -> bool:
    """Whether the blocks that go make the same calls and have the same buffers as the last that stay."""
    stay = run.paths(run.kept[-1])
    return all(
        _calls_in(whole, path) == _calls_in(whole, kept)
        and _equal(model.get_submodule(path).named_buffers(), model.get_submodule(kept).named_buffers())
        for period in run.dropped
        for path, kept in zip(run.paths(period), stay, strict=True)
    )


def _calls_in(whole: Written, path: str) -> list[tuple[str, str]]:
    return [(found[1], what) for module, what in whole.calls if (found := below(module, [path]))]


def _equal(some: Iterable[tuple[str, torch.Tensor]], others: Iterable[tuple[str, torch.Tensor]]) -> bool:
    one, other = dict(some), dict(others)
    return one.keys() == other.keys() and all(
        tensor.dtype == other[name].dtype and torch.equal(tensor, other[name]) for name, tensor in one.items()
    )


def _containers(model: nn.Module) -> dict[str, tuple[str, ...]]:
    return {
        path: tuple(module._modules)
        for path, module in model.named_modules()
        if isinstance(module, (nn.ModuleList, nn.Sequential))
    }


def _without(model: Any, runs: tuple[Run, ...]) -> Any:
    for run in runs:
        container = model.get_submodule(run.container)
        for name in (name for period in run.dropped for name in period):
            del container._modules[name]
    return model
