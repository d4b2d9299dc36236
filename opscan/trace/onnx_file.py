"""The inventory of an ONNX file."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx.onnx_ml_pb2 import ModelProto

from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory, Rung, TensorSpec, Uncaptured
from opscan.core.operator import OpName
from opscan.core.source import OnnxSource
from opscan.trace import onnx_ahead, onnx_compiled, onnx_graph
from opscan.trace.apart import Apart, PassFailed, reason
from opscan.trace.onnx_bytes import LARGEST_FILE, read_content
from opscan.trace.onnx_columns import ParsedModel
from opscan.trace.onnx_definitions import key_of
from opscan.trace.onnx_inference import Inference, Open, inferable
from opscan.trace.onnx_library import Library
from opscan.trace.onnx_listing import Graph, Listing, is_typed, stored_elements
from opscan.trace.onnx_passes import inferred, inlined
from opscan.trace.onnx_provenance import Provenance
from opscan.trace.onnx_read import parsed
from opscan.trace.onnx_types import Types
from opscan.trace.provenance import SourceLines

_TOO_LARGE = "larger than the 2 GiB that protobuf and most tools read: save its weights as external data"
_FILE = "ONNX file"

Content = Callable[[], bytes]
"""A serialized model, which another process may have."""


def capture_onnx_file(source: OnnxSource, process: Apart | None = None) -> Inventory:
    """All operators of an ONNX file; `process` may have read it (onnx_ahead).

    Raises NoAnswer, naming the file and the fault.
    """
    path, name = Path(source.path), source.name
    with _nothing_collected():
        notes = [_TOO_LARGE] if path.is_file() and path.stat().st_size > LARGEST_FILE else []
        if process is not None:
            with suppress(onnx_ahead.Lost), Library(process) as library:
                listing = onnx_ahead.listing(process)
                content = partial(onnx_ahead.content, process)
                return _inventory_of(content, listing, name, _FILE, SourceLines({}, ()), None, [*notes], library)
        with Library() as library:
            text, listing = _listed(read_content(path, name), name)
            return _inventory_of(lambda: text, listing, name, _FILE, SourceLines({}, ()), None, notes, library)


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
    model: ModelProto, name: str, method: str, *, lines: SourceLines | None = None, params: int | None = None
) -> Inventory:
    """The inventory of a model whose weights were dropped. Raises NoAnswer where its functions make no sense."""
    with Library() as library:
        content, listing = _listed(model.SerializeToString(), name)
        return _inventory_of(lambda: content, listing, name, method, lines or SourceLines({}, ()), params, [], library)


def _inventory_of(
    content: Content,
    listing: Listing,
    name: str,
    method: str,
    lines: SourceLines,
    params: int | None,
    notes: list[str],
    library: Library,
) -> Inventory:
    """Of a serialized model. Raises NoAnswer where it is damaged, and what `content` raises."""
    library.limit(listing.size)
    try:
        local_functions = tuple(sorted({str(OpName(*key)) for key in listing.functions}))
        params = stored_elements(listing) if params is None else params  # what is inlined is stored in the functions
        if listing.functions:
            content, listing = _without_functions(content, listing, notes, name)
        listing, walked = _walked(content, listing, lines, notes, name, library)
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
        ir_version=listing.ir_version,
        uncaptured=tuple(_newer_than_known(listing, library)),
        opset_imports=listing.imports,
        params=params,
        rungs=(Rung("", method, "; ".join(notes)),),
    )


def _listed(content: bytes, name: str) -> tuple[bytes, Listing]:
    """A model as columns, and as bytes that are as they should be. Raises NoAnswer where they cannot be."""
    with suppress(DecodeError):  # damaged, or only some of its text is
        return content, _listing_of(content, name)
    content = parsed(content, name).SerializeToString()
    return content, _listing_of(content, name)


def _listing_of(content: bytes, name: str) -> Listing:
    model = ParsedModel(content)
    model.require_graph(name)
    return Listing(model.columns(), [model.nodes()])


def _inputs(graph: Graph, types: Types) -> Iterator[TensorSpec]:
    """What a caller must give: every initializer was an input in IR 3, and may be one since."""
    stored = {name for name, _ in graph.stored}
    return (types.named(number, name) for name, number in graph.inputs if name not in stored)


def _without_functions(content: Content, listing: Listing, notes: list[str], name: str) -> tuple[Content, Listing]:
    """The model with its local functions inlined as far as that is possible."""
    try:
        result = inlined(parsed(content(), name))
    except PassFailed as error:
        notes.append(f"local functions walked without type inference: {error}")
        return content, listing
    rest = ", those of another opset walked without type inference" if result.functions else ""
    notes.append(f"{len(listing.functions)} local functions inlined{rest}")
    text, listing = _listed(result.SerializeToString(), name)
    return lambda: text, listing


def _walked(
    content: Content, listing: Listing, lines: SourceLines, notes: list[str], name: str, library: Library
) -> tuple[Listing, onnx_graph.Walked]:
    """What a model does, with the types of its values as far as they are known."""
    library.learn(key_of(call.key, listing.imports) for call in listing.calls())
    provenance = Provenance(listing.all_nodes(), lines)
    if is_typed(listing.graph):
        return listing, onnx_graph.walked(listing, provenance, library)
    if inferable(listing, library):
        with suppress(Open, PassFailed):
            return listing, onnx_graph.walked(listing, provenance, library, Inference(listing, library))
    try:
        _, listing = _listed(inferred(parsed(content(), name)).SerializeToString(), name)
        provenance = Provenance(listing.all_nodes(), lines)
    except PassFailed as error:  # the operators are known all the same
        notes.append(f"type inference failed: {error}")
    return listing, onnx_graph.walked(listing, provenance, library)


def _newer_than_known(listing: Listing, library: Library) -> Iterator[Uncaptured]:
    """What the installed onnx library is too old for: newer operator versions and constructs go unseen."""
    newest = library.newest()
    known = {"IR": onnx_compiled.IR_VERSION, "ai.onnx": newest[""], "ai.onnx.ml": newest["ai.onnx.ml"]}
    stated = {"IR": listing.ir_version}
    stated |= {domain or "ai.onnx": number for domain, number in listing.imports.items()}
    for thing, number in stated.items():
        if number > known.get(thing, number):
            from importlib.metadata import version  # noqa: PLC0415  # takes its time, and few files are newer

            yield Uncaptured(
                f"{thing} {number}",
                f"newer than {thing} {known[thing]} of onnx {version('onnx')}, as which it was read; update onnx",
            )
