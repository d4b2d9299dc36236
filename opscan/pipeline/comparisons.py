"""What stands on a side of a comparison: a model, judged or not, or the models of a lockfile."""

from pathlib import Path

from opscan import backends
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.diff import Side
from opscan.core.errors import UsageError
from opscan.core.judge import compare
from opscan.core.record import Record, replace
from opscan.core.snapshot import snapshot
from opscan.core.source import TorchSource
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.pipeline.snapshots import read_lock
from opscan.sources import resolve


class Compared(Record, frozen=True):
    """A model or lockfile, and how it is looked at."""

    reference: str
    dialect: Dialect | None = None
    opset: int | None = None
    backend: str | None = None


def sides(compared: Compared, options: Options) -> tuple[Side, ...]:
    """One side for a model, one per model and dialect of a lockfile. Raises NoAnswer or UsageError."""
    if compared.reference.endswith(".lock"):
        kept = read_lock(Path(compared.reference)).snapshots
        return tuple(Side(one) for one in kept if compared.dialect in (None, one.dialect))
    profile = backends.load(compared.backend) if compared.backend else None
    source = resolve(compared.reference, options.models)
    level = AtenLevel.EXPORT if profile and profile.level is AtenLevel.EXPORT else AtenLevel.CORE
    options = replace(options, opset=compared.opset, level=level)
    if not isinstance(source, TorchSource):
        if compared.opset is not None:
            raise UsageError(f"{compared.reference}: its opset is what it is; --opset needs a torch model")
        inventory = capture(source, compared.dialect, options)
    else:
        inventory = capture(source, compared.dialect or (profile.dialect if profile else None), options)
    return (Side(snapshot(inventory, model=compared.reference), compare(inventory, profile) if profile else None),)
