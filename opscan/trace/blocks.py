"""A torch model without the blocks that only repeat others, for a quicker export; its inventories get them back.

Which blocks repeat is seen in the torch dialect, which is captured whole. Nothing is left out that
is not proven there: a block that goes makes the same calls with the same plain arguments, on tensors
of the same types, and has the same buffers as one that stays; and the shortened model, with its
blocks put back, is the whole model. That the blocks are still equal once they are exported is seen
in the last two that stay; where they are not, the model is exported whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn
from torch.export import ExportedProgram

from opscan.core import record
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory
from opscan.core.repeats import NotRepeating, Run, alike, expanded, find_runs, places
from opscan.core.source import TorchSource
from opscan.trace.aten import exported
from opscan.trace.torch_fx import Written, capture_torch

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
        return record.replace(inventory, sites=expanded(inventory.sites, self.runs), params=self.whole.params)


def shortened(source: TorchSource, whole: Written, kept: int) -> Shortened | None:
    """The model with `kept` equal periods of each run of blocks; None where that saves little or is not the same."""
    sites = whole.inventory.sites
    runs = find_runs(sites, whole.blocks, kept)
    gone = places([path for run in runs for period in run.dropped for path in run.paths(period)])
    if sum(gone(site.module) is not None for site in sites) < _LEAST_SHARE * len(sites):
        return None
    if not all(_same_blocks(whole, run) for run in runs):
        return None
    short = Shortened(record.replace(source, build=lambda: _without(source.build(), runs)), runs, whole.inventory)
    return short if _is_whole(short, whole, gone) else None


def _is_whole(short: Shortened, whole: Written, gone: Callable[[str], object]) -> bool:
    """Whether the shortened model lacks the blocks that are gone, and nothing else."""
    try:
        found = capture_torch(short.source)
        sites = short.completed(found.inventory).sites
    except (NoAnswer, NotRepeating):  # its forward may name or count the blocks that are gone
        return False
    left = tuple(call for call in whole.calls if gone(call[0]) is None)
    return found.calls == left and alike(sites, whole.inventory.sites)


def _same_blocks(whole: Written, run: Run) -> bool:
    """Whether the blocks that go make the same calls and have the same buffers as the last that stay."""
    stay, go = run.paths(run.kept[-1]), [run.paths(period) for period in run.dropped]
    found = _contents(whole, [*stay, *(path for paths in go for path in paths)])
    return all(found[path] == found[kept] for paths in go for path, kept in zip(paths, stay, strict=True))


def _contents(whole: Written, paths: Sequence[str]) -> dict[str, list[tuple[str, object]]]:
    """What each block calls, in order, and which buffers it has, by their paths in the block."""
    place = places(paths)
    found: dict[str, list[tuple[str, object]]] = {path: [] for path in paths}
    for module, what in (*whole.calls, *whole.buffers.items()):
        if inside := place(module):
            found[paths[inside[0]]].append((inside[1], what))
    return found


def _without(model: Any, runs: tuple[Run, ...]) -> Any:
    for run in runs:
        container = model.get_submodule(run.container)
        for name in (name for period in run.dropped for name in period):
            del container._modules[name]
    return model
