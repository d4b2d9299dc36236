# ruff: noqa: E501 -- one row per form
"""The recognised forms of remarks: one row each, its pattern, the clauses, and an example that is tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Template = Mapping[str, Any]

# Parts of patterns: names of operands or attributes, in a list or alone.
_NAME = r"['\"`]?\w+['\"`]?"
_NAMES = rf"((?:{_NAME})(?:(?:,\s*and\s+|,\s*|/|\s+and\s+|\s+or\s+){_NAME})*)"
_BE = r"(?:must|should|may only) be"
_CONSTANT = r"(?:a |an |the )?(?:build-time )?(?:constant|initailizer|initializer)(?: initializer| tensor| argument)?s?"
_ONLY = r"(?:currently |Currently )?(?:only )?(?:supports?|supported)?\s*(?:only )?(?:setting )?(?:to )?"
_VALUE = r"([-\w./\"'、, ]+?)"
_INTEGERS_BELOW_32 = ("int8", "int16", "uint8", "uint16")
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_HALVES = ("int4", "uint4")
_ONES = [1]


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which lists say something."""

    pattern: str
    """Of a whole statement, in any case."""
    clauses: tuple[Template, ...] = ()
    r"""`\1` stands for a group of the pattern; see opscan.backends.csv_import.remarks for the keys."""
    example: tuple[str, str] = ("", "")
    """An operator and a statement about it."""
    becomes: Any = None
    """The clauses, dtypes, or note of the example."""
    note: str | None = None
    """Not a limit but a note: these words, or the statement's own for `""`."""
    rest: str = ""
    """What of the statement stays a restriction."""
    may_be_empty: bool = False
    """Whether it says nothing of some operators."""


def _operand(test: Mapping[str, Any], names: str = r"\1") -> tuple[Template, ...]:
    return ({"operands": names, **test},)


def _attribute(names: str, test: str, values: Any) -> tuple[Template, ...]:
    return ({"attributes": names, test: values},)


_RANK_34 = ({"input": 0, "rank": [3, 4]},)

