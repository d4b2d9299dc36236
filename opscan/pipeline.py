"""Every stage, in order: reference -> model -> Inventory -> survey or Coverage. Nothing else knows them all.

Imports of stages that need torch or onnx happen where they are used, so that a command that does
not need them does not wait for them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opscan import backends, store
from opscan.core.errors import NoAnswer, OpscanError, UsageError
from opscan.core.inventory import Inventory
from opscan.core.judge import Coverage, compare
from opscan.core.operator import Dialect
from opscan.core.source import InventorySource, ModelSource, OnnxSource, TorchSource
from opscan.core.survey import Capture, Entry
from opscan.sources import bundled, resolve

if TYPE_CHECKING:
    from opscan.trace.onnx_verify import OutputError

# The section of models that are not bundled.
OWN_MODELS = "Your models"
_TOOLS = ("torch", "onnx", "onnxscript")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every capture is told."""

    opset: int | None = None
    """ONNX: None is the exporter's default."""
    models: Path | None = None
    """A folder of definitions beside the bundled ones."""
    cache: bool = True
    jobs: int | None = None
    """Processes; None is one per core."""


def tool_versions() -> dict[str, str]:
    """Versions of the libraries that an answer depends on, without importing them."""
    return dict(_tool_versions())


@cache
def _tool_versions() -> Mapping[str, str]:
    found = {}
    for name in ("opscan", *_TOOLS):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return MappingProxyType(found)


def capture(source: ModelSource, dialect: Dialect | None, options: Options) -> Inventory:
    """The inventory of a model; its own dialect (torch for a torch model) where none is asked for.

    Raises NoAnswer or UsageError.
    """
    match source:
        case InventorySource(inventory=inventory):
            _require(source.name, dialect, inventory.dialect)
            return inventory
        case OnnxSource():
            _require(source.name, dialect, Dialect.ONNX)
            from opscan.trace.onnx_file import capture_onnx_file

            return replace(capture_onnx_file(source), tools=tool_versions())
        case TorchSource():
            (found,) = _capture_torch_model(source, (dialect or Dialect.TORCH,), options)
            if found.inventory is None:
                raise NoAnswer(found.reason)
            return found.inventory


def _require(name: str, wanted: Dialect | None, has: Dialect) -> None:
    if wanted is not None and wanted is not has:
        raise UsageError(f"{name}: is in the {has} dialect; {wanted} needs the torch model (leave out --dialect)")


def _key(source: TorchSource, dialect: Dialect, opset: int | None) -> str | None:
    if source.fingerprint is None:
        return None
    asked = str(opset) if dialect is Dialect.ONNX else ""
    versions = [f"{tool} {number}" for tool, number in tool_versions().items()]
    return store.key([source.name, source.fingerprint, dialect, asked, *versions])


def _capture_torch_model(source: TorchSource, dialects: Sequence[Dialect], options: Options) -> tuple[Capture, ...]:
    """One model in several dialects; aten and onnx share one torch.export."""
    captures: dict[Dialect, Capture] = {}
    missing = []
    for dialect in dialects:
        key = _key(source, dialect, options.opset) if options.cache else None
        inventory = store.get(key) if key else None
        if inventory:
            captures[dialect] = Capture(dialect, inventory)
        else:
            missing.append((dialect, key))
    if missing:
        from opscan.trace.session import TorchSession

        session = TorchSession(source)
        for dialect, key in missing:
            try:
                inventory = replace(session.capture(dialect, options.opset), tools=tool_versions())
            except OpscanError as error:
                captures[dialect] = Capture(dialect, None, str(error).removeprefix(f"{source.name}: "))
                continue
            captures[dialect] = Capture(dialect, inventory)
            if key:
                store.put(key, inventory)
    return tuple(captures[dialect] for dialect in dialects)


def survey_entry(reference: str, dialects: Sequence[Dialect], options: Options) -> Entry:
    """One model of the survey; what cannot be captured becomes a reason."""
    source = resolve(reference, options.models)
    if isinstance(source, TorchSource):
        captures = _capture_torch_model(source, dialects, options)
    else:
        try:
            inventory = capture(source, None, options)
            captures = (Capture(inventory.dialect, inventory),)
        except NoAnswer as error:
            captures = (Capture(Dialect.ONNX, None, str(error)),)
    return _entry(reference, captures, options)


