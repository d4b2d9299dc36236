"""IREE: imported through torch-mlir's ONNX importer and compiled for the CPU."""

from collections.abc import Sequence

from opscan.runtimes import Options, Run, Value

DISTRIBUTION = "iree-base-compiler"
EXTRA = "iree"
# Profile -> the provider that it describes.
PROFILES = {"iree": ""}

_TARGET = ["--iree-llvmcpu-target-cpu=generic"]


def load(model: bytes, _options: Options) -> Run:
    """A compiled module. Raises where the importer or the compiler refuses the model."""
    import onnx
    from iree import compiler, runtime

    proto = onnx.ModelProto.FromString(model)
    binary = compiler.compile_str(_imported(proto), target_backends=["llvm-cpu"], input_type="onnx", extra_args=_TARGET)
    module = runtime.load_vm_flatbuffer(binary, driver="local-sync")

    def run(inputs: Sequence[Value]) -> list[Value]:
        results = module[proto.graph.name](*inputs)
        return [r.to_host() for r in (results if isinstance(results, list | tuple) else (results,))]

    return run


def _imported(model: object) -> str:
    """The model as MLIR text."""
    from iree.compiler.extras import onnx_importer
    from iree.compiler.ir import Context

    content = onnx_importer.ModelInfo(model)
    module = content.create_module(context=Context()).operation
    onnx_importer.NodeImporter.define_function(content.main_graph, module).import_all()
    return str(module)
