"""ONNX models small enough to read, and how they are inspected."""

from pathlib import Path

from onnx import ModelProto, numpy_helper, parser

from opscan.core.inventory import Inventory
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.sources import resolve


def inspected(model: ModelProto, folder: Path) -> Inventory:
    """The inventory of the model, by way of a file."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return capture(resolve(str(path)), None, Options())


def parsed(body: str, opset: int = 17, ir: int = 8, domains: str = "") -> ModelProto:
    """A model in ONNX's textual form, without its header."""
    return parser.parse_model(f'<ir_version: {ir}, opset_import: ["" : {opset}{domains}]> {body}')


def operators(inventory: Inventory) -> list[str]:
    return [str(site.op) for site in inventory]


# A bit of everything: weights, symbols, a function, bodies, attributes, the metadata of torch's exporter.
RICH = parser.parse_model("""
<ir_version: 9, opset_import: ["" : 17, "my" : 1]>
g (float[batch,3,8,8] x, bool c) => (y) <float[2] scale = {1.5, 2.5}, int64[3] shape = {0, 4, 36}> {
    [conv_1] k = Conv <kernel_shape = [3, 3]> (x, w)
    r = Reshape (k, shape)
    m = my.Scale <by: float = 0.5> (r)
    y = If (c) <then_branch = t () => (a) { a = Relu (m) },
                else_branch = e () => (b) { v = Constant <value = float[2] {1, 2}> () b = Neg (m) }>
}
<domain: "my", opset_import: ["" : 17]>
Scale <by> (a) => (b) { s = Constant <value_float: float = @by> () b = Mul (a, s) }
""")
RICH.graph.initializer.append(numpy_helper.from_array(numpy_helper.np.ones((4, 3, 3, 3), "float32"), "w"))
RICH.graph.node[0].metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'stem', 'conv2d']")
RICH.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/a/net.py", line 3, in forward')