def _entry(reference: str, captures: tuple[Capture, ...], options: Options) -> Entry:
    """The row of a model, with what its definition says about it."""
    definition = next((d for d in bundled.available(options.models) if d.name == reference), None)
    if definition is None:
        return Entry(model=reference, system=reference, section=OWN_MODELS, captures=captures)
    family = definition.family
    return Entry(
        model=definition.name,
        system=family.system,
        section=family.section,
        method=family.method,
        architecture=family.architecture,
        repository=family.repository,
        publication=family.publication,
        captures=captures,
    )


def survey(references: Sequence[str], dialects: Sequence[Dialect], options: Options) -> Iterator[tuple[int, Entry]]:
    """Entries with their position in `references`, as they are done.

    Raises UsageError for an unknown reference before anything is captured. A model whose process
    dies or that raises costs its own row only.
    """
    problems = [fault for reference in references if (fault := _fault(reference, options))]
    usage = [fault for fault in problems if isinstance(fault, UsageError)]
    if usage:
        raise UsageError("\n".join(map(str, usage)))
    jobs = min(options.jobs or _cores(), len(references))
    work = [(reference, tuple(dialects), options) for reference in references]
    if jobs <= 1:
        yield from ((number, _guarded_entry(*task)) for number, task in enumerate(work))
    else:
        yield from _in_processes(work, jobs)


def _cores() -> int:
    """Those this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fault(reference: str, options: Options) -> OpscanError | None:
    try:
        resolve(reference, options.models)
    except OpscanError as error:
        return error
    return None


def _guarded_entry(reference: str, dialects: Sequence[Dialect], options: Options) -> Entry:
    try:
        return survey_entry(reference, dialects, options)
    except OpscanError as error:
        return survey_stub(reference, dialects, options, str(error))


def survey_stub(reference: str, dialects: Sequence[Dialect], options: Options, reason: str) -> Entry:
    """The row of a model about which nothing could be found out, and why."""
    return _entry(reference, tuple(Capture(dialect, None, reason) for dialect in dialects), options)


def _in_processes(work: Sequence[tuple[Any, ...]], jobs: int) -> Iterator[tuple[int, Entry]]:
    """As `survey`, in fresh interpreters that are reused; torch runs on one thread in each."""
    import multiprocessing

    from pebble import ProcessExpired, ProcessPool

    pool = ProcessPool(max_workers=jobs, context=multiprocessing.get_context("spawn"), initializer=_one_thread)
    try:
        futures: dict[Any, int] = {  # pebble's futures are untyped
            pool.schedule(_guarded_entry, args=task): number for number, task in enumerate(work)
        }
        for future in as_completed(futures):
            number = futures[future]
            try:
                yield number, future.result()
            except ProcessExpired as error:
                reference, dialects, options = work[number]
                yield (
                    number,
                    survey_stub(reference, dialects, options, f"its process died (exit code {error.exitcode})"),
                )
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _one_thread() -> None:
    """The processes share the cores; and Ctrl-C is the parent's to handle."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"


def export(
    reference: str, output: Path, opset: int | None, weights: Path | None, verify: bool, models: Path | None
) -> tuple[tuple["OutputError", ...], int]:
    """Writes a model's ONNX file; the differences to torch where asked to `verify`, and the bytes written.

    Raises UsageError where the file cannot be written, and whatever building and exporting raise.
    """
    source = resolve(reference, models)
    if not isinstance(source, TorchSource):
        raise UsageError(f"{reference}: is not a torch model; only those are exported")
    from opscan.trace.onnx_export import write_onnx
    from opscan.trace.onnx_verify import output_errors
    from opscan.trace.weights import build_with_weights, seeded_inputs

    model = build_with_weights(source, weights)
    try:
        write_onnx(source, model, output, opset)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror or error}") from error
    size = sum(file.stat().st_size for file in (output, Path(f"{output}.data")) if file.exists())
    return (output_errors(output, model, seeded_inputs(source.inputs)) if verify else ()), size


def check(reference: str, backend: str, options: Options) -> Coverage:
    """One model against one backend. Raises NoAnswer, UsageError or DialectMismatch."""
    profile = backends.load(backend)
    source = resolve(reference, options.models)
    wanted = profile.dialect if isinstance(source, TorchSource) else None
    return compare(capture(source, wanted, options), profile)
