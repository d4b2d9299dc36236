"""The smallest variant of every family, exported and run in onnxruntime, against torch on seeded weights and inputs."""

import onnx
import pytest

from opscan.core.errors import UsageError
from opscan.sources import bundled
from opscan.trace.aten import export_program
from opscan.trace.onnx_export import to_onnx
from opscan.trace.onnx_verify import output_errors
from opscan.trace.torch_model import example_inputs
from opscan.trace.weights import build_with_weights, seeded_inputs

OPSETS = (None, 17)
TOLERANCE = 1e-4


def smallest_variants():
    """By multiply-accumulates: the quickest to run."""
    found = {}
    for definition in bundled.definitions():
        best = found.setdefault(definition.file, definition)
        if definition.variant.macs < best.variant.macs:
            found[definition.file] = definition
    return [definition.name for definition in found.values()]


@pytest.mark.slow
@pytest.mark.parametrize("name", smallest_variants())
def test_onnxruntime_agrees_with_torch_at_the_default_opset_and_17(name, tmp_path):
    definition = next(d for d in bundled.definitions() if d.name == name)
    source = bundled.resolve(name)
    model = build_with_weights(source)
    program = export_program(model, example_inputs(source.inputs, "cpu"))
    for opset in OPSETS:
        path = tmp_path / f"{name}_{opset}.onnx"
        if str(opset) in definition.family.unreachable_opsets:
            with pytest.raises(UsageError, match=f"cannot convert that to opset {opset}"):
                to_onnx(name, program, (), opset)
            continue
        to_onnx(name, program, (), opset).save(str(path), external_data=False)
        onnx.checker.check_model(str(path), full_check=True)
        errors = output_errors(path, model, seeded_inputs(source.inputs))
        assert errors
        assert all(error.relative < TOLERANCE for error in errors), errors
