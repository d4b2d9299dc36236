"""What the stages know of one operator: schemas, captures of earlier runs, profiles."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from opscan import backends
from opscan.core.canonical import CanonicalOperator
from opscan.core.dialect import Dialect
from opscan.core.explanation import Use, use_of
from opscan.core.profile import BackendProfile
from opscan.core.schema import Schema
from opscan.core.source import TorchSource
from opscan.pipeline.options import Options
from opscan.pipeline.profiles import load_backend
from opscan.pipeline.torch_captures import kept, kept_summaries
from opscan.sources import bundled


def schema_history(operator: CanonicalOperator) -> dict[str, Mapping[int, Schema]]:
    """The versions of its ONNX spellings."""
    from opscan.pipeline.schemas import standard

    schemas = standard(Dialect.ONNX).lookup
    return {name: schemas(name) for name in operator.onnx}


def dialect_of(operator: CanonicalOperator) -> Dialect:
    """The first dialect that has a word for it."""
    return next(dialect for dialect in Dialect if operator.spellings(dialect))


def uncaptured(operator: CanonicalOperator, options: Options) -> list[str]:
    """The bundled models of which it is not known whether they call it."""
    dialect = dialect_of(operator)
    sources = {name: bundled.resolve(name, options.models) for name in bundled.names(options.models)}
    return [
        n for n, s in sources.items() if isinstance(s, TorchSource) and kept_summaries(s, [dialect], options) is None
    ]


def uses(operator: CanonicalOperator, options: Options) -> Iterator[Use]:
    """Where the bundled models call it, from captures of earlier runs."""
    dialect = dialect_of(operator)
    for name in bundled.names(options.models):
        source = bundled.resolve(name, options.models)
        found = kept(source, dialect, options) if isinstance(source, TorchSource) else None
        yield use_of(operator, name, dialect, found)


def all_profiles(folders: tuple[Path, ...] = ()) -> tuple[BackendProfile, ...]:
    """The shipped ones and those in `folders`, the newest version of each."""
    return tuple(load_backend(name, folders) for name in backends.names(folders))
