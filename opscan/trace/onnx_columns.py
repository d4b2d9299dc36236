"""An ONNX model as plain columns, which one process can hand to another: what protobuf parsed, taken out once.

Protobuf makes anew whatever it is asked for, and to ask is most of the work on a file: strings and lists by the ten
thousand. What a network repeats, attributes and types, stays bytes here, each once (`onnx_listing` reads these).

Repeated fields are sliced before they are gone through: a slice is a list, over which Python goes twice as fast.
"""

from collections.abc import Hashable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple, TypeVar

from opscan.trace.onnx_nodes import opsets
from opscan.trace.onnx_outline import Outline, model_outline, require_graph

METADATA = "pkg.torch.onnx."
"""What keys of a node's metadata begin with that say where it comes from."""
# Metadata that torch's exporter leaves on each node (torch.onnx, dynamo=True).
_SCOPES, _STACK = f"{METADATA}name_scopes", f"{METADATA}stack_trace"

# More than any shape, axes, sizes or pads have.
_TELLING_ELEMENTS = 64

_Key = TypeVar("_Key", bound=Hashable)

CallText = tuple[str, str, str, list[bytes]]
"""Operator, domain, overload, serialized attributes."""
TensorKind = tuple[int, list[int]]
"""Data type and dims, as they are stored."""


class NodeColumns(NamedTuple):
    """The nodes of a graph or function, in its order."""

    names: list[str]
    calls: list[int]
    """Position among the next."""
    of_calls: list[CallText]
    inputs: list[list[str]]
    outputs: list[list[str]]
    """`""` for one that is left out, none at the end."""
    scopes: list[str | None]
    """What torch's exporter says of their modules; empty where it says nothing of any."""
    stacks: list[int]
    """Position among the next; empty as `scopes`."""
    of_stacks: list[str | None]
    """Stack traces."""


class ValueColumns(NamedTuple):
    """Values whose types are stated."""

    names: list[str]
    types: list[int]
    """Position among the next."""
    of_types: list[bytes]
    """Serialized TypeProto."""


class GraphColumns(NamedTuple):
    """A graph, without its nodes and without the values of large tensors."""

    inputs: ValueColumns
    made: ValueColumns
    """What nodes make, outputs of the graph last."""
    outputs: int
    """How many those are."""
    tensors: list[str]
    """Names of stored tensors."""
    kinds: list[int]
    """Of these, position among the next."""
    of_kinds: list[TensorKind]
    sparse: list[tuple[str, TensorKind]]
    telling: dict[str, bytes]
    """Those of the tensors that shapes may follow from, serialized: scalars and short vectors."""


class ModelColumns(NamedTuple):
    """A model, without the nodes of its graph."""

    size: int
    """Bytes of it."""
    ir_version: int
    imports: dict[str, int]
    """Domain -> version, `""` for ai.onnx."""
    graph: GraphColumns
    functions: list[bytes]
    """Serialized, in outline."""
    has_metadata: bool
    """Whether nodes may have some of METADATA."""


def restored(parts: Any) -> ModelColumns:
    """Columns that another process has packed. Raises TypeError where they are something else."""
    model = ModelColumns(*parts)
    graph = GraphColumns(*model.graph)
    inputs, made = ValueColumns(*graph.inputs), ValueColumns(*graph.made)
    return model._replace(graph=graph._replace(inputs=inputs, made=made))


class ParsedModel:
    """A serialized model, parsed in outline, of which columns are made."""

    def __init__(self, content: bytes) -> None:
        """Raises DecodeError where it is damaged, or a string in it is not UTF-8."""
        self._size = len(content)
        self._outline = model_outline(content)
        self._has_metadata = METADATA.encode() in content

    def require_graph(self, name: str) -> None:
        """Raises NoAnswer, calling the model `name`, where it lacks what every model has."""
        require_graph(self._outline, name)

    def columns(self) -> ModelColumns:
        """All but the nodes of its graph."""
        model = self._outline
        return ModelColumns(
            size=self._size,
            ir_version=model.ir_version,
            imports=opsets(model.opset_import),
            graph=graph_columns(model.graph),
            functions=[function.SerializeToString() for function in model.functions],
            has_metadata=self._has_metadata,
        )

    def nodes(self, part: int = 0, parts: int = 1) -> NodeColumns:
        """The nodes of its graph, or one of so many parts of them."""
        nodes = self._outline.graph.node
        size = -(-len(nodes) // parts)
        return node_columns(nodes[part * size : (part + 1) * size], has_metadata=self._has_metadata)


def graph_columns(graph: Outline) -> GraphColumns:
    """A graph in outline."""
    outputs, tensors = graph.output[:], graph.initializer[:]
    kinds, of_kinds = _numbered([(tensor.data_type, *tensor.dims[:]) for tensor in tensors])
    names = [tensor.name for tensor in tensors]
    may_tell = [len(dims) < 2 and prod(dims) <= _TELLING_ELEMENTS for _, *dims in of_kinds]
    last = dict(zip(names, zip(tensors, kinds, strict=True), strict=True))  # of those of one name
    return GraphColumns(
        inputs=value_columns(graph.input[:]),
        made=value_columns([*graph.value_info[:], *outputs]),
        outputs=len(outputs),
        tensors=names,
        kinds=kinds,
        of_kinds=[(data_type, dims) for data_type, *dims in of_kinds],
        sparse=[(s.values.name, (s.values.data_type, s.dims[:])) for s in graph.sparse_initializer],
        telling={name: tensor.SerializeToString() for name, (tensor, kind) in last.items() if may_tell[kind]},
    )


def node_columns(nodes: Sequence[Outline], *, has_metadata: bool) -> NodeColumns:
    """Nodes in outline; `has_metadata`: whether they may have some of `METADATA`."""
    calls, of_calls = _numbered([(node.op_type, node.domain, node.overload, *node.attribute[:]) for node in nodes])
    metadata = [{e.key: e.value for e in node.metadata_props} for node in nodes] if has_metadata else []
    stacks, of_stacks = _numbered([entries.get(_STACK) for entries in metadata])
    return NodeColumns(
        names=[node.name for node in nodes],
        calls=calls,
        of_calls=[(operator, domain, overload, attributes) for operator, domain, overload, *attributes in of_calls],
        inputs=[node.input[:] for node in nodes],
        outputs=_without_last([node.output[:] for node in nodes]),
        scopes=[entries.get(_SCOPES) for entries in metadata],
        stacks=stacks,
        of_stacks=of_stacks,
    )


def value_columns(values: Sequence[Outline]) -> ValueColumns:
    """Values in outline; of a type that is stated in parts protobuf makes one."""
    types, of_types = _numbered([b"".join(value.type[:]) for value in values])
    return ValueColumns([value.name for value in values], types, of_types)


def _numbered(keys: Iterable[_Key]) -> tuple[list[int], list[_Key]]:
    """Each key's position among those that differ, and these."""
    known: dict[_Key, int] = {}
    numbers = [known.setdefault(key, len(known)) for key in keys]
    return numbers, list(known)


def _without_last(outputs: list[list[str]]) -> list[list[str]]:
    """The outputs of nodes without those at the end that are left out."""
    for names in outputs:
        while names and not names[-1]:
            names.pop()
    return outputs
