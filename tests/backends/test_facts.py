# ruff: noqa: E501 -- one row per fact
"""A handful of known facts about each backend, held against its shipped profile."""

import pytest

from opscan import backends
from opscan.core.inventory import Site, TensorSpec
from opscan.core.judge import judge
from opscan.core.operator import OpName
from opscan.core.verdict import Support

YES, MAYBE, UNKNOWN, NO, BROKEN = Support


def t(*shape, dtype="float32", constant=False):
    return TensorSpec(shape, dtype, "x", constant)


IMAGE, WEIGHT, SHAPE = t(1, 3, 8, 8), t(4, 3, 3, 3, constant=True), t(4, dtype="int64", constant=True)

FACTS = [
    ("onnxruntime-cpu", "RoiAlign", 16, {"T1": "float32", "T2": "int64"}, [IMAGE], {}, YES, "a kernel for version 16"),
    ("onnxruntime-cpu", "RoiAlign", 22, {"T1": "float32", "T2": "int64"}, [IMAGE], {}, NO, "an open range is its first version only"),
    ("onnxruntime-cpu", "Add", 14, {"T": "bfloat16"}, [IMAGE], {}, NO, "no kernel for bfloat16"),
    ("onnxruntime-cpu@1.14", "DeformConv", 19, {"T": "float32"}, [IMAGE], {}, NO, "not yet in 1.14"),
    ("onnxruntime-cuda", "Conv", 11, {"T": "float16"}, [IMAGE], {}, YES, "half precision on the GPU"),
    ("onnxruntime-directml", "Conv", 11, {"T": "float64"}, [IMAGE], {}, NO, "no float64"),
    ("onnxruntime-webgpu", "Conv", 11, {"T": "float32"}, [t(1, 3, 8, 8, 8)], {}, NO, "no 3-D convolution"),
    ("onnxruntime-webgpu", "Reshape", 14, {"T": "float32"}, [IMAGE], {}, YES, "`no GPU kernel` is no limit: it runs on the CPU"),
    ("onnxruntime-webnn", "Where", 9, {}, [IMAGE], {}, YES, "the list's range before the first version is a slip"),
    ("onnxruntime-webnn", "Reshape", 14, {"T": "float32"}, [IMAGE, t(4, dtype="int64")], {}, NO, "the shape must be constant"),
    ("onnxruntime-coreml-mlprogram", "ArgMax", 13, {"T": "float32"}, [IMAGE], {}, YES, "listed as Argmax"),
    ("onnxruntime-coreml-nn", "Conv", 11, {"T": "float32"}, [IMAGE, t(4, 3, 3, 3)], {}, NO, "the weight must be constant"),
    ("onnxruntime-nnapi", "MaxPool", 12, {"T": "float32"}, [t(1, 3, 8)], {}, NO, "2-D pooling only"),
    ("onnxruntime-openvino", "GridSample", 20, {}, [IMAGE], {"mode": "linear"}, BROKEN, "the session cannot be created"),
    ("openvino-cpu", "GridSample", 16, {"T1": "float32"}, [IMAGE], {"mode": "bilinear"}, YES, "missing from the published list, and converted"),
    ("openvino-npu", "Softmax", 13, {"T": "float32"}, [t(1, 2, 2, 2, 2, 2)], {"axis": -1}, NO, "rank 6 never passes"),
    ("openvino-gpu", "Det", 11, {"T": "float32"}, [t(2, 2)], {}, NO, "the frontend has no translator, on any device"),
    ("openvino-gpu", "AffineGrid", 20, {}, [t(1, 2, 3)], {}, UNKNOWN, "has one, and was not measured"),
    ("tensorrt", "GridSample", 20, {"T1": "float32"}, [IMAGE], {"mode": "linear"}, BROKEN, "NVIDIA/TensorRT#4646"),
    ("tensorrt@8.4", "GridSample", 16, {"T1": "float32"}, [IMAGE], {}, NO, "not yet in 8.4"),
    ("tensorrt", "MaxPool", 12, {"T": "float32"}, [t(1, 3, 8)], {}, NO, "2-D or 3-D pooling only"),
    ("tensorrt-rtx", "Abs", 13, {"T": "float64"}, [IMAGE], {}, NO, "no pass for float64"),
    ("qnn-htp", "Elu", 22, {"T": "float32"}, [t(1, 2, 2, 2, 2)], {}, NO, "rank 5 never passes"),
    ("qnn-htp", "Slice", 13, {"T": "float32", "Tind": "int64"}, [IMAGE, t(1, dtype="int64")], {}, NO, "starts must be constant"),
    ("migraphx", "GridSample", 16, {}, [t(1, 3, 4, 4, 4)], {}, NO, "no 5-D input"),
    ("tract", "Reshape", 14, {}, [IMAGE, t(4, dtype="int64")], {}, NO, "the shape must be constant"),
    ("tract", "Reshape", 14, {}, [IMAGE, SHAPE], {}, YES, "and may be anything then"),
    ("burn", "Conv", 11, {}, [t(1, 3, 8, 8, 8)], {}, YES, "listed as Conv3d"),
    ("burn", "Conv", 11, {}, [t(1, 3)], {}, NO, "no Conv of rank 2 is listed"),
    ("tvm", "Reshape", 14, {}, [IMAGE, t(4, dtype="int64")], {}, NO, "the shape must be constant"),
    ("tvm", "Attention", 23, {}, [IMAGE], {}, NO, "the converter of com.microsoft takes it and fails"),
    ("iree", "GridSample", 16, {}, [IMAGE, t(1, 8, 8, 2)], {"padding_mode": "border"}, NO, "zeros only"),
    ("onnx-mlir-nnpa", "Add", 14, {"T": "float32"}, [IMAGE, t(3, 1, 1)], {}, NO, "no broadcasting"),
    ("onnx-mlir-cpu", "Adagrad", None, {}, [IMAGE], {}, NO, "training"),
    ("mnn", "GridSample", 20, {}, [IMAGE], {"mode": "linear"}, BROKEN, "prints a warning and reports success"),
    ("tinygrad", "Einsum", 12, {}, [IMAGE], {}, YES, "in its table"),
    ("esp-dl", "AveragePool", 11, {}, [t(1, 3, 8, 8, 8)], {}, NO, "1-D and 2-D only"),
    ("axera-ax650", "ArgMax", 13, {}, [IMAGE], {"select_last_index": 1}, NO, "select_last_index must be 0"),
    ("ascend", "Conv", 11, {}, [IMAGE, WEIGHT], {}, MAYBE, "names only: its limits are elsewhere"),
    ("furiosa", "Conv", 11, {}, [IMAGE, WEIGHT], {"group": 256}, NO, "at most 128 groups"),
    ("onnx2torch", "Relu", 14, {}, [IMAGE], {}, YES, "exactly this version"),
    ("executorch-xnnpack", "aten::add.Tensor", None, {}, [IMAGE, IMAGE], {"alpha": 2}, NO, "alpha must be 1"),
    ("executorch-vulkan", "aten::abs", None, {}, [t(1, 2, 2, 2, 2)], {}, NO, "at most rank 4"),
    ("executorch-portable", "aten::add.Tensor", None, {}, [IMAGE, IMAGE], {}, YES, "registered as aten::add.out"),
    ("executorch-qnn", "aten::abs", None, {}, [IMAGE], {}, MAYBE, "a validator decides"),
    ("executorch-arm-tosa-fp", "aten::convolution", None, {}, [IMAGE], {}, MAYBE, "a class of its own takes it, beside the list"),
    ("executorch-arm-tosa-fp", "aten::clone", None, {}, [IMAGE], {}, UNKNOWN, "such a class may"),
    ("executorch-qnn", "aten::addmm", None, {}, [IMAGE], {}, UNKNOWN, "lists linear, which it may have kept whole"),
    ("executorch-samsung-enn", "aten::convolution", None, {}, [IMAGE, WEIGHT], {}, UNKNOWN, "lists conv2d"),
    ("executorch-arm-tosa-fp", "aten::abs", None, {}, [IMAGE], {}, YES, "in the profile's list"),
    ("torch-tensorrt", "aten::relu", None, {}, [IMAGE], {}, YES, "has a converter"),
    ("torch-tensorrt", "aten::max_pool2d_with_indices", None, {}, [IMAGE], {}, MAYBE, "lowered to max_pool2d where the indices are not used"),
    ("torch-tensorrt", "aten::alias", None, {}, [IMAGE], {}, YES, "taken out before conversion"),
    ("executorch-xnnpack", "aten::max_pool2d_with_indices", None, {}, [IMAGE], {}, MAYBE, "its partitioner has max_pool2d kept whole"),
    ("executorch-xnnpack", "aten::avg_pool2d", None, {}, [IMAGE], {"count_include_pad": False, "divisor_override": None}, YES, "None is the pooling region"),
    ("coremltools", "aten::grid_sampler_2d", None, {}, [IMAGE], {}, MAYBE, "registered as grid_sampler, as torch.export has it"),
    ("coremltools", "aten::asinh", None, {}, [IMAGE], {}, YES, "registered"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "operator", "since", "types", "inputs", "attributes", "support", "why"),
    FACTS,
    ids=[f"{row[0]} {row[1]}: {row[-1]}" for row in FACTS],
)
def test_facts(backend, operator, since, types, inputs, attributes, support, why):
    profile = backends.load(backend)
    site = Site(
        op=OpName.parse(operator),
        module="",
        since_version=since,
        types=types,
        inputs=tuple(inputs),
        outputs=(inputs[0],),
        attributes=attributes,
        defaults={},
    )
    found = judge(site, profile, quantized=False)
    assert found.support is support, (why, found.reason)
