"""The canonical operators: one row each, with their spellings in the three dialects.

This is the one data file to edit when a model brings a new operator. Columns:

    name, category, special, torch spellings, aten spellings, onnx spellings

*special*: what a backend built for plain CNNs does not bring along. Ordinary are convolution,
linear, batch norm, ReLU, pooling, addition, concatenation, dropout and whatever leaves the data
where it is (view, flatten, expand, contiguous); as in the survey, whose special-operator cells
leave these out.

Spellings are separated by spaces. A torch spelling without a namespace stands for the function in
`torch`, `torch.nn.functional` and the `Tensor` method; a trailing underscore (in place) and an
ATen overload or `_copy` suffix need no row of their own. ATen spellings leave out `aten::`, ONNX
ones ai.onnx. Rows are in the order in which reports list operators.
"""

SPECIAL, ORDINARY = True, False

Row = tuple[str, str, bool, str, str, str]

# fmt: off
OPERATORS: tuple[Row, ...] = (
    # What the survey's ViT row lists, in its order.
    ("layernorm", "normalization", SPECIAL, "nn.LayerNorm layer_norm", "layer_norm native_layer_norm", "LayerNormalization"),
    ("transpose", "layout", SPECIAL, "transpose t mT swapaxes", "transpose t numpy_T mT", "Transpose"),
    ("matmul", "matmul", SPECIAL, "@ matmul bmm mm mv dot baddbmm", "matmul bmm mm mv dot baddbmm", "MatMul com.microsoft::FusedMatMul"),
    ("softmax", "activation", SPECIAL, "nn.Softmax softmax", "softmax _softmax", "Softmax"),
    ("gelu", "activation", SPECIAL, "nn.GELU gelu", "gelu", "Gelu com.microsoft::Gelu com.microsoft::FastGelu"),
    ("slice", "indexing", SPECIAL, "x[:] narrow", "slice narrow", "Slice"),
    ("select", "indexing", SPECIAL, "x[i] select", "select", ""),
    ("div", "arithmetic", SPECIAL, "/ /= div true_divide", "div true_divide", "Div"),
    # What its other rows add.
    ("unfold", "window", SPECIAL, "nn.Unfold unfold", "im2col unfold", ""),
    ("reshape", "layout", SPECIAL, "reshape", "reshape", ""),
    ("permute", "layout", SPECIAL, "permute movedim", "permute movedim", ""),
    ("mul", "arithmetic", SPECIAL, "* *= mul multiply", "mul", "Mul"),
    ("sigmoid", "activation", SPECIAL, "nn.Sigmoid sigmoid", "sigmoid", "Sigmoid"),
    ("chunk", "indexing", SPECIAL, "chunk", "chunk", ""),
    ("repeat", "tiling", SPECIAL, "repeat tile", "repeat tile", "Tile"),
    ("gather", "indexing", SPECIAL, "gather take_along_dim", "gather", "GatherElements"),
    ("unbind", "indexing", SPECIAL, "unbind", "unbind", ""),
    # Attention as one operator.
    ("attention", "matmul", SPECIAL, "scaled_dot_product_attention",
     "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention _scaled_dot_product_attention_math",
     "Attention com.microsoft::Attention com.microsoft::MultiHeadAttention"),
    ("multihead_attention", "matmul", SPECIAL, "nn.MultiheadAttention multi_head_attention_forward", "_native_multi_head_attention", ""),
    ("einsum", "matmul", SPECIAL, "einsum", "einsum", "Einsum"),
    ("rotary_embedding", "matmul", SPECIAL, "", "", "RotaryEmbedding com.microsoft::RotaryEmbedding"),
    ("linear_attention", "matmul", SPECIAL, "", "", "LinearAttention"),
    # Convolution and linear.
    ("conv", "convolution", ORDINARY, "nn.Conv1d nn.Conv2d nn.Conv3d conv1d conv2d conv3d", "convolution conv1d conv2d conv3d", "Conv com.microsoft::FusedConv"),
    ("conv_transpose", "convolution", SPECIAL, "nn.ConvTranspose1d nn.ConvTranspose2d nn.ConvTranspose3d conv_transpose1d conv_transpose2d conv_transpose3d", "conv_transpose1d conv_transpose2d conv_transpose3d", "ConvTranspose"),
    ("deform_conv", "convolution", SPECIAL, "", "", "DeformConv"),
    ("causal_conv", "convolution", SPECIAL, "", "", "CausalConvWithState"),
    ("linear", "matmul", ORDINARY, "nn.Linear linear addmm", "linear addmm", "Gemm com.microsoft::FusedGemm"),
    ("bilinear", "matmul", SPECIAL, "nn.Bilinear bilinear", "bilinear", ""),
    # Normalisation.
    ("batch_norm", "normalization", ORDINARY, "nn.BatchNorm1d nn.BatchNorm2d nn.BatchNorm3d nn.SyncBatchNorm batch_norm",
     "batch_norm native_batch_norm _native_batch_norm_legit_no_training _native_batch_norm_legit", "BatchNormalization"),
    ("group_norm", "normalization", SPECIAL, "nn.GroupNorm group_norm", "group_norm native_group_norm", "GroupNormalization"),
    ("instance_norm", "normalization", SPECIAL, "nn.InstanceNorm1d nn.InstanceNorm2d nn.InstanceNorm3d instance_norm", "instance_norm", "InstanceNormalization"),
    ("rms_norm", "normalization", SPECIAL, "nn.RMSNorm rms_norm", "rms_norm _fused_rms_norm", "RMSNormalization com.microsoft::SimplifiedLayerNormalization"),
    ("lp_norm", "normalization", SPECIAL, "norm normalize linalg_vector_norm linalg_norm", "norm linalg_vector_norm", "LpNormalization ReduceL2 ReduceL1"),
    ("lrn", "normalization", SPECIAL, "nn.LocalResponseNorm local_response_norm", "", "LRN"),
    # Activations.
    ("relu", "activation", ORDINARY, "nn.ReLU relu", "relu", "Relu"),
    ("clamp", "activation", SPECIAL, "nn.ReLU6 nn.Hardtanh relu6 hardtanh clamp clip", "clamp hardtanh clamp_min clamp_max relu6", "Clip"),
    ("silu", "activation", SPECIAL, "nn.SiLU silu", "silu", "Swish"),
    ("tanh", "activation", SPECIAL, "nn.Tanh tanh", "tanh", "Tanh"),
    ("hardswish", "activation", SPECIAL, "nn.Hardswish hardswish", "hardswish", "HardSwish"),
    ("hardsigmoid", "activation", SPECIAL, "nn.Hardsigmoid hardsigmoid", "hardsigmoid", "HardSigmoid"),
    ("leaky_relu", "activation", SPECIAL, "nn.LeakyReLU leaky_relu", "leaky_relu", "LeakyRelu"),
    ("prelu", "activation", SPECIAL, "nn.PReLU prelu", "prelu _prelu_kernel", "PRelu"),
    ("elu", "activation", SPECIAL, "nn.ELU elu", "elu", "Elu"),
    ("selu", "activation", SPECIAL, "nn.SELU selu", "selu", "Selu"),
    ("celu", "activation", SPECIAL, "nn.CELU celu", "celu", "Celu"),
    ("mish", "activation", SPECIAL, "nn.Mish mish", "mish", "Mish"),
    ("softplus", "activation", SPECIAL, "nn.Softplus softplus", "softplus", "Softplus"),
    ("softsign", "activation", SPECIAL, "nn.Softsign softsign", "", "Softsign"),
    ("log_softmax", "activation", SPECIAL, "nn.LogSoftmax log_softmax", "log_softmax _log_softmax", "LogSoftmax"),
    ("logsigmoid", "activation", SPECIAL, "nn.LogSigmoid logsigmoid", "log_sigmoid_forward", ""),
    ("glu", "activation", SPECIAL, "nn.GLU glu", "glu", ""),
    ("swiglu", "activation", SPECIAL, "", "", "SwiGLU"),
    ("threshold", "activation", SPECIAL, "nn.Threshold threshold", "threshold", "ThresholdedRelu"),
    ("shrink", "activation", SPECIAL, "nn.Softshrink nn.Hardshrink softshrink hardshrink", "softshrink hardshrink", "Shrink"),
    ("hardmax", "activation", SPECIAL, "", "", "Hardmax"),
    # Pooling, and the mean that a global pooling decomposes to.
    ("max_pool", "pooling", ORDINARY, "nn.MaxPool1d nn.MaxPool2d nn.MaxPool3d max_pool1d max_pool2d max_pool3d boolean_dispatch",
     "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices", "MaxPool GlobalMaxPool"),
    ("avg_pool", "pooling", ORDINARY, "nn.AvgPool1d nn.AvgPool2d nn.AvgPool3d avg_pool1d avg_pool2d avg_pool3d", "avg_pool1d avg_pool2d avg_pool3d", "AveragePool"),
    ("adaptive_avg_pool", "pooling", ORDINARY, "nn.AdaptiveAvgPool1d nn.AdaptiveAvgPool2d nn.AdaptiveAvgPool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d",
     "adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d _adaptive_avg_pool3d", "GlobalAveragePool"),
    ("adaptive_max_pool", "pooling", ORDINARY, "nn.AdaptiveMaxPool1d nn.AdaptiveMaxPool2d nn.AdaptiveMaxPool3d adaptive_max_pool1d adaptive_max_pool2d", "adaptive_max_pool2d", ""),
    ("lp_pool", "pooling", SPECIAL, "nn.LPPool1d nn.LPPool2d nn.LPPool3d lp_pool1d lp_pool2d lp_pool3d", "", "LpPool GlobalLpPool"),
    ("max_unpool", "pooling", SPECIAL, "nn.MaxUnpool1d nn.MaxUnpool2d nn.MaxUnpool3d max_unpool1d max_unpool2d max_unpool3d", "max_unpool2d max_unpool3d", "MaxUnpool"),
    ("mean", "reduction", ORDINARY, "mean", "mean", "ReduceMean"),
    # Joining, splitting and indexing.
    ("cat", "layout", ORDINARY, "cat concat concatenate", "cat concat", "Concat"),
    ("stack", "layout", SPECIAL, "stack", "stack", ""),
    ("split", "indexing", SPECIAL, "split tensor_split", "split split_with_sizes tensor_split", "Split"),
    ("index", "indexing", SPECIAL, "x[tensor]", "index", "GatherND"),
    ("index_select", "indexing", SPECIAL, "index_select take", "index_select take", "Gather"),
    ("embedding", "indexing", SPECIAL, "nn.Embedding embedding", "embedding", ""),
    ("setitem", "indexing", SPECIAL, "x[...]= copy", "copy slice_scatter select_scatter index_put", ""),
    ("scatter", "indexing", SPECIAL, "scatter scatter_add scatter_reduce", "scatter scatter_add scatter_reduce", "ScatterElements Scatter ScatterND TensorScatter"),
    ("masked_fill", "indexing", SPECIAL, "masked_fill", "masked_fill", ""),
    ("where", "indexing", SPECIAL, "where", "where", "Where"),
    ("masked_select", "indexing", SPECIAL, "masked_select", "masked_select", "Compress"),
    ("nonzero", "indexing", SPECIAL, "nonzero", "nonzero", "NonZero"),
    ("one_hot", "indexing", SPECIAL, "one_hot", "one_hot", "OneHot"),
    ("roll", "layout", SPECIAL, "roll", "roll", ""),
    ("flip", "layout", SPECIAL, "flip", "flip", "ReverseSequence"),
    ("tril", "layout", SPECIAL, "tril triu", "tril triu", "Trilu"),
    ("pixel_shuffle", "layout", SPECIAL, "nn.PixelShuffle nn.PixelUnshuffle pixel_shuffle pixel_unshuffle", "pixel_shuffle pixel_unshuffle", "DepthToSpace SpaceToDepth"),
    ("channel_shuffle", "layout", SPECIAL, "nn.ChannelShuffle channel_shuffle", "channel_shuffle", ""),
    ("fold", "window", SPECIAL, "nn.Fold fold", "col2im", "Col2Im"),
    ("pad", "window", SPECIAL, "nn.ZeroPad2d nn.ConstantPad2d nn.ReflectionPad2d nn.ReplicationPad2d pad", "pad constant_pad_nd reflection_pad2d replication_pad2d", "Pad"),
    ("interpolate", "sampling", SPECIAL, "nn.Upsample interpolate upsample",
     "upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_nearest_exact2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa upsample_nearest1d upsample_linear1d upsample_nearest3d upsample_trilinear3d", "Resize Upsample"),
    ("grid_sample", "sampling", SPECIAL, "grid_sample", "grid_sampler grid_sampler_2d grid_sampler_3d", "GridSample"),
    ("affine_grid", "sampling", SPECIAL, "affine_grid", "affine_grid_generator", "AffineGrid"),
    ("roi_align", "sampling", SPECIAL, "", "", "RoiAlign"),
    ("roi_pool", "sampling", SPECIAL, "", "", "MaxRoiPool"),
    ("nms", "detection", SPECIAL, "", "", "NonMaxSuppression"),
    # Arithmetic.
    ("add", "arithmetic", ORDINARY, "+ += add", "add", "Add Sum"),
    ("sub", "arithmetic", SPECIAL, "- -= sub rsub subtract", "sub rsub", "Sub"),
    ("neg", "arithmetic", SPECIAL, "-x neg", "neg", "Neg"),
    ("pow", "arithmetic", SPECIAL, "** pow square", "pow square", "Pow"),
    ("sqrt", "arithmetic", SPECIAL, "sqrt", "sqrt", "Sqrt"),
    ("rsqrt", "arithmetic", SPECIAL, "rsqrt", "rsqrt", ""),
    ("reciprocal", "arithmetic", SPECIAL, "reciprocal", "reciprocal", "Reciprocal"),
    ("exp", "arithmetic", SPECIAL, "exp", "exp", "Exp"),
    ("log", "arithmetic", SPECIAL, "log log1p log2", "log log1p log2", "Log"),
    ("sin", "arithmetic", SPECIAL, "sin", "sin", "Sin"),
    ("cos", "arithmetic", SPECIAL, "cos", "cos", "Cos"),
    ("tan", "arithmetic", SPECIAL, "tan", "tan", "Tan"),
    ("asin", "arithmetic", SPECIAL, "asin arcsin", "asin", "Asin"),
    ("acos", "arithmetic", SPECIAL, "acos arccos", "acos", "Acos"),
    ("atan", "arithmetic", SPECIAL, "atan arctan", "atan", "Atan"),
    ("sinh", "arithmetic", SPECIAL, "sinh", "sinh", "Sinh"),
    ("cosh", "arithmetic", SPECIAL, "cosh", "cosh", "Cosh"),
    ("asinh", "arithmetic", SPECIAL, "asinh arcsinh", "asinh", "Asinh"),
    ("acosh", "arithmetic", SPECIAL, "acosh arccosh", "acosh", "Acosh"),
    ("atanh", "arithmetic", SPECIAL, "atanh arctanh", "atanh", "Atanh"),
    ("erf", "arithmetic", SPECIAL, "erf", "erf", "Erf"),
    ("abs", "arithmetic", SPECIAL, "abs", "abs", "Abs"),
    ("sign", "arithmetic", SPECIAL, "sign", "sign", "Sign"),
    ("floor", "arithmetic", SPECIAL, "floor", "floor", "Floor"),
    ("ceil", "arithmetic", SPECIAL, "ceil", "ceil", "Ceil"),
    ("round", "arithmetic", SPECIAL, "round", "round", "Round"),
    ("remainder", "arithmetic", SPECIAL, "% remainder fmod", "remainder fmod", "Mod"),
    ("floor_divide", "arithmetic", SPECIAL, "// floor_divide", "floor_divide", ""),
    ("maximum", "arithmetic", SPECIAL, "maximum", "maximum", "Max"),
    ("minimum", "arithmetic", SPECIAL, "minimum", "minimum", "Min"),
    ("lerp", "arithmetic", SPECIAL, "lerp", "lerp", ""),
    ("addcmul", "arithmetic", SPECIAL, "addcmul addcdiv", "addcmul addcdiv", ""),
    # Reductions and ordering.
    ("sum", "reduction", SPECIAL, "sum", "sum", "ReduceSum"),
    ("max", "reduction", SPECIAL, "max amax", "max amax", "ReduceMax"),
    ("min", "reduction", SPECIAL, "min amin", "min amin", "ReduceMin"),
    ("prod", "reduction", SPECIAL, "prod", "prod", "ReduceProd"),
    ("var", "reduction", SPECIAL, "var std var_mean", "var std var_mean", ""),
    ("logsumexp", "reduction", SPECIAL, "logsumexp", "logsumexp", "ReduceLogSumExp"),
    ("cumsum", "reduction", SPECIAL, "cumsum", "cumsum", "CumSum"),
    ("cumprod", "reduction", SPECIAL, "cumprod", "cumprod", "CumProd"),
    ("argmax", "reduction", SPECIAL, "argmax argmin", "argmax argmin", "ArgMax ArgMin"),
    ("any", "reduction", SPECIAL, "any all", "any all", ""),
    ("topk", "reduction", SPECIAL, "topk", "topk", "TopK"),
    ("sort", "reduction", SPECIAL, "sort argsort", "sort argsort", ""),
    ("unique", "reduction", SPECIAL, "unique", "_unique2 unique_dim", "Unique"),
    ("det", "reduction", SPECIAL, "det linalg_det", "_linalg_det linalg_det det", "Det"),
    # Comparison and logic.
    ("compare", "logic", SPECIAL, "== != < <= > >= eq ne lt le gt ge", "eq ne lt le gt ge", "Equal Less LessOrEqual Greater GreaterOrEqual"),
    ("logical", "logic", SPECIAL, "~ & | ^ logical_not logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or",
     "logical_not logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or", "Not And Or Xor BitwiseNot BitwiseAnd BitwiseOr BitwiseXor"),
    ("bit_shift", "logic", SPECIAL, "bitwise_left_shift bitwise_right_shift", "bitwise_left_shift bitwise_right_shift", "BitShift"),
    ("isnan", "logic", SPECIAL, "isnan isinf", "isnan isinf", "IsNaN IsInf"),
    # Types, constants and shapes.
    ("cast", "type", SPECIAL, "to type type_as float half double int long bool", "_to_copy to type_as", "Cast CastLike"),
    ("bitcast", "type", SPECIAL, "", "", "BitCast"),
    ("arange", "constant", SPECIAL, "arange linspace", "arange linspace", "Range"),
    ("full", "constant", SPECIAL, "full full_like zeros zeros_like ones ones_like empty empty_like new_zeros new_ones new_full fill zero",
     "full full_like zeros zeros_like ones ones_like empty empty_like new_zeros new_ones new_full fill scalar_tensor lift_fresh", "ConstantOfShape"),
    ("meshgrid", "constant", SPECIAL, "meshgrid", "meshgrid", ""),
    ("eye", "constant", SPECIAL, "eye", "eye", "EyeLike"),
    ("random", "constant", SPECIAL, "rand randn rand_like randn_like bernoulli multinomial", "rand randn rand_like randn_like bernoulli multinomial",
     "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial"),
    ("window_function", "constant", SPECIAL, "blackman_window hamming_window hann_window", "blackman_window hamming_window hann_window", "BlackmanWindow HammingWindow HannWindow"),
    ("shape", "shape", SPECIAL, "", "sym_size", "Shape Size"),
    # What leaves the data where it is.
    ("view", "view", ORDINARY, "view view_as", "view _unsafe_view _reshape_alias", "Reshape"),
    ("as_strided", "view", ORDINARY, "as_strided", "as_strided", ""),
    ("flatten", "view", ORDINARY, "nn.Flatten flatten nn.Unflatten unflatten", "flatten unflatten", "Flatten"),
    ("expand", "view", ORDINARY, "expand expand_as broadcast_to", "expand expand_as", "Expand"),
    ("squeeze", "view", ORDINARY, "squeeze", "squeeze", "Squeeze"),
    ("unsqueeze", "view", ORDINARY, "x[None] unsqueeze", "unsqueeze", "Unsqueeze"),
    ("contiguous", "view", ORDINARY, "contiguous clone detach", "contiguous clone alias detach", ""),
    ("identity", "view", ORDINARY, "nn.Identity", "", "Identity"),
    ("dropout", "regularization", ORDINARY, "nn.Dropout nn.Dropout1d nn.Dropout2d nn.Dropout3d nn.AlphaDropout dropout dropout1d dropout2d dropout3d", "dropout native_dropout", "Dropout"),
    # Signals.
    ("fft", "transform", SPECIAL, "fft_fft fft_ifft fft_rfft fft_irfft fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn fft_rfftn fft_irfftn", "_fft_c2c _fft_r2c _fft_c2r", "DFT"),
    ("stft", "transform", SPECIAL, "stft", "stft", "STFT"),
    # Losses.
    ("nll_loss", "loss", SPECIAL, "nn.NLLLoss nll_loss", "nll_loss nll_loss_forward nll_loss2d_forward", "NegativeLogLikelihoodLoss"),
    ("cross_entropy", "loss", SPECIAL, "nn.CrossEntropyLoss cross_entropy", "cross_entropy_loss", "SoftmaxCrossEntropyLoss"),
    # Quantisation.
    ("quantize", "quantization", SPECIAL, "quantize_per_tensor quantize_per_channel", "quantize_per_tensor quantize_per_channel", "QuantizeLinear DynamicQuantizeLinear"),
    ("dequantize", "quantization", SPECIAL, "dequantize", "dequantize", "DequantizeLinear"),
    ("quantized_conv", "quantization", SPECIAL, "", "", "QLinearConv ConvInteger"),
    ("quantized_matmul", "quantization", SPECIAL, "", "", "QLinearMatMul MatMulInteger com.microsoft::MatMulNBits"),
    # Recurrence, control flow and containers.
    ("lstm", "recurrence", SPECIAL, "nn.LSTM lstm", "lstm", "LSTM"),
    ("gru", "recurrence", SPECIAL, "nn.GRU gru", "gru", "GRU"),
    ("rnn", "recurrence", SPECIAL, "nn.RNN rnn_tanh rnn_relu", "rnn_tanh rnn_relu", "RNN"),
    ("if", "control flow", SPECIAL, "cond", "", "If"),
    ("loop", "control flow", SPECIAL, "while_loop", "", "Loop"),
    ("scan", "control flow", SPECIAL, "", "", "Scan"),
    ("sequence", "container", SPECIAL, "", "",
     "SequenceConstruct SequenceEmpty SequenceAt SequenceInsert SequenceErase SequenceLength SequenceMap SplitToSequence ConcatFromSequence"),
    ("optional", "container", SPECIAL, "", "", "Optional OptionalGetElement OptionalHasElement"),
)
# fmt: on

# A spelling that reports also show under its own name, beside the canonical one: the survey lists
# both "matmul" and "@" where the author wrote `@`, and only "matmul" for `torch.matmul`.
NOTATIONS = {"@": "@"}
