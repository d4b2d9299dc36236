# ruff: noqa: E501 -- one row per case
"""onnxruntime-cpu's profile against onnxruntime itself."""

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from opscan import backends
from opscan.core.operator import OpName
from opscan.core.verdict import Support
from opscan.pipeline.gates import check
from opscan.pipeline.options import Options
from tests.backends.standard import dtypes, schemas

ORT = "onnxruntime-cpu"

same_release = pytest.mark.skipif(
    onnxruntime.__version__ != backends.load(ORT).version,
    reason="the profile describes another release of onnxruntime than the one installed",
)
CODES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    **{
        name: getattr(TensorProto, name.upper())
        for name in ("float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")
    },
}  # fmt: skip


def one_node(operator: str, opset: int, inputs: list[str], output: str, **attributes) -> onnx.ModelProto:
    """A model of one node; a value is written `float32 2,3`, without shape where it is not known."""
    name = OpName.parse(operator)
    values = [_value(f"x{number}", text) for number, text in enumerate(inputs)]
    node = helper.make_node(name.name, [v.name for v in values], ["y"], "the_node", domain=name.domain, **attributes)
    graph = helper.make_graph([node], "g", values, [_value("y", output)])
    domains = {"": opset} | ({name.domain: 1} if name.domain else {})
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*d) for d in domains.items()], ir_version=10)


def _value(name: str, text: str) -> onnx.ValueInfoProto:
    dtype, _, shape = text.partition(" ")
    return helper.make_tensor_value_info(name, CODES[dtype], [int(d) for d in shape.split(",")] if shape else None)


def accepted(model: onnx.ModelProto) -> str:
    """Empty where onnxruntime makes a session of it, else what it says."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base
        return str(error)
    return ""


@pytest.fixture
def verdict(tmp_path):
    """opscan's verdict of a model."""

    def judged(model):
        onnx.save(model, tmp_path / "model.onnx")
        return check(str(tmp_path / "model.onnx"), ORT, Options()).verdict.value

    return judged


M = "float32 2,3"
# operator, opset, inputs, output, attributes, whether it is supported, what it proves
MODELS = [
    ("Relu", 17, [M], M, {}, True, "a kernel for the schema's version"),
    ("Relu", 13, [M], M, {}, True, "an older version within a kernel's range"),
    ("MatMul", 13, [M, "float32 3,2"], "float32 2,2", {}, True, "two inputs"),
    ("Add", 14, ["int16 2,3", "int16 2,3"], "int16 2,3", {}, True, "a dtype that came with a version"),
    ("Add", 13, ["int16 2,3", "int16 2,3"], "int16 2,3", {}, False, "and that the version before lacks"),
    ("Acos", 17, ["float64 2,3"], "float64 2,3", {}, False, "a dtype without kernel"),
    ("Acos", 17, ["float16 2,3"], "float16 2,3", {}, True, "one that onnxruntime casts to float32"),
    ("Conv", 11, ["float64 1,1,4,4", "float64 1,1,2,2"], "float64 1,1,3,3", {}, False, "a dtype that ONNX allows and no kernel has"),
    ("Det", 11, ["float16 2,2"], "float16", {}, True, "cast, too"),
    ("Erf", 13, ["float64 2,3"], "float64 2,3", {}, False, "not cast: only float16 is"),
    ("Upsample", 9, ["float32 1,1,2,2", "float32 4"], "float32 1,1,4,4", {}, True, "an operator before it was removed"),
    ("Upsample", 10, ["float32 1,1,2,2", "float32 4"], "float32 1,1,4,4", {}, False, "and after"),
    ("RoiAlign", 16, ["float32 1,1,4,4", "float32 1,4", "int64 1"], "float32 1,1,1,1", {}, True, "an open range covers its version"),
    ("RoiAlign", 22, ["float32 1,1,4,4", "float32 1,4", "int64 1"], "float32 1,1,1,1", {}, False, "and no later one"),
    ("GlobalLpPool", 22, ["float32 1,2,3,3"], "float32 1,2,1,1", {}, False, "as everywhere in the registry"),
    ("my.domain::Relu", 17, [M], M, {}, False, "an unknown domain, whatever the name"),
    ("Nope", 17, [M], M, {}, False, "an unknown operator of the standard's domain"),
    ("com.microsoft::Gelu", 17, [M], M, {}, True, "onnxruntime's own operator: dtypes by operand"),
    ("HardSwish", 14, [M], M, {}, True, "no kernel, but a function body whose operators have one"),
    ("LeakyRelu", 16, ["float64 2,3"], "float64 2,3", {}, True, "a kernel for other dtypes, and a function body"),
    ("LeakyRelu", 21, ["float64 2,3"], "float64 2,3", {}, False, "which is of no use once an operator in it has changed"),
    ("Gelu", 20, ["float64 2,3"], "float64 2,3", {}, False, "here the body lacks a kernel"),
    ("HardSwish", 18, ["float64 2,3"], "float64 2,3", {}, True, "a body in a body"),
    ("HardSwish", 20, ["float64 2,3"], "float64 2,3", {}, False, "the inner one of no use"),
    ("MeanVarianceNormalization", 13, ["float64 1,2,3,3"], "float64 1,2,3,3", {}, False, "a body that is valid for float32 only"),
    ("NegativeLogLikelihoodLoss", 20, ["float64 2,3", "int64 2"], "float64", {}, True, "a body that depends on the call"),
    ("SoftmaxCrossEntropyLoss", 13, ["float64 2,3", "int64 2"], "float64", {"reduction": "sum"}, True, "and on its attributes"),
]  # fmt: skip


