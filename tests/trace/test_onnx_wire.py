"""Leaving out weights at the wire level: the same model, field for field, as reading all and dropping them."""

import struct
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper
from onnx.backend.test import loader

from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.sources import resolve
from opscan.trace import onnx_wire
from opscan.trace.onnx_read import drop_weights

from .onnx_models import RICH, inspected, operators
from .test_onnx_damaged import edited, edits

np = numpy_helper.np


@pytest.fixture(autouse=True, scope="module")
def _small():
    """Small models are large: whatever has more than 16 bytes, read in windows of 32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_wire, "SMALL_BYTES", 16)
        patch.setattr(onnx_wire, "_WINDOW", 32)
        yield


def read(content: bytes) -> ModelProto | None:
    """The model without its weights; None where protobuf refuses it."""
    try:
        model = ModelProto.FromString(content)
    except DecodeError:
        return None
    drop_weights(model)
    return model


def light(content: bytes) -> bytes | None:
    return onnx_wire.reduced(lambda start, end: content[start:end], len(content))


def both(content: bytes) -> tuple[ModelProto | None, ModelProto | None]:
    """Read in full, and without weights."""
    reduced = light(content)
    return read(content), read(content if reduced is None else reduced)


# --- every place of a tensor ---------------------------------------------------------------------


def tensor(name: str, form: str) -> TensorProto:
    """Forty numbers, stored in one of protobuf's ways."""
    stored = TensorProto(name=name, dims=[40], data_type=TensorProto.FLOAT)
    match form:
        case "raw_data":
            stored.raw_data = bytes(range(160))
        case "string_data":
            stored.string_data.extend([b"some text"] * 40)
        case _:
            getattr(stored, form).extend([3] * 300)
    return stored


def holding(form: str) -> ModelProto:
    """Tensors wherever a model may have some."""
    sparse = SparseTensorProto(values=tensor("values", form), indices=tensor("indices", form), dims=[99])
    inner = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "inner", [], [], [tensor("inner", form)])
    node = helper.make_node("Acme", ["x"], ["y"], domain="acme", t=tensor("attribute", form), g=inner)
    node.attribute.extend([helper.make_attribute("ts", [tensor("one", form), tensor("two", form)])])
    node.attribute.extend([helper.make_attribute("gs", [inner, inner])])
    node.attribute.extend([helper.make_attribute("s", sparse), helper.make_attribute("ss", [sparse, sparse])])
    graph = helper.make_graph([node], "g", [], [], [tensor("w", form), tensor("v", form)], sparse_initializer=[sparse])
    function = helper.make_function("my", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 17)])
    function.attribute_proto.extend(node.attribute)
    model = helper.make_model(graph, functions=[function], opset_imports=[helper.make_opsetid("", 17)])
    model.training_info.add(initialization=graph, algorithm=inner)
    return model


FORMS = ["raw_data", "float_data", "double_data", "int32_data", "int64_data", "uint64_data"]


@pytest.mark.parametrize("form", FORMS)
def test_every_tensor_is_emptied(form):
    content = holding(form).SerializeToString()
    whole, reduced = both(content)
    assert whole == reduced
    assert len(light(content)) < len(content) / 2
    assert whole.ByteSize() < len(content) / 2


def test_values_that_are_no_numbers_stay_until_they_are_parsed():
    content = holding("string_data").SerializeToString()
    assert light(content) == content


def leading_to_tensors() -> dict[str, dict[int, FieldDescriptor]]:
    """By message, the fields from which a tensor can be reached, in the installed onnx."""
    messages = ModelProto.DESCRIPTOR.file.message_types_by_name.values()
    reached: dict[str, dict[int, FieldDescriptor]] = {"TensorProto": {}}
    for _ in messages:  # as long as the longest way
        for message in messages:
            fields = {f.number: f for f in message.fields if f.message_type and f.message_type.name in reached}
            if fields:
                reached[message.name] = fields
    del reached["TensorProto"]
    return reached


def test_the_field_numbers_are_those_of_the_schema():
    ours = {
        "ModelProto": onnx_wire.MODEL,
        "GraphProto": onnx_wire.GRAPH,
        "NodeProto": onnx_wire.NODE,
        "AttributeProto": onnx_wire.ATTRIBUTE,
        "SparseTensorProto": onnx_wire.SPARSE_TENSOR,
        "FunctionProto": onnx_wire.FUNCTION,
        "TrainingInfoProto": onnx_wire.TRAINING,
    }
    theirs = leading_to_tensors()
    assert theirs.keys() == ours.keys()
    for name, fields in theirs.items():
        assert ours[name].inner.keys() == fields.keys(), name
        tensors = {n for n, f in fields.items() if f.message_type.name in ("TensorProto", "SparseTensorProto")}
        single = {n for n in tensors if not fields[n].is_repeated}
        assert ours[name].single == single, name
    numbers = {TensorProto.DESCRIPTOR.fields_by_name[form].number for form in FORMS}
    assert onnx_wire.TENSOR.payloads.keys() == numbers


