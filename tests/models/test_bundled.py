"""Every bundled model, found by listing: a new definition is tested on arrival."""

from collections import Counter

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils.flop_counter import FlopCounterMode

from opscan.core.agreement import call_differences, calls
from opscan.core.canonical import canonical, special_operators
from opscan.core.dialect import Dialect
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.sources import bundled
from opscan.trace.torch_model import build_weightless, count_parameters, example_inputs

DEFINITIONS = {definition.name: definition for definition in bundled.definitions()}
every_model = pytest.mark.parametrize("name", DEFINITIONS)
# What a TorchFunctionMode sees besides operators: attribute reads and sizes.
NO_OPERATORS = (
    "Tensor.size",
    "Tensor.dim",
    "Tensor.numel",
    "Tensor.__len__",
    "Tensor.is_floating_point",
    "is_floating_point",
)


@pytest.fixture
def model(name):
    return build_weightless(bundled.resolve(name)).to("meta").requires_grad_(False)


def inventory(name, dialect):
    """Captured in this run or in an earlier step of the same CI run; the cache is keyed by all code involved."""
    return capture(bundled.resolve(name), dialect, Options())


@every_model
def test_parameters_are_exact(name, model):
    assert count_parameters(model) == DEFINITIONS[name].variant.params


@every_model
def test_macs_are_half_of_what_torch_counts(name, model):
    """With attention as plain matmuls: on CPU torch counts 0 for the fused kernel, pytorch/pytorch#195460."""
    arguments = example_inputs(DEFINITIONS[name].inputs, "meta")
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(*arguments)
    total = counter.get_total_flops()
    assert total % 2 == 0
    assert DEFINITIONS[name].variant.macs == total // 2
    assert inventory(name, Dialect.TORCH).macs == total // 2


class CallCounter(TorchFunctionMode):
    """Counts torch functions as they are called: a second opinion on what the walker found."""

    def __init__(self):
        self.counts = Counter()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = (resolve_name(func) or func.__name__).removeprefix("torch.").removeprefix("functional.")
        if not name.endswith(".__get__") and name not in NO_OPERATORS:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


@every_model
def test_walker_finds_the_calls_that_torch_sees(name, model):
    arguments = example_inputs(DEFINITIONS[name].inputs, "meta")
    with torch.no_grad(), CallCounter() as counter:
        model(*arguments)
    assert calls(inventory(name, Dialect.TORCH)) == counter.counts


@every_model
def test_calls_equal_the_official_implementation_or_are_explained(name):
    definition = DEFINITIONS[name]
    differences = call_differences(definition, calls(inventory(name, Dialect.TORCH)))
    assert [d for d in differences if not d.reason] == []


@every_model
def test_calls_of_others_are_known_or_it_is_said_why_not(name):
    definition = DEFINITIONS[name]
    assert bool(definition.variant.official_calls) != bool(definition.family.calls_unknown)


@pytest.mark.parametrize("file", sorted({d.file for d in DEFINITIONS.values()}))
def test_explained_call_differences_exist(file):
    """An explanation of a difference that is no more is stale."""
    members = [d for d in DEFINITIONS.values() if d.file == file and d.variant.official_calls]
    explained = set(members[0].family.call_differences) if members else set()
    found = {d.function for m in members for d in call_differences(m, calls(inventory(m.name, Dialect.TORCH)))}
    assert explained == found


@every_model
def test_torch_fx_captures_everything_with_places(name):
    found = inventory(name, Dialect.TORCH)
    assert [rung.method for rung in found.rungs] == ["torch.fx"]
    assert found.uncaptured == ()
    assert [site for site in found.sites if not (site.source or "").startswith("models/")] == []
    assert unmade_values(found) <= set(DEFINITIONS[name].inputs)


@every_model
@pytest.mark.slow
@pytest.mark.parametrize("dialect", [Dialect.ATEN, Dialect.ONNX])
def test_other_dialects_agree(name, dialect):
    """Capture checks an exported graph with onnx.checker and full shape inference, or fails."""
    found = inventory(name, dialect)
    assert found.macs == DEFINITIONS[name].variant.macs
    assert found.params == DEFINITIONS[name].variant.params
    assert found.uncaptured == ()
    assert [site for site in found.sites if any(o.static_shape is None or not o.dtype for o in site.outputs)] == []
    assert [site for site in found.sites if site.source is None] == []
    assert unmade_values(found) <= set(DEFINITIONS[name].inputs)


def unmade_values(found):
    """What sites read, and neither is stored nor made by another site: the model's inputs."""
    made = {spec.name for site in found.sites for spec in site.outputs}
    read = {spec.name for site in found.sites for spec in site.inputs if spec and not spec.constant}
    return read - made


@every_model
@pytest.mark.slow
def test_every_operator_is_in_the_table(name):
    unknown = {
        f"{site.op} ({dialect})"
        for dialect in Dialect
        for site in inventory(name, dialect).sites
        if canonical(site.op) is None
    }
    assert not unknown, f"add to opscan/core/operator_table.py: {', '.join(sorted(unknown))}"


@pytest.mark.slow
@pytest.mark.parametrize("dialect", Dialect)
def test_plain_cnn_needs_nothing_special(dialect):
    assert special_operators(inventory("resnet50", dialect)) == ()
