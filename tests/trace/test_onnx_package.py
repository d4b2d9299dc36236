"""onnx without its own code: what is put off comes when it is asked for, and answers are the same."""

import random
import struct
import subprocess
import sys

import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from opscan.trace import onnx_compiled
from opscan.trace.onnx_values import attribute_value

np = numpy_helper.np

# what is asked of the package once a part of it is there, what the row proves
ASKED = [
    ("import onnx; print(onnx.helper.make_opsetid('', 17).version)", "17", "an attribute"),
    ("from onnx import helper; print(helper.make_opsetid('', 17).version)", "17", "a name imported from it"),
    ("import onnx.numpy_helper as n; print(n.to_array.__name__)", "to_array", "another module of it"),
    ("import onnx; print(onnx.onnx_ml_pb2 is sys.modules['onnx.onnx_ml_pb2'])", "True", "a part that is there"),
    ("import onnx; print(onnx.ModelProto is onnx.onnx_ml_pb2.ModelProto)", "True", "one class of messages"),
    (
        "from google.protobuf.internal import python_message as p; "
        "print(p.GeneratedProtocolMessageType.__name__, type(p).__name__)",
        "GeneratedProtocolMessageType module",
        "protobuf's messages in Python",
    ),
    ("import onnx; print(hasattr(onnx, 'nothing'), type(onnx).__name__)", "False module", "a name it lacks"),
]


@pytest.mark.parametrize(("code", "said", "proof"), ASKED, ids=[row[-1] for row in ASKED])
def test_what_is_put_off_comes_when_it_is_asked_for(code, said, proof):
    before = (
        "import sys; from opscan.trace import onnx_package; onnx_package.defer(); import onnx.onnx_ml_pb2\n"
        "from opscan.trace import onnx_compiled; onnx_compiled.schema('Relu', '', 17)\n"
        "assert not sys.modules.keys() & {'numpy', 'google.protobuf.text_format'}\n"
    )
    command = [sys.executable, "-c", before + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said, proof


def test_an_imported_package_stays_as_it_is():
    code = "import onnx; from opscan.trace import onnx_package; onnx_package.defer(); print(type(onnx).__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "module\n"


def test_the_compiled_part_answers_as_the_package_does():
    schema = onnx_compiled.schema("Conv", "", 17)
    assert schema.since_version == onnx.defs.get_schema("Conv", 17, "").since_version
    assert onnx_compiled.default_value(schema.attributes["group"]) == schema.attributes["group"].default_value
    assert onnx_compiled.schema("Nothing", "", 17) is None
    assert onnx_compiled.newest()[""] == onnx.defs.onnx_opset_version()
    assert onnx_compiled.newest()["ai.onnx.ml"] == onnx.defs.onnx_ml_opset_version()
    assert onnx_compiled.IR_VERSION == onnx.IR_VERSION


def test_decimals_are_numpys():
    """All of them are the same float32, and as short; numpy writes a few powers of two a digit shorter."""
    chance = random.Random(0)
    values = [struct.unpack("f", struct.pack("I", chance.getrandbits(32)))[0] for _ in range(5000)]
    for value in filter(np.isfinite, values):
        ours = attribute_value(helper.make_attribute("a", value))
        assert ours == float(str(np.float32(value)))
    for power in range(-149, 128):
        ours = attribute_value(helper.make_attribute("a", 2.0**power))
        assert np.float32(ours) == np.float32(2.0**power)
    for odd in (float("inf"), float("-inf")):
        assert attribute_value(helper.make_attribute("a", odd)) == odd
    assert str(attribute_value(AttributeProto(name="a", type=AttributeProto.FLOAT, f=float("nan")))) == "nan"


# dtype, numbers
STORED = [("float32", [0.1, -2.5]), ("float64", [0.1]), ("int64", [-1, 2**40]), ("int32", [7, 8]), ("bool", [True])]


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(("dtype", "numbers"), STORED)
def test_stored_values_are_numpys(dtype, numbers, raw):
    array = np.array(numbers, dtype)
    code = helper.np_dtype_to_tensor_dtype(array.dtype)
    stored = helper.make_tensor("t", code, array.shape, array.tobytes() if raw else numbers, raw=raw)
    assert attribute_value(helper.make_attribute("a", stored)) == tuple(array.tolist())


def test_values_that_do_not_fit_their_shape_are_given_by_type():
    stored = TensorProto(data_type=TensorProto.INT64, dims=[3], raw_data=b"\x01")
    assert attribute_value(helper.make_attribute("a", stored)) == "int64[3]"
    stored = TensorProto(data_type=TensorProto.INT64, dims=[3], int64_data=[1])
    assert attribute_value(helper.make_attribute("a", stored)) == "int64[3]"