# --- bytes as no exporter writes them --------------------------------------------------------------


def varint(value: int, length: int = 0) -> bytes:
    """With at least so many bytes: a number may be written longer than it needs to be."""
    parts = []
    while value >= 0x80 or len(parts) < length - 1:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, content: bytes, wire: int = 2) -> bytes:
    return varint(number << 3 | wire) + (varint(len(content)) if wire == 2 else b"") + content


def model_of(*initializers: bytes, node: bytes = b"") -> bytes:
    graph = b"".join(field(5, content) for content in initializers) + (field(1, node) if node else b"")
    return field(7, graph) + field(8, field(2, b"\x11", wire=0))


RAW = field(9, bytes(99))
NAMED = field(8, b"w") + field(2, b"\x01", wire=0)
FLOATS = struct.pack("<20f", *range(20))
UNPACKED = b"".join(field(4, FLOATS[at : at + 4], wire=5) for at in range(0, 80, 4))

# bytes, whether they are reduced (else left to protobuf), what the row proves
UNUSUAL = [
    (model_of(NAMED + RAW), True, "the plain case"),
    (model_of(RAW + NAMED), True, "fields in another order"),
    (model_of(NAMED + RAW + RAW), False, "the last of two raw payloads counts"),
    (model_of(NAMED + RAW + field(9, b"short")), False, "also if it is short"),
    (model_of(NAMED + field(4, FLOATS) + field(4, FLOATS)), False, "packed numbers in two parts"),
    (model_of(NAMED + UNPACKED), True, "numbers that are not packed"),
    (model_of(NAMED + field(4, FLOATS) + UNPACKED), True, "both ways at once"),
    (model_of(NAMED + field(4, FLOATS + b"\0")), False, "packed floats that do not come out even"),
    (model_of(NAMED + field(10, FLOATS + bytes(8))), True, "doubles"),
    (model_of(NAMED + field(10, FLOATS + bytes(4))), False, "doubles that do not come out even"),
    (model_of(NAMED + field(7, b"\x01" * 200)), True, "packed numbers of changing length"),
    (model_of(NAMED + field(7, varint(1, 10) * 20)), True, "numbers of ten bytes each, twenty bytes once parsed"),
    (model_of(NAMED + field(7, varint(1, 10) * 4)), True, "numbers of ten bytes each, four bytes once parsed"),
    (model_of(NAMED + field(7, b"\x01" * 200 + b"\x80")), False, "the last number has no end"),
    (model_of(NAMED + field(7, b"\x01" * 200 + b"\xff" * 11 + b"\x01")), False, "a number of too many bytes"),
    (model_of(NAMED + field(99, bytes(99))), True, "a field that the schema does not know"),
    (model_of(NAMED + RAW + field(99, bytes(99))), True, "beside one that is left out"),
    (model_of(NAMED + RAW + field(9, b"\x05", wire=0)), True, "a payload's number with another type"),
    (model_of(NAMED + RAW + field(14, b"\0", wire=0)), True, "stored here, says the tensor"),
    (model_of(NAMED + RAW + field(14, b"\x01", wire=0)), True, "stored elsewhere, says the tensor"),
    (model_of(NAMED + field(13, field(1, b"location") + field(2, b"w.bin"))), True, "external data"),
    (model_of(NAMED + field(6, b"a") * 40), True, "many small values"),
    (model_of(NAMED + varint(9 << 3 | 3) + varint(9 << 3 | 4) + RAW), False, "a group"),
    (model_of(NAMED + RAW) * 3, True, "a model in three parts, which protobuf merges"),
    (model_of(NAMED + RAW)[:-3] + b"\xff\xff\xff", False, "rubbish at the end"),
    (model_of(NAMED + RAW + b"\x4a\x7f"), False, "a length over the end of its message"),
    (model_of(NAMED + RAW)[:40], False, "a file cut short"),
    (model_of(NAMED + b"\x4a" + varint(99, 5) + bytes(99)), True, "a length written longer than it needs to be"),
    (model_of(NAMED + b"\x4a" + varint(99, 6) + bytes(99)), False, "longer than lengths may be"),
    (model_of(NAMED + varint(9 << 3 | 2, 3) + varint(99) + bytes(99)), True, "a tag written longer than needs be"),
    (model_of(NAMED + RAW + b"\0\0"), False, "field number 0, which protobuf refuses"),
    (model_of(node=field(5, field(5, NAMED + RAW))), True, "a tensor in an attribute"),
    (model_of(node=field(5, field(5, NAMED + RAW) + field(5, b"\x70\0"))), False, "that has it twice: merged"),
    (model_of(node=field(5, field(5, NAMED) + field(5, RAW + NAMED))), False, "whichever part is the large one"),
    (model_of(node=field(5, field(6, field(5, RAW)) + field(6, field(5, RAW)))), True, "a body that is there twice"),
    (model_of(node=field(5, field(22, field(1, RAW) + field(1, NAMED)))), False, "values of a sparse tensor, twice"),
    (model_of(node=field(5, field(10, RAW) + field(10, RAW))), True, "a list of tensors"),
    (b"", True, "an empty file"),
    (bytes(99), False, "zeros"),
    (b"\xff" * 99, False, "ones"),
]


