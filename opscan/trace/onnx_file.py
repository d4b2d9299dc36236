"""The inventory of an ONNX file."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from onnx.onnx_ml_pb2 import ModelProto

from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory, Rung, TensorSpec, Uncaptured
from opscan.core.operator import Dialect, OpName
from opscan.core.source import OnnxSource
from opscan.trace import onnx_compiled, onnx_graph, onnx_nodes
from opscan.trace.apart import PassFailed, reason
from opscan.trace.onnx_inference import inferred_by_kind
from opscan.trace.onnx_listing import Graph, Listing, is_typed, stored_elements
from opscan.trace.onnx_passes import inferred, inlined
from opscan.trace.onnx_provenance import Provenance
from opscan.trace.onnx_read import LARGEST_FILE, read_model
from opscan.trace.onnx_types import Types
from opscan.trace.provenance import SourceLines

_TOO_LARGE = "larger than the 2 GiB that protobuf and most tools read: save its weights as external data"


def capture_onnx_file(source: OnnxSource) -> Inventory:
    """All operators of an ONNX file. Raises NoAnswer, naming the file and the fault."""
    path = Path(source.path)
    with _nothing_collected():
        model = read_model(path, source.name)
        notes = [_TOO_LARGE] if path.stat().st_size > LARGEST_FILE else []
        return inventory_of(model, source.name, "ONNX file", notes=notes)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """All that is made stays: to search it for what nobody holds any more takes time and finds nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def inventory_of(
    model: ModelProto,
    name: str,
    method: str,
    *,
    lines: SourceLines | None = None,
    params: int | None = None,
    notes: Iterable[str] = (),
) -> Inventory:
    """The inventory of a model whose weights were dropped. Raises NoAnswer where its functions make no sense."""
    notes = list(notes)
    try:
        local_functions = tuple(sorted({str(OpName(*onnx_nodes.function_key(f))) for f in model.functions}))
        if params is None and model.functions:  # what is inlined is stored in the functions
            params = stored_elements(Listing(model))
        model, listing = _typed(_without_functions(model, notes), notes)
        imported = onnx_nodes.opsets(model.opset_import)
        walked = onnx_graph.walked(listing, imported, Provenance(listing.all_nodes(), lines or SourceLines({}, ())))
    except RecursionError as error:
        raise NoAnswer(f"{name}: damaged ONNX graph: its functions are nested too deeply") from error
    except ValueError as error:
        raise NoAnswer(f"{name}: damaged ONNX graph: {reason(error)}") from error
    return Inventory(
        model=name,
        dialect=Dialect.ONNX,
        sites=walked.sites,
        functions=walked.functions,
        inputs=tuple(_inputs(listing.graph, listing.types)),
        local_functions=local_functions,
        ir_version=model.ir_version,
        uncaptured=tuple(_newer_than_known(model)),
        opset_imports=imported,
        params=stored_elements(listing) if params is None else params,
        rungs=(Rung("", method, "; ".join(notes)),),
    )


def _inputs(graph: Graph, types: Types) -> Iterator[TensorSpec]:
    """What a caller must give: every initializer was an input in IR 3, and may be one since."""
    stored = {name for name, _ in graph.stored}
    return (types.named(number, name) for name, number in graph.inputs if name not in stored)


def _without_functions(model: ModelProto, notes: list[str]) -> ModelProto:
    """The model with its local functions inlined as far as that is possible."""
    try:
        result = inlined(model)
    except PassFailed as error:
        notes.append(f"local functions walked without type inference: {error}")
        return model
    if model.functions:
        rest = ", those of another opset walked without type inference" if result.functions else ""
        notes.append(f"{len(model.functions)} local functions inlined{rest}")
    return result


def _typed(model: ModelProto, notes: list[str]) -> tuple[ModelProto, Listing]:
    """The model with the types of its values, as far as they are known."""
    listing = Listing(model)
    if is_typed(listing.graph):
        return model, listing
    if graph := inferred_by_kind(listing, model, onnx_nodes.opsets(model.opset_import)):
        listing.graph = graph
        return model, listing
    try:
        model = inferred(model)
    except PassFailed as error:  # the operators are known all the same
        notes.append(f"type inference failed: {error}")
        return model, listing
    return model, Listing(model)


def _newer_than_known(model: ModelProto) -> Iterator[Uncaptured]:
    """What the installed onnx library is too old for: newer operator versions and constructs go unseen."""
    known = {"IR": onnx_compiled.IR_VERSION, "ai.onnx": onnx_compiled.newest("")}
    known["ai.onnx.ml"] = onnx_compiled.newest("ai.onnx.ml")
    stated = {"IR": model.ir_version}
    stated |= {domain or "ai.onnx": number for domain, number in onnx_nodes.opsets(model.opset_import).items()}
    for thing, number in stated.items():
        if number > known.get(thing, number):
            from importlib.metadata import version  # noqa: PLC0415  # takes its time, and few files are newer

            yield Uncaptured(
                f"{thing} {number}",
                f"newer than {thing} {known[thing]} of onnx {version('onnx')}, as which it was read; update onnx",
            )