@same_release
@pytest.mark.parametrize(
    ("operator", "opset", "inputs", "output", "attributes", "supported", "why"), MODELS, ids=[row[-1] for row in MODELS]
)
def test_the_verdict_is_what_onnxruntime_does(verdict, operator, opset, inputs, output, attributes, supported, why):
    model = one_node(operator, opset, inputs, output, **attributes)
    assert verdict(model) == {True: "supported", False: "unsupported", None: "unknown"}[supported], why
    if supported is not None:
        assert (accepted(model) == "") == supported, f"onnxruntime: {accepted(model)}"


@same_release
def test_sequences_are_judged_by_what_they_hold(tmp_path):
    value = _value("a", "float32 2,3")
    nodes = [
        helper.make_node("SequenceConstruct", ["a", "a"], ["s"]),
        helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0),
    ]
    graph = helper.make_graph(nodes, "g", [value], [_value("y", "float32 4,3")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    coverage = check(str(tmp_path / "model.onnx"), ORT, Options())
    assert coverage.findings == ()
    assert accepted(model) == ""


OPSETS = (9, 13, 18, 22, 28)


def _elementwise(opset: int) -> list[onnx.defs.OpSchema]:
    """Operators of one or two inputs and one output, all of the type T, that need nothing but a shape.

    At the versions that this opset selects and the one before in OPSETS did not.
    """
    before = max((o for o in OPSETS if o < opset), default=5)
    newest = {name: max((v for v in vs if v <= opset), default=0) for name, vs in schemas().items()}
    return [
        schema
        for name, version in newest.items()
        if version > before
        for schema in [schemas()[name][version]]
        if schema.domain == "" and not schema.deprecated
        if 1 <= schema.min_input <= 2 and len(schema.outputs) == 1
        if all(i.type_str == "T" for i in (*schema.inputs[: schema.min_input], schema.outputs[0]))
        if not any(attribute.required for attribute in schema.attributes.values())
        if name not in ("Gemm", "MatMul", "Det", "Split")
    ]


@same_release
@pytest.mark.parametrize("opset", OPSETS)
def test_no_verdict_contradicts_onnxruntime(tmp_path, opset):
    """Operator by operator, dtype by dtype: what it refuses is not called supported, nor the reverse."""
    models = [
        one_node(schema.name, opset, [f"{dtype} 1,2,3,3"] * schema.min_input, dtype)
        for schema in _elementwise(opset)
        for dtype in CODES
        if dtype in dtypes(schema.type_constraints[0].allowed_type_strs)
    ]
    assert len(models) > 50
    together = onnx.ModelProto()
    together.CopyFrom(models[0])
    del together.graph.node[:], together.graph.input[:], together.graph.output[:]
    for number, model in enumerate(models):
        apart = onnx.compose.add_prefix(model, f"{number}.")
        for field in ("node", "input", "output"):
            getattr(together.graph, field).extend(getattr(apart.graph, field))
    onnx.save(together, tmp_path / "model.onnx")
    verdicts = check(str(tmp_path / "model.onnx"), ORT, Options()).verdicts
    assert len(verdicts) == len(models)
    contradictions = [
        f"{v.support}, but onnxruntime: {accepted(model) or 'accepted'} ({v.site.op} {v.site.types})"
        for v, model in zip(verdicts, models, strict=True)
        if (v.support is Support.SUPPORTED) != (accepted(model) == "")
    ]
    assert contradictions == []