@pytest.mark.parametrize(("content", "taken", "proof"), UNUSUAL, ids=[row[-1] for row in UNUSUAL])
def test_unusual_bytes_mean_the_same(content, taken, proof):
    assert (light(content) is not None) == taken, proof
    whole, reduced = both(content)
    assert whole == reduced, proof


def nested(depth: int) -> bytes:
    graph = field(5, NAMED + RAW)
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return field(7, graph)


@pytest.mark.parametrize("depth", [1, 20, 31, 32, 33, 34, 60, 2000])
def test_graphs_in_graphs_mean_the_same(depth):
    whole, reduced = both(nested(depth))
    assert whole == reduced


CONTENTS = [
    *(holding(form).SerializeToString() for form in FORMS),
    RICH.SerializeToString(),
    *(content for content, _, _ in UNUSUAL if content),
]
LARGE_FIRST = [((0.02, ("set", 0x80)),), ((0.5, ("flip", 1)),)]


@settings(max_examples=500)
@example(CONTENTS[0], LARGE_FIRST[0], 8)
@example(CONTENTS[0], LARGE_FIRST[1], 8)
@given(st.sampled_from(CONTENTS), st.lists(edits, max_size=4), st.integers(1, 200))
def test_damaged_bytes_mean_the_same(content, changes, window):
    """The same model, or both refused, wherever the windows of the reader end."""
    damaged = edited(content, changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_wire, "_WINDOW", window)
        whole, reduced = both(damaged)
    if whole is None or reduced is None:
        assert whole is reduced
    else:  # compared as bytes: NaN is not equal to itself
        assert whole.SerializeToString(deterministic=True) == reduced.SerializeToString(deterministic=True)


def test_real_models_mean_the_same():
    paths = sorted(Path(loader.DATA_DIR).glob("*/*/model.onnx"))
    assert len(paths) > 100
    for path in paths:
        whole, reduced = both(path.read_bytes())
        assert whole == reduced, path


# --- files -----------------------------------------------------------------------------------------


def test_a_file_that_gets_shorter_is_left_to_protobuf():
    content = holding("raw_data").SerializeToString()
    assert onnx_wire.reduced(lambda start, end: content[start : min(end, 900)], len(content)) is None


def test_weights_are_not_read(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(onnx_wire, "SMALL_BYTES", 4096)
    monkeypatch.setattr(onnx_wire, "_WINDOW", 4096)
    weights = [numpy_helper.from_array(np.zeros((256, 1024), "float32"), f"w{n}") for n in range(20)]
    content = helper.make_model(helper.make_graph([], "g", [], [], weights)).SerializeToString()
    read_bytes = []

    def some(start: int, end: int) -> bytes:
        read_bytes.append(end - start)
        return content[start:end]

    reduced = onnx_wire.reduced(some, len(content))
    assert reduced is not None
    assert len(reduced) < 2000
    assert sum(read_bytes) < len(content) / 50


@pytest.fixture
def past_the_end(tmp_path) -> Path:
    """A file of more than 2 GiB, nearly all of it one weight; it takes no space."""
    path = tmp_path / "large.onnx"
    weight = 2**31
    before = field(8, b"w") + field(1, varint(weight // 4), wire=0) + field(2, b"\x01", wire=0)
    stored = before + varint(9 << 3 | 2) + varint(weight)
    node = field(1, b"x") + field(1, b"w") + field(2, b"y") + field(4, b"Mul")
    after = field(1, node)
    initializer = varint(5 << 3 | 2) + varint(len(stored) + weight)
    graph = varint(7 << 3 | 2) + varint(len(initializer) + len(stored) + weight + len(after))
    with open(path, "wb") as file:
        file.write(graph + initializer + stored)
        file.seek(weight, 1)
        file.write(after + field(8, field(2, b"\x11", wire=0)))
    return path


def test_a_file_past_protobufs_end_is_read_all_the_same(past_the_end):
    assert past_the_end.stat().st_size > 2**31
    inventory = capture(resolve(str(past_the_end)), None, Options())
    assert operators(inventory) == ["Mul"]
    assert inventory.params == 2**29
    assert "larger than the 2 GiB" in inventory.rungs[0].reason  # which others do not read


@pytest.mark.parametrize("form", FORMS)
def test_inventories_are_those_of_the_full_read(form, tmp_path, monkeypatch):
    model = holding(form)
    monkeypatch.setattr("opscan.trace.onnx_bytes._WORTH_REDUCING", 0)
    quick = inspected(model, tmp_path)
    monkeypatch.setattr(onnx_wire, "without_weights", lambda *_: None)
    assert inspected(model, tmp_path) == quick
    assert quick.params == 5 * 40