# fmt: off
FORMS: tuple[Form, ...] = (
    # --- whole statements of one list
    Form(r"to:([\w/]+)", ({"variable": "T2", "dtypes": r"\1"},), ("Cast", "to:uint8/float32"), {"T2": ("uint8", "float32")}),
    Form(r"Unlimitednearest_mode: Only supports setting to round_prefer_ceil|scales: Unlimitednearest_mode: Only supports setting to round_prefer_ceil", _attribute("nearest_mode", "in", ["round_prefer_ceil"]), ("Resize", "scales: Unlimitednearest_mode: Only supports setting to round_prefer_ceil"), [{"attribute": "nearest_mode", "in": ["round_prefer_ceil"]}]),
    Form(r"not suppors elemwise's calculation, exponent only supports initializer form and is a scalar|Elementwise computation is not supported, the exponent must be provided as an initializer and must be a\.*", ({"input": 1, "as": "exponent", "constant": True}, {"input": 1, "as": "exponent", "rank": [0, 1]}), ("Pow", "not suppors elemwise's calculation, exponent only supports initializer form and is a scalar"), [{"input": 1, "as": "exponent", "constant": True}, {"input": 1, "as": "exponent", "rank": [0, 1]}]),
    Form(r"cubic, half_pixel_symmetric, tf_crop_and_resize not supported, linear mode not supported for non-constant inputs, exclude_outside 1 is not supported, antialias, extrapolation_value, keep_aspect_ratio_policy not supported", (*_attribute("mode", "not_in", ["cubic"]), *_attribute("coordinate_transformation_mode", "not_in", ["half_pixel_symmetric", "tf_crop_and_resize"]), *_attribute("exclude_outside", "in", [0]), {"unsupported": "antialias"}, {"unsupported": "keep_aspect_ratio_policy"}), ("Resize", "cubic, half_pixel_symmetric, tf_crop_and_resize not supported, linear mode not supported for non-constant inputs, exclude_outside 1 is not supported, antialias, extrapolation_value, keep_aspect_ratio_policy not supported"), [{"attribute": "mode", "not_in": ["cubic"]}, {"attribute": "coordinate_transformation_mode", "not_in": ["half_pixel_symmetric", "tf_crop_and_resize"]}, {"attribute": "exclude_outside", "in": [0]}, {"attribute": "antialias", "in": [0]}, {"attribute": "keep_aspect_ratio_policy", "in": ["stretch"]}], rest="linear mode not supported for non-constant inputs"),
    Form(r"Missing support for linear, cubic, crop, pytorch_half_pixel, and floor", (*_attribute("mode", "not_in", ["linear", "cubic"]), *_attribute("coordinate_transformation_mode", "not_in", ["tf_crop_and_resize", "pytorch_half_pixel"]), *_attribute("nearest_mode", "not_in", ["floor"])), ("Resize", "Missing support for linear, cubic, crop, pytorch_half_pixel, and floor"), [{"attribute": "mode", "not_in": ["linear", "cubic"]}, {"attribute": "coordinate_transformation_mode", "not_in": ["tf_crop_and_resize", "pytorch_half_pixel"]}, {"attribute": "nearest_mode", "not_in": ["floor"]}]),
    Form(r"Default axis and do_not_keep_dim not supported", (*_operand({"present": True}, "axes"), *_attribute("keepdims", "in", [1])), ("ReduceSum", "Default axis and do_not_keep_dim not supported"), [{"input": 1, "as": "axes", "present": True}, {"attribute": "keepdims", "in": [1]}]),
    Form(r"Does not support masked and training", ({"outputs_from": 1}, {"unsupported": "training_mode"}), ("Dropout", "Does not support masked and training"), [{"output": 1, "present": False}, {"input": 2, "as": "training_mode", "present": False}]),
    Form(r"Only supports test mode", ({"unsupported": "training_mode"},), ("Dropout", "Only supports test mode"), [{"input": 2, "as": "training_mode", "present": False}]),
    Form(r"is_traning must be an initializer and evaluate to False", _operand({"constant": True}, "training_mode"), ("Dropout", "is_traning must be an initializer and evaluate to False"), [{"input": 2, "as": "training_mode", "constant": True}]),
    Form(r"Does not support argmax and short ints", ({"outputs_from": 1}, {"not_dtypes": _INTEGERS_BELOW_32}), ("MaxPool", "Does not support argmax and short ints"), [{"output": 1, "present": False}]),
    Form(r"axis dimension of input must be a build-time constant", ({"input": 0, "static_shape": True},), ("Hardmax", "axis dimension of input must be a build-time constant"), [{"input": 0, "static_shape": True}]),
    Form(r"Rank of C must be 1 or 2", _operand({"rank": [1, 2]}, "C"), ("Gemm", "Rank of C must be 1 or 2"), [{"input": 2, "as": "C", "rank": [1, 2]}]),
    Form(r"Input tensor must be 4D tensors and axis must be \[2, 3\]", ({"input": 0, "rank": [4]},), ("ReduceMean", "Input tensor must be 4D tensors and axis must be [2, 3]"), [{"input": 0, "rank": [4]}], rest="axis must be [2, 3]"),
    Form(r"Only constant mode and last two dim padding is supported", _attribute("mode", "in", ["constant"]), ("Pad", "Only constant mode and last two dim padding is supported"), [{"attribute": "mode", "in": ["constant"]}], rest="last two dim padding"),
    Form(rf"Does not support inputs {_NAMES}", ({"unsupported": r"\1"},), ("com.microsoft::MultiHeadAttention", "Does not support inputs bias, key_padding_mask"), [{"input": 3, "as": "bias", "present": False}, {"input": 4, "as": "key_padding_mask", "present": False}]),
    Form(rf"{_NAMES} attributes are unsupported", ({"unsupported": r"\1"},), ("Constant", "sparse_value, value_string, and value_strings attributes are unsupported"), [{"attribute": "sparse_value", "present": False}, {"attribute": "value_string", "present": False}, {"attribute": "value_strings", "present": False}]),
    Form(r"divisor_override=False", ({"unsupported": "divisor_override"},), ("aten::avg_pool2d", "divisor_override=False"), [{"attribute": "divisor_override", "present": False}]),
    Form(r"exclude_outside 1 is not supported", _attribute("exclude_outside", "in", [0]), ("Resize", "exclude_outside 1 is not supported"), [{"attribute": "exclude_outside", "in": [0]}]),
    Form(r"(\w+) dynamic shape is not supported|scales and sizes must have static dimension", _operand({"static_shape": True}), ("CumSum", "axis dynamic shape is not supported"), [{"input": 1, "as": "axis", "static_shape": True}]),
    Form(r"(K), the number of top elements to retrieve, must have static shape", _operand({"static_shape": True}), ("TopK", "K, the number of top elements to retrieve, must have static shape"), [{"input": 1, "as": "K", "static_shape": True}]),
    Form(r"expected seed value to be 0", ({"unsupported": "seed"},), ("Dropout", "expected seed value to be 0"), [{"attribute": "seed", "present": False}]),
    Form(r"unimplemented support for the given stash_type", ({"unsupported": "stash_type"},), ("LayerNormalization", "unimplemented support for the given stash_type"), [{"attribute": "stash_type", "in": [1]}]),
    Form(r"expected last dimension of indices to be static(?: and greater than zero)?", _operand({"dim": -1, "at_least": 1}, "indices"), ("GatherND", "expected last dimension of indices to be static"), [{"input": 1, "as": "indices", "dim": -1, "at_least": 1}]),
    Form(r"Unsupported: the second dimension size must be statically known|GroupNormalization-18 requires a statically known channel count to expand per-group scale/bias to per-channel", ({"input": 0, "dim": 1, "at_least": 1},), ("LRN", "Unsupported: the second dimension size must be statically known"), [{"input": 0, "dim": 1, "at_least": 1}]),
    Form(r"GroupNormalization-18 currently only supports float32 inputs", ({"inputs": [0], "dtypes": ["float32"]},), ("GroupNormalization", "GroupNormalization-18 currently only supports float32 inputs"), {"input 0": ("float32",)}),
    Form(r"\w+ blocked quantization is not supported yet", _attribute("block_size", "in", [0]), ("DequantizeLinear", "DequantizeLinear blocked quantization is not supported yet"), [{"attribute": "block_size", "in": [0]}]),
    Form(r"QuantizeLinear float8 quantization with saturate=0 is not supported yet|saturate(?: is)? not supported", _attribute("saturate", "in", [1]), ("QuantizeLinear", "QuantizeLinear float8 quantization with saturate=0 is not supported yet"), [{"attribute": "saturate", "in": [1]}]),
    Form(r"QuantizeLinear with a non-default precision attribute is not supported yet", _attribute("precision", "in", [0]), ("QuantizeLinear", "QuantizeLinear with a non-default precision attribute is not supported yet"), [{"attribute": "precision", "in": [0]}]),
    Form(r"Dynamic Split not yet supported", _operand({"constant": True}, "split"), ("Split", "Dynamic Split not yet supported"), [{"input": 1, "as": "split", "constant": True}]),
    Form(r"Slice with dynamic parameters .*", ({"inputs_from": 1, "constant": True},), ("Squeeze", "Slice with dynamic parameters requires a statically known input rank"), [{"input": 1, "as": "axes", "constant": True}]),
    Form(r"Squeeze with symbolic axes not supported|(?:Unsqueeze|Squeeze) with dynamic axes requires a statically known input rank", _operand({"constant": True}, "axes"), ("Squeeze", "Squeeze with symbolic axes not supported"), [{"input": 1, "as": "axes", "constant": True}]),
    Form(r"Squeeze on symbolic shape tensors only supports removing the sole axis|Unsqueeze with symbolic scalar inputs only supports axis 0", ({"input": 0, "static_shape": True},), ("Squeeze", "Squeeze on symbolic shape tensors only supports removing the sole axis"), [{"input": 0, "static_shape": True}]),
    Form(r"(?:no dynamic shapes|static shapes only|dynamic shape is not supported|Dynamic input shapes are unsupported|Does not support dynamic shapes|Input(?: shape)? must have static (?:shape|dimension)|inputs? must have static dimensions|Expected all sizes in input shape to be statically known|Input X and Y must have static shape)", ({"input": "*", "static_shape": True},), ("Expand", "dynamic shape is not supported"), [{"input": "*", "static_shape": True}]),
    Form(r"edge, wrap padding not supported, pads must be constant", (*_attribute("mode", "not_in", ["edge", "wrap"]), *_operand({"constant": True}, "pads")), ("Pad", "edge, wrap padding not supported, pads must be constant"), [{"attribute": "mode", "not_in": ["edge", "wrap"]}, {"input": 1, "as": "pads", "constant": True}]),
    # --- constness
    Form(rf"(?:All )?(?:If provided, )?(?:Inputs? )?{_NAMES}(?: input| tensor)?(?: if provided| \(if present\)| if present)? {_BE} {_CONSTANT}(?: if provided)?", _operand({"constant": True}), ("CumSum", "axis must be an initializer"), [{"input": 1, "as": "axis", "constant": True}]),
    Form(rf"Weight input (\w+) {_BE} {_CONSTANT}(?: with static dimensions)?", _operand({"constant": True}), ("ConvTranspose", "Weight input W must be constant with static dimensions"), [{"input": 1, "as": "W", "constant": True}]),
    Form(rf"Weights (\w+) {_BE} {_CONSTANT}", _operand({"constant": True}), ("Conv", "Weights W must be an initailizer"), [{"input": 1, "as": "W", "constant": True}]),
    Form(rf"Scales (\w+) and biases (\w+) {_BE} {_CONSTANT}", (*_operand({"constant": True}), *_operand({"constant": True}, r"\2")), ("InstanceNormalization", "Scales scale and biases B must be initializers"), [{"input": 1, "as": "scale", "constant": True}, {"input": 2, "as": "B", "constant": True}]),
    Form(rf"Input '(\w+)' \(option '\w+' for WebNN\) if present {_BE} {_CONSTANT}", _operand({"constant": True}), ("Trilu", "Input 'k' (option 'diagonal' for WebNN) if present should be a constant"), [{"input": 1, "as": "k", "constant": True}]),
    Form(rf"Input '(\w+)' {_BE} a constant, 0 dimension value in '\w+' is not supported", _operand({"constant": True}), ("Reshape", "Input 'shape' should be a constant, 0 dimension value in 'shape' is not supported"), [{"input": 1, "as": "shape", "constant": True}]),
    Form(rf"All quantization scales and zero points {_BE} constant", ({"inputs_like": r"scale|zero_point", "constant": True},), ("DequantizeLinear", "All quantization scales and zero points should be constant"), [{"input": 1, "as": "x_scale", "constant": True}, {"input": 2, "as": "x_zero_point", "constant": True}]),
    Form(r"constant weights", _operand({"constant": True}, "weight"), ("aten::linear", "constant weights"), [{"input": 1, "as": "weight", "constant": True}]),
    Form(r"variable inputs are not supported", ({"inputs_from": 1, "constant": True},), ("Squeeze", "variable inputs are not supported"), [{"input": 1, "as": "axes", "constant": True}]),
    Form(r"(?:variable|dynamic) (\w+) (?:is|are) not supported(?: yet| for \w+)?", _operand({"constant": True}), ("TopK", "dynamic k is not supported"), [{"input": 1, "as": "K", "constant": True}]),
    Form(r"(\w+) with non-constant (\w+) input is not supported yet", _operand({"constant": True}, r"\2"), ("CumSum", "CumSum with non-constant axis input is not supported yet"), [{"input": 1, "as": "axis", "constant": True}]),
    Form(r"\w+ (\w+) must be a constant", _operand({"constant": True}), ("TopK", "TopK k must be a constant"), [{"input": 1, "as": "K", "constant": True}]),
    Form(r"Only constant (\w+) supported for \w+", _operand({"constant": True}), ("SplitToSequence", "Only constant split supported for SplitToSequence"), [{"input": 1, "as": "split", "constant": True}]),
    Form(r"only support constant int (\w+) values", _operand({"constant": True}), ("Unsqueeze", "only support constant int axes values"), [{"input": 1, "as": "axes", "constant": True}]),
    Form(r"Dynamic (\w+) are not supported(?: for \w+)? yet", _operand({"constant": True}), ("Pad", "Dynamic pads are not supported yet"), [{"input": 1, "as": "pads", "constant": True}]),
    Form(rf"(\w+) {_BE} constant", _operand({"constant": True}), ("Reshape", "shape must be constant"), [{"input": 1, "as": "shape", "constant": True}]),
    Form(r"(\w+) must not be constant", _operand({"constant": False}), ("Gather", "data must not be constant"), [{"input": 0, "as": "data", "constant": False}]),
    # --- operands that must be absent, outputs that must not be used
    Form(r"(?:Attribute )?(\w+)(?: attribute)?(?: arg)?(?::| is)? (?:currently )?not supported(?: yet)?", ({"unsupported": r"\1"},), ("LSTM", "P: Not supported yet"), [{"input": 7, "as": "P", "present": False}]),
    Form(r"(\w+) input not supported", ({"unsupported": r"\1"},), ("Pad", "axes input not supported"), [{"input": 3, "as": "axes", "present": False}]),
    Form(r"input '(\w+)' is not supported", ({"unsupported": r"\1"},), ("com.microsoft::MatMulNBits", "input 'g_idx' is not supported"), [{"input": 4, "as": "g_idx", "present": False}]),
    Form(r"(\w+): This parameter is not supported yet", ({"unsupported": r"\1"},), ("ReduceMax", "noop_with_empty_axes: This parameter is not supported yet"), [{"attribute": "noop_with_empty_axes", "in": [0]}]),
    Form(r"Attribute (\w+) with non-default value is not supported", ({"unsupported": r"\1"},), ("Shape", "Attribute start with non-default value is not supported"), [{"attribute": "start", "in": [0]}]),
    Form(r"Does not support (start) and (end) attributes", ({"unsupported": r"\1"}, {"unsupported": r"\2"}), ("Shape", "Does not support start and end attributes"), [{"attribute": "start", "in": [0]}, {"attribute": "end", "present": False}]),
    Form(r"Attributes? (\w+), (\w+) and (\w+) are not supported", ({"unsupported": r"\1"}, {"unsupported": r"\2"}, {"unsupported": r"\3"}), ("Resize", "Attributes antialias, axes and keep_aspect_ratio_policy are not supported"), [{"attribute": "antialias", "in": [0]}, {"attribute": "axes", "present": False}, {"attribute": "keep_aspect_ratio_policy", "in": ["stretch"]}]),
    Form(r"(\w+)\(peepholes\), (\w+), and (\w+) are not supported", ({"unsupported": r"\1"}, {"unsupported": r"\2"}, {"unsupported": r"\3"}), ("LSTM", "P(peepholes), activation_alpha, and activation_beta are not supported"), [{"input": 7, "as": "P", "present": False}, {"attribute": "activation_alpha", "present": False}, {"attribute": "activation_beta", "present": False}]),
    Form(r"(?:unimplemented: )?support not present for (\w+) attribute", ({"unsupported": r"\1"},), ("Resize", "unimplemented: support not present for antialias attribute"), [{"attribute": "antialias", "in": [0]}]),
    Form(r"Unimplemented: support not present for (\w+) and (\w+) attribute", ({"unsupported": r"\1"}, {"unsupported": r"\2"}), ("LSTM", "Unimplemented: support not present for clip and layout attribute"), [{"attribute": "clip", "present": False}, {"attribute": "layout", "in": [0]}]),
    Form(r"(?:unimplemented: )?(\w+) arg is not supported", ({"unsupported": r"\1"},), ("MaxUnpool", "unimplemented: output_shape arg is not supported"), [{"input": 2, "as": "output_shape", "present": False}]),
    Form(r"(\w+) setting is not supported", ({"unsupported": r"\1"},), ("MaxPool", "storage_order setting is not supported"), [{"attribute": "storage_order", "in": [0]}]),
    Form(r"'(\w+)' is not supported", ({"unsupported": r"\1"},), ("LSTM", "'clip' is not supported"), [{"attribute": "clip", "present": False}]),
    Form(r"no dilation", _attribute("dilations", "in", _ONES), ("MaxPool", "no dilation"), [{"attribute": "dilations", "in": _ONES}]),
    Form(r"no (roi|antialias)", ({"unsupported": r"\1"},), ("Resize", "no antialias"), [{"attribute": "antialias", "in": [0]}]),
    Form(r"Antialiasing is not supported", ({"unsupported": "antialias"},), ("Resize", "Antialiasing is not supported"), [{"attribute": "antialias", "in": [0]}]),
    Form(r"reduction is not supported", ({"unsupported": "reduction"},), ("ScatterND", "reduction is not supported"), [{"attribute": "reduction", "in": ["none"]}]),
    Form(r"Only the first output \w+ is supported|one output|Support single output only|indices 2nd output not supported|Indices output tensor unsupported|indices not supported", ({"outputs_from": 1},), ("MaxPool", "Indices output tensor unsupported"), [{"output": 1, "present": False}], may_be_empty=True),
    # --- attribute values
    Form(r"dilation=1", _attribute("dilation", "in", _ONES), ("aten::max_pool2d", "dilation=1"), [{"attribute": "dilation", "in": _ONES}]),
    Form(r"(\w+)=(\w+)", _attribute(r"\1", "in", r"\2"), ("aten::avg_pool2d", "ceil_mode=False"), [{"attribute": "ceil_mode", "in": [False]}]),
    Form(r"(alpha) = (\d+)", _attribute(r"\1", "in", r"\2"), ("aten::add.Tensor", "alpha = 1"), [{"attribute": "alpha", "in": [1]}]),
    Form(r"power=2 only", _attribute("exponent", "in", [2, 2.0]), ("aten::pow.Tensor_Scalar", "power=2 only"), [{"attribute": "exponent", "in": [2, 2.0]}]),
    Form(r"padding_value=0.0 only", _attribute("value", "in", [0, 0.0]), ("aten::constant_pad_nd", "padding_value=0.0 only"), [{"attribute": "value", "in": [0, 0.0]}]),
    Form(r"keepdim=True required", _attribute("keepdim", "in", [True]), ("aten::mean.dim", "keepdim=True required"), [{"attribute": "keepdim", "in": [True]}]),
    Form(r"dims=\[-2,-1\] or \[-1,-2\]", _attribute("dim", "in", [[-2, -1], [-1, -2], [2, 3], [3, 2]]), ("aten::mean.dim", "dims=[-2,-1] or [-1,-2]"), [{"attribute": "dim", "in": [[-2, -1], [-1, -2], [2, 3], [3, 2]]}]),
    Form(r"dim must be last dimension", _attribute("dim", "in", [-1]), ("aten::_softmax", "dim must be last dimension"), [{"attribute": "dim", "in": [-1]}]),
    Form(r"dilations?(?:: | must be )(?:empty or all ones|currently only setting to 1|only support 1|Only supports setting to 1|default value\(1\)|Only supports 为1)", _attribute("dilations", "in", _ONES), ("LpPool", "dilations must be empty or all ones"), [{"attribute": "dilations", "in": _ONES}]),
    Form(r"sampling_ratio: (?:only support not equals to 0|Only supports non-zero|only not support 0)", _attribute("sampling_ratio", "not_in", [0]), ("RoiAlign", "sampling_ratio: Only supports non-zero"), [{"attribute": "sampling_ratio", "not_in": [0]}]),
    Form(rf"(\w+): {_ONLY}[\"']?([-\w]+)[\"']?", _attribute(r"\1", "in", r"\2"), ("AveragePool", "auto_pad: Only supports NOTSET"), [{"attribute": "auto_pad", "in": ["NOTSET"]}]),
    Form(r"(\w+): (?:supports|Supports|Supported options:) (\"\w+\"(?:(?:,\s*|、| and )\"\w+\")*)", _attribute(r"\1", "in", r"\2"), ("Resize", "mode: supports \"nearest\"、\"linear\""), [{"attribute": "mode", "in": ["nearest", "linear"]}]),
    Form(r"(axis):?(?: currently| Currently)? ?[oO]nly supports -1(?: \((?:i\.e\.,? )?the last dimension\))?", _attribute(r"\1", "in", [-1]), ("LayerNormalization", "axis Only supports -1 (i.e. the last dimension)"), [{"attribute": "axis", "in": [-1]}]),
    Form(r"(p):? only supports 1 or 2", _attribute(r"\1", "in", [1, 2]), ("LpNormalization", "p only supports 1 or 2"), [{"attribute": "p", "in": [1, 2]}]),
    Form(r"only axis = 0 is supported", _attribute("axis", "in", [0]), ("Unique", "only axis = 0 is supported"), [{"attribute": "axis", "in": [0]}]),
    Form(r"(\w+)(?: attribute)? must be (?:default value)?\(?(-?\d+)\)?", _attribute(r"\1", "in", r"\2"), ("LSTM", "input_forget must be default value(0)"), [{"attribute": "input_forget", "in": [0]}]),
    Form(r"(alpha) and (beta) must be default value\(1\)", (*_attribute("alpha", "in", [1]), *_attribute("beta", "in", [1])), ("Gemm", "alpha and beta must be default value(1)"), [{"attribute": "alpha", "in": [1]}, {"attribute": "beta", "in": [1]}]),
    Form(r"(\w+) must have default values?", ({"unsupported": r"\1"},), ("ConvTranspose", "output_padding must have default values"), [{"attribute": "output_padding", "present": False}]),
    Form(r"auto_pad must be NOTSET, VALID, and SAME_UPPER", _attribute("auto_pad", "in", ["NOTSET", "VALID", "SAME_UPPER"]), ("Conv", "auto_pad must be NOTSET, VALID, and SAME_UPPER"), [{"attribute": "auto_pad", "in": ["NOTSET", "VALID", "SAME_UPPER"]}]),
    Form(r"(?:unsupported conversion: )?auto_pad != NOTSET", _attribute("auto_pad", "in", ["NOTSET"]), ("LpPool", "unsupported conversion: auto_pad != NOTSET"), [{"attribute": "auto_pad", "in": ["NOTSET"]}]),
    Form(r"(?:unsupported conversion: )?only NOTSET and VALID auto_pad supported", _attribute("auto_pad", "in", ["NOTSET", "VALID"]), ("ConvInteger", "unsupported conversion: only NOTSET and VALID auto_pad supported"), [{"attribute": "auto_pad", "in": ["NOTSET", "VALID"]}]),
    Form(r"padding_type of SAME_UPPER/SAME_LOWER is not supported", _attribute("auto_pad", "not_in", ["SAME_UPPER", "SAME_LOWER"]), ("ConvTranspose", "padding_type of SAME_UPPER/SAME_LOWER is not supported"), [{"attribute": "auto_pad", "not_in": ["SAME_UPPER", "SAME_LOWER"]}]),
    Form(r"auto padding not supported", _attribute("auto_pad", "in", ["NOTSET"]), ("ConvTranspose", "auto padding not supported"), [{"attribute": "auto_pad", "in": ["NOTSET"]}]),
    Form(r"activations must be \[\"Sigmoid\", \"Tanh\", \"Tanh\"\]", _attribute("activations", "in", [["Sigmoid", "Tanh", "Tanh"]]), ("LSTM", "activations must be [\"Sigmoid\", \"Tanh\", \"Tanh\"]"), [{"attribute": "activations", "in": [["Sigmoid", "Tanh", "Tanh"]]}]),
    Form(r"(?:Only (?:supports?) )?(?:Only supports )?'?(\w+)'? ?== ?'?([-\w]+)'?", _attribute(r"\1", "in", r"\2"), ("ScatterND", "Only supports 'reduction' == 'none'"), [{"attribute": "reduction", "in": ["none"]}]),
    Form(r"mode == linear or nearest", _attribute("mode", "in", ["linear", "nearest"]), ("Resize", "mode == linear or nearest"), [{"attribute": "mode", "in": ["linear", "nearest"]}]),
    Form(r"exclude_outside == false", _attribute("exclude_outside", "in", [0]), ("Resize", "exclude_outside == false"), [{"attribute": "exclude_outside", "in": [0]}]),
    Form(r"(?:Only supports )?'(\w+)' value is (-?\d+)", _attribute(r"\1", "in", r"\2"), ("LpPool", "'p' value is 2"), [{"attribute": "p", "in": [2]}]),
    Form(r"'storage_order' != 1", _attribute("storage_order", "not_in", [1]), ("MaxPool", "'storage_order' != 1"), [{"attribute": "storage_order", "not_in": [1]}]),
    Form(r"'linear' and 'nearest' modes", _attribute("mode", "in", ["linear", "nearest"]), ("Resize", "'linear' and 'nearest' modes"), [{"attribute": "mode", "in": ["linear", "nearest"]}]),
    Form(r"modes == 'wrap' is not supported|wrap mode not supported", _attribute("mode", "not_in", ["wrap"]), ("Pad", "modes == 'wrap' is not supported"), [{"attribute": "mode", "not_in": ["wrap"]}]),
    Form(r"Only constant mode Pad is supported", _attribute("mode", "in", ["constant"]), ("Pad", "Only constant mode Pad is supported"), [{"attribute": "mode", "in": ["constant"]}]),
    Form(r"Only DCR mode DepthToSpace is supported|mode: (?:currently |Currently )?only supports DCR", _attribute("mode", "in", ["DCR"]), ("DepthToSpace", "Only DCR mode DepthToSpace is supported"), [{"attribute": "mode", "in": ["DCR"]}]),
    Form(r"Supported resize transformation modes: ([\w, ]+)", _attribute("coordinate_transformation_mode", "in", r"\1"), ("Resize", "Supported resize transformation modes: half_pixel, asymmetric, and align_corners"), [{"attribute": "coordinate_transformation_mode", "in": ["half_pixel", "asymmetric", "align_corners"]}]),
    Form(r"Supported resize modes: ([\w, ]+)", _attribute("mode", "in", r"\1"), ("Resize", "Supported resize modes: nearest, linear"), [{"attribute": "mode", "in": ["nearest", "linear"]}]),
    Form(r"Supported nearest modes: ([\w, ]+)", _attribute("nearest_mode", "in", r"\1"), ("Resize", "Supported nearest modes: floor, ceil"), [{"attribute": "nearest_mode", "in": ["floor", "ceil"]}]),
    Form(r"Supported aspect ratio policy: (\w+)", _attribute("keep_aspect_ratio_policy", "in", r"\1"), ("Resize", "Supported aspect ratio policy: stretch"), [{"attribute": "keep_aspect_ratio_policy", "in": ["stretch"]}]),
    Form(r"currently only mode : linear and nearest supported", _attribute("mode", "in", ["linear", "bilinear", "nearest"]), ("GridSample", "currently only mode : linear and nearest supported"), [{"attribute": "mode", "in": ["linear", "bilinear", "nearest"]}]),
    Form(r"currently only padding_mode : zeros supported", _attribute("padding_mode", "in", ["zeros"]), ("GridSample", "currently only padding_mode : zeros supported"), [{"attribute": "padding_mode", "in": ["zeros"]}]),
    Form(r"Padding modes: zeros, border", _attribute("padding_mode", "in", ["zeros", "border"]), ("GridSample", "Padding modes: zeros, border"), [{"attribute": "padding_mode", "in": ["zeros", "border"]}]),
    Form(r"Only supports 'training_mode' value is 0|Training not supported", _attribute("training_mode", "in", [0]), ("BatchNormalization", "Training not supported"), [{"attribute": "training_mode", "in": [0]}]),
    Form(r"do_not_keep_dims? not supported|We do not support do_not_keepdims backend tests", _attribute("keepdims", "in", [1]), ("ReduceMax", "do_not_keep_dims not supported"), [{"attribute": "keepdims", "in": [1]}]),
    Form(r"Does not support scatternd add/multiply", _attribute("reduction", "not_in", ["add", "mul"]), ("ScatterND", "Does not support scatternd add/multiply"), [{"attribute": "reduction", "not_in": ["add", "mul"]}]),
    Form(r"max/min reduction unsupported for scatter elements", _attribute("reduction", "not_in", ["max", "min"]), ("ScatterElements", "max/min reduction unsupported for scatter elements"), [{"attribute": "reduction", "not_in": ["max", "min"]}]),
    Form(r"TopK sorted must be 1 for Relax frontend", _attribute("sorted", "in", [1]), ("TopK", "TopK sorted must be 1 for Relax frontend"), [{"attribute": "sorted", "in": [1]}]),
    Form(r"RoiAlign only supports coordinate_transformation_mode 'half_pixel' and 'output_half_pixel'", _attribute("coordinate_transformation_mode", "in", ["half_pixel", "output_half_pixel"]), ("RoiAlign", "RoiAlign only supports coordinate_transformation_mode 'half_pixel' and 'output_half_pixel'"), [{"attribute": "coordinate_transformation_mode", "in": ["half_pixel", "output_half_pixel"]}]),
    Form(r"RoiAlign in Relax only supports avg and max modes", _attribute("mode", "in", ["avg", "max"]), ("RoiAlign", "RoiAlign in Relax only supports avg and max modes"), [{"attribute": "mode", "in": ["avg", "max"]}]),
    Form(r"only bits=4 and bits=8 are supported", _attribute("bits", "in", [4, 8]), ("com.microsoft::MatMulNBits", "only bits=4 and bits=8 are supported"), [{"attribute": "bits", "in": [4, 8]}]),
    Form(r"group <= (\d+) and dilation <= 12", _attribute("group", "at_most", 128), ("Conv", "group <= 128 and dilation <= 12"), [{"attribute": "group", "at_most": 128}]),
    Form(r"mode CRD", _attribute("mode", "in", ["CRD"]), ("DepthToSpace", "mode CRD"), [{"attribute": "mode", "in": ["CRD"]}]),
    Form(r"axis must be the last dimension, i\.e\. rank - 1 or -1", _attribute("axis", "in", [-1]), ("Softmax", "axis must be the last dimension, i.e. rank - 1 or -1"), [{"attribute": "axis", "in": [-1]}]),
    Form(r"modes? never passing: (\w+(?:,\w+)*)", _attribute("mode", "not_in", r"\1"), ("Pad", "mode never passing: wrap"), [{"attribute": "mode", "not_in": ["wrap"]}]),
    Form(r"batch_dims_is_zero never passing: 0", _attribute("batch_dims", "in", [0]), ("GatherND", "batch_dims_is_zero never passing: 0"), [{"attribute": "batch_dims", "in": [0]}]),
    Form(r"(\w+) never passing: ([-\w]+(?:,[-\w]+)*)", _attribute(r"\1", "not_in", r"\2"), ("CumSum", "reverse never passing: 1"), [{"attribute": "reverse", "not_in": [1]}]),
    # --- ranks
    Form(r"1d/2d(?: \w+/\w+)? only", _RANK_34, ("AveragePool", "1d/2d only"), [{"input": 0, "rank": [3, 4]}]),
    Form(r"1D or 2D convolution", _RANK_34, ("aten::convolution", "1D or 2D convolution"), [{"input": 0, "rank": [3, 4]}]),
    Form(r"Only 1D/2D Conv is supported", _RANK_34, ("Conv", "Only 1D/2D Conv is supported"), [{"input": 0, "rank": [3, 4]}]),
    Form(r"(?:conv3d|ConvTranspose3d) is not supported|no 3D conv", _RANK_34, ("Conv", "conv3d is not supported"), [{"input": 0, "rank": [3, 4]}]),
    Form(r"Only supports 3-D or 4-D input and 'W' \(weight\)", (*_RANK_34, {"input": 1, "as": "W", "rank": [3, 4]}), ("Conv", "Only supports 3-D or 4-D input and 'W' (weight)"), [{"input": 0, "rank": [3, 4]}, {"input": 1, "as": "W", "rank": [3, 4]}]),
    Form(r"input must have 1D or 2D spatial dimensions", _RANK_34, ("DeformConv", "input must have 1D or 2D spatial dimensions"), [{"input": 0, "rank": [3, 4]}]),
    Form(r"2D or 3D (?:pooling|convolutions|deconvolutions) only", ({"input": 0, "rank": [4, 5]},), ("AveragePool", "2D or 3D Pooling only"), [{"input": 0, "rank": [4, 5]}]),
    Form(r"(?:Only 2D (?:Pool|Conv|Resize) is supported(?: currently)?|Only supports 4-D input(?:, 2-D 'kernel_shape')?|(?:Input must be )?4D input|4D tensors? only|Input tensor must have 4 dimensions|Input shape must be 4D tensor\(NCHW\)|only input rank 4 supported|Unsupported: DeformConv with input rank != 4|Expected input rank to be 4|5-D inputs not supported|4D)", ({"input": 0, "rank": [4]},), ("MaxPool", "Only 2D Pool is supported"), [{"input": 0, "rank": [4]}]),
    Form(r"3D and 5D support can be added if needed", note="3D and 5D support can be added if needed", example=("MaxPool", "3D and 5D support can be added if needed"), becomes="3D and 5D support can be added if needed"),
    Form(r"only grid rank 4 supported", _operand({"rank": [4]}, "grid"), ("GridSample", "only grid rank 4 supported"), [{"input": 1, "as": "grid", "rank": [4]}]),
    Form(r"Input and output tensors? must (?:be|have) 4D(?: tensors)? ?\(N x C x H x W\)", ({"input": 0, "rank": [4]},), ("Conv", "Input and output tensors must have 4D (N x C x H x W)"), [{"input": 0, "rank": [4]}]),
    Form(r"1D and 3D not supported because Conv1D and Conv3D not supported in zDNN", ({"input": 0, "rank": [4]},), ("ConvTranspose", "1D and 3D not supported because Conv1D and Conv3D not supported in zDNN"), [{"input": 0, "rank": [4]}]),
    Form(r"non-default dilations not supported because dilated convolution not supported in zDNN", _attribute("dilations", "in", _ONES), ("ConvTranspose", "non-default dilations not supported because dilated convolution not supported in zDNN"), [{"attribute": "dilations", "in": _ONES}]),
    Form(r"2D and 3D only", ({"input": 0, "rank": [4, 5]},), ("GridSample", "2D and 3D only"), [{"input": 0, "rank": [4, 5]}]),
    Form(r"2D tensor only", ({"input": 0, "rank": [2]},), ("aten::addmm", "2D tensor only"), [{"input": 0, "rank": [2]}]),
    Form(r"(?:Support up to 4D|Input tensor must be less than or equal to 4 dimensions)", ({"input": 0, "rank": {"at_most": 4}},), ("Add", "Support up to 4D"), [{"input": 0, "rank": {"at_most": 4}}]),
    Form(r"rank <= 4", ({"input": "*", "rank": {"at_most": 4}}, {"output": "*", "rank": {"at_most": 4}}), ("aten::abs", "rank <= 4"), [{"input": "*", "rank": {"at_most": 4}}, {"output": "*", "rank": {"at_most": 4}}]),
    Form(r"(?:Input rank up to 5|Ndim > 5 not supported for convolution)", ({"input": 0, "rank": {"at_most": 5}},), ("Tile", "Input rank up to 5"), [{"input": 0, "rank": {"at_most": 5}}]),
    Form(r"Input rank must be >=3 & <=5", ({"input": 0, "rank": [3, 4, 5]},), ("InstanceNormalization", "Input rank must be >=3 & <=5"), [{"input": 0, "rank": [3, 4, 5]}]),
    Form(r"Unsupported: the input dimensions should be >= 3|Rank of input tensor must be >= 4", note="", example=("LRN", "Unsupported: the input dimensions should be >= 3"), becomes="Unsupported: the input dimensions should be >= 3"),
    Form(r"Ranks of input tensors must be \(Rank of A, Rank of B\) = \(M, N\), where M >= 2 and N >= 2", ({"input": "*", "rank": {"at_least": 2}},), ("MatMul", "Ranks of input tensors must be (Rank of A, Rank of B) = (M, N), where M >= 2 and N >= 2"), [{"input": "*", "rank": {"at_least": 2}}]),
    Form(r"indices: (?:currently |Currently )?Only supports (?:1 dimension|1-D)", _operand({"rank": [1]}, "indices"), ("Gather", "indices: currently Only supports 1 dimension"), [{"input": 1, "as": "indices", "rank": [1]}]),
    Form(r"Input indices with scalar value is not supported", _operand({"rank": {"at_least": 1}}, "indices"), ("Gather", "Input indices with scalar value is not supported"), [{"input": 1, "as": "indices", "rank": {"at_least": 1}}]),
    Form(r"listed as \w+1d \(dimension-specific\)", ({"input": 0, "rank": [3]},), ("Conv", "listed as Conv1d (dimension-specific)"), [{"input": 0, "rank": [3]}]),
    Form(r"listed as \w+2d \(dimension-specific\)", ({"input": 0, "rank": [4]},), ("Conv", "listed as Conv2d (dimension-specific)"), [{"input": 0, "rank": [4]}]),
    Form(r"listed as \w+3d \(dimension-specific\)", ({"input": 0, "rank": [5]},), ("Conv", "listed as Conv3d (dimension-specific)"), [{"input": 0, "rank": [5]}]),
    # --- shapes
    Form(r"Dimensions in H and W must be static|Dimension in Height and weight must be static", ({"input": 0, "dim": -2, "at_least": 1}, {"input": 0, "dim": -1, "at_least": 1}), ("GlobalAveragePool", "Dimensions in H and W must be static"), [{"input": 0, "dim": -2, "at_least": 1}, {"input": 0, "dim": -1, "at_least": 1}]),
    Form(r"Shape of input tensors (?:must|should) be the same since broadcasting is not supported", ({"same_shape": True},), ("Add", "Shape of input tensors must be the same since broadcasting is not supported"), [{"same_shape": True}]),
    Form(r"batch <= (\d+)", ({"input": 0, "dim": 0, "at_most": 2},), ("Softmax", "batch <= 2"), [{"input": 0, "dim": 0, "at_most": 2}]),
    Form(r"p = 2 and batch <= 2", (*_attribute("p", "in", [2]), {"input": 0, "dim": 0, "at_most": 2}), ("LpNormalization", "p = 2 and batch <= 2"), [{"attribute": "p", "in": [2]}, {"input": 0, "dim": 0, "at_most": 2}]),
    Form(r"height axis only", _attribute("axis", "in", [2, -2]), ("Concat", "height axis only"), [{"attribute": "axis", "in": [2, -2]}]),
    Form(r"gridShape\[3\] expected to be 2", ({"input": 1, "as": "grid", "dim": 3, "in": [2]},), ("GridSample", "gridShape[3] expected to be 2"), [{"input": 1, "as": "grid", "dim": 3, "in": [2]}]),
    Form(r"batch=1 for 2D conv", ({"input": 0, "dim": 0, "in": [1]},), ("aten::convolution", "batch=1 for 2D conv"), [{"input": 0, "dim": 0, "in": [1]}]),
    # --- dtypes
    Form(r"Both inputs must be bool", ({"inputs": [0, 1], "dtypes": ["bool"]},), ("And", "Both inputs must be bool"), {"input 0": ("bool",), "input 1": ("bool",)}),
    Form(r"Only supports cases when both inputs are fp32", ({"inputs": [0, 1], "dtypes": ["float32"]},), ("Pow", "Only supports cases when both inputs are fp32"), {"input 0": ("float32",), "input 1": ("float32",)}),
    Form(r"X/Y branches must be float or float16", ({"inputs": [1, 2], "dtypes": ["float32", "float16"]},), ("Where", "X/Y branches must be float or float16"), {"input 1": ("float32", "float16"), "input 2": ("float32", "float16")}),
    Form(r"(?:No support for|Does not support) short integers", ({"not_dtypes": _INTEGERS_BELOW_32},), ("Sub", "Does not support short integers"), {"T": ("bfloat16", "float16", "float32", "float64", "int32", "int64", "uint32", "uint64")}),
    Form(r"Does not support unsigned numbers|No support for unsigned int", ({"not_dtypes": _UNSIGNED},), ("Min", "Does not support unsigned numbers"), {"T": ("bfloat16", "float16", "float32", "float64", "int16", "int32", "int64", "int8")}),
    Form(r"Only ppc64le and MacOS platforms support float16", ({"not_dtypes": ("float16",)},), ("Mod", "Only ppc64le and MacOS platforms support float16"), {"T": ("bfloat16", "float32", "float64", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8")}),
    Form(r"No support for power with integer types", ({"not_dtypes": _INTEGERS},), ("Pow", "No support for power with integer types"), {"T": ("bfloat16", "float16", "float32", "float64")}),
    Form(r"Does not support int4 and uint4", ({"not_dtypes": _HALVES},), ("Sub", "Does not support int4 and uint4"), {"T": ("bfloat16", "float16", "float32", "float64", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8")}),
    Form(r"Currently no support for float16 infinity value", ({"inputs": [0], "dtypes": ["float32", "float64"]},), ("IsInf", "Currently no support for float16 infinity value"), {"input 0": ("float32", "float64")}),
    Form(r"Only for float32 and float64|Support float and double only", ({"inputs": [0], "dtypes": ["float32", "float64"]},), ("Mod", "Support float and double only"), {"input 0": ("float32", "float64")}),
    Form(r"Only support i8, ui8 and f32", ({"inputs": [0, 3], "dtypes": ["int8", "uint8"]},), ("QLinearMatMul", "Only support i8, ui8 and f32"), {"input 0": ("int8", "uint8"), "input 3": ("int8", "uint8")}),
    # --- what is no limit
    Form(r"no GPU kernel", note="no GPU kernel: it runs on the CPU", example=("Reshape", "no GPU kernel"), becomes="no GPU kernel: it runs on the CPU"),
    Form(r"need perf optimization|an ORT warning is generated - need to fix|need implementing activation", note="", example=("Conv", "need perf optimization"), becomes="need perf optimization"),
    Form(r"(?:not )?in published doc list", note="", example=("Abs", "not in published doc list"), becomes="not in published doc list"),
    Form(r"not in the doc table; parser registered|not in the doc table|parser registered|doc says unsupported but a parser is registered", note="", example=("Abs", "doc says unsupported but a parser is registered"), becomes="doc says unsupported but a parser is registered"),
    Form(r"(?:CPU|GPU|NPU|/)+ since OV [\d.]+", note="", example=("Abs", "CPU/GPU since OV 2020.4"), becomes="CPU/GPU since OV 2020.4"),
    Form(r"impl versions [\d,]+", note="", example=("Abs", "impl versions 13"), becomes="impl versions 13"),
    Form(r"(?:quant|precision|profiles)=.*", note="", example=("Abs", "precision=fp32|static_quant"), becomes="precision=fp32|static_quant"),
    Form(r"listed as \S+", note="", example=("ArgMax", "listed as Argmax"), becomes="listed as Argmax"),
    Form(r"NNPA level .*", note="", example=("Add", "NNPA level z16 - ^"), becomes="NNPA level z16 - ^"),
    Form(r"Changed to identity|removed via graph pass|seed value is ignored by TensorRT|See aten\.clone\.default|resize supported|no opset list", note="", example=("Dropout", "Changed to identity"), becomes="Changed to identity"),
    Form(r"\[decomposed into several WebNN ops\]", note="decomposed into several WebNN operators", example=("Einsum", "[decomposed into several WebNN ops]"), becomes="decomposed into several WebNN operators"),
    Form(r"Produced by ORT's \w+ (?:optimizer )?pass|Decomposed into .*", note="", example=("com.microsoft::QuickGelu", "Produced by ORT's QuickGeluFusion optimizer pass"), becomes="Produced by ORT's QuickGeluFusion optimizer pass"),
    Form(r"repeats may be a constant initializer or a runtime tensor \(MLProgram only\)|If B and initial_h are given, they must have static dimensions|R must have static dimensions", note="", example=("Tile", "repeats may be a constant initializer or a runtime tensor (MLProgram only)"), becomes="repeats may be a constant initializer or a runtime tensor (MLProgram only)"),
    Form(r"this ask for a epislon \(default 1e-4\) where onnx don't provide", note="adds an epsilon of 1e-4 that ONNX does not have", example=("Reciprocal", "this ask for a epislon (default 1e-4) where onnx don't provide"), becomes="adds an epsilon of 1e-4 that ONNX does not have"),
    Form(r"(?:Unimplemented|Unsupported|unimplemented): (?:unranked|expected) .*|Expected .*(?:having sizes|to have sizes|to have dims.*)|.* list size does not match .*|.*(?:has|have|to have) (?:a |an )?(?:dtype|type)|expected result type to have a dtype|Permutation length does not match operand rank|.*list must contain \(begin,end\) pair.*|.*kernel_shape list size should .*|Expected the input and result type to have known sizes|Expected tensor operator argument to be a ranked tensor type|Expected result type to be a ranked tensor type", note="the importer needs ranks and dtypes from shape inference", example=("Relu", "Unimplemented: unranked tensor"), becomes="the importer needs ranks and dtypes from shape inference"),
    Form(r"Temporally removed due to changes in onnx 1\.8\.1|Add tests to slices, currently have none|Example works, the other is imprecise|To investigate|Default axis and do_not_keep_dim temporarily removed due to changes in onnx 1\.8\.1", note="", example=("Split", "Temporally removed due to changes in onnx 1.8.1"), becomes="Temporally removed due to changes in onnx 1.8.1"),
    Form(r"kernel_shape must be static|If NOTSET is used, pads must be set so that the padding valid type or same upper", note="", example=("Conv", "kernel_shape must be static"), becomes="kernel_shape must be static"),
    Form(r"Expected either 2 or 3 inputs|expected 3 operands|Expected \d+ operands .*|Unimplemented: expected \d input operands|MaxRoiPool expects exactly 2 inputs|MaxRoiPool requires pooled_shape attribute|RoiAlign expects exactly 3 inputs|Expects at least one scan input|Expect non empty pad tensor|expect 1-d pad tensor|Condition tensor is expected to be .*|Range scalar input must have exactly one element|Slice step values must be non-zero|gamma and beta shapes do not match|Unsupported Shift Direction:?|condition must have one single element per|N must be same for input and grid|unsupported: sample_size <= 0|expected center_point_box attribute to be 0 or 1|No of operands should be two", note="", example=("Gemm", "Expected either 2 or 3 inputs"), becomes="Expected either 2 or 3 inputs"),
    Form(r"Cast only between float and double types|CastLike only between float and double types", ({"inputs": [0], "dtypes": ["float32", "float64"]},), ("Cast", "Cast only between float and double types"), {"input 0": ("float32", "float64")}),
    Form(r".*requires? (?:a )?statically (?:known|typed) .*|ONNX BatchNormalization with mixed input dtypes .*|ONNX permits runtime axis tensors, .*|Optional\w* .*|The ndim of ShapeExpr .*|Dynamic Tile requires .*|train tensor must have .*|expected data.* rank to be >= 1|expects reduction to be one of .*|Expected the rank of starts and ends .*|Not converting to AtenSplit\w*Op due to input tensor mismatch|axis attr not found|padding list size|strides list|unsupported conversion: kernel_shape value should be equal to the weight tensor shape|constant ty is unsupport type|Only support for transA == 0, alpha == 1\.0 and beta == 1\.0 is currently implemented|fixed output size unless use_dyn_output set|output dtype is float32|direction and hidden_size in W must have static dimensions|B and initial_h have static dimensions if given|B's direction dim must be 1 or 2|If the rank is 1, the dimension of C must be the same .*|Dynamic shape\?|The interpolation method is .*|2-D 'kernel_shape'", note="", example=("Slice", "Slice requires a statically known input rank"), becomes="Slice requires a statically known input rank"),
    Form(r"Does not support int4 and uint4", note="", example=("Constant", "Does not support int4 and uint4"), becomes="Does not support int4 and uint4"),
)
# fmt: on
