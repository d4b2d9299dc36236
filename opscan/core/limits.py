"""What a backend demands of a model as a whole, judged once."""

from collections.abc import Iterator, Sequence

from opscan.core.coverage import ModelFinding
from opscan.core.inventory import Inventory
from opscan.core.operator import OpName
from opscan.core.profile import BackendProfile, ModelLimits, Newer, Treatment
from opscan.core.table import first_few
from opscan.core.verdict import Support

OPSET, IR_VERSION, DYNAMIC_SHAPES, LOCAL_FUNCTIONS, CONTROL_FLOW = ("OPS120", "OPS121", "OPS122", "OPS123", "OPS124")

_CONTROL_FLOW = frozenset(
    map(OpName.parse, ("If", "Loop", "Scan", "SequenceMap", "torch.cond", "torch.while_loop", "torch.scan"))
)
_NEWER = {Newer.REJECT: Support.UNSUPPORTED, Newer.WARN: Support.CONDITIONAL}
_SHOWN = 3


def model_findings(
    inventory: Inventory, profile: BackendProfile, judged: Sequence[tuple[OpName, Support]]
) -> tuple[ModelFinding, ...]:
    """What of the model the backend does not take, or where nothing says whether it does.

    `judged` are the operators of the model, once or oftener, each with an outcome.
    """
    limits = profile.limits
    return (
        *_opset(inventory.opset, limits),
        *_ir_version(inventory.ir_version, limits),
        *_dynamic_shapes(inventory, limits),
        *_local_functions(inventory, limits),
        *_control_flow(judged, limits),
    )


def _opset(opset: int | None, limits: ModelLimits) -> Iterator[ModelFinding]:
    if opset is None:
        return
    if limits.opset_min is not None and opset < limits.opset_min:
        reason = f"opset {opset}; allowed: {_range(limits)}; convert the model with onnx.version_converter"
        yield ModelFinding(OPSET, Support.UNSUPPORTED, reason)
    if limits.opset_max is not None and opset > limits.opset_max and limits.opset_newer in _NEWER:
        how = "; export it at an older one" if limits.opset_newer is Newer.REJECT else "; taken with a warning"
        yield ModelFinding(OPSET, _NEWER[limits.opset_newer], f"opset {opset}; allowed: {_range(limits)}{how}")


def _range(limits: ModelLimits) -> str:
    low, high = limits.opset_min, limits.opset_max
    if low is None:
        return f"up to {high}"
    return f"{low} and newer" if high is None else f"{low} to {high}"


def _ir_version(version: int | None, limits: ModelLimits) -> Iterator[ModelFinding]:
    newest = limits.ir_version_max
    if version is not None and newest is not None and version > newest and limits.ir_version_newer in _NEWER:
        reason = f"IR version {version}; allowed: up to {newest}; save the model with an older one"
        yield ModelFinding(IR_VERSION, _NEWER[limits.ir_version_newer], reason)


def _dynamic_shapes(inventory: Inventory, limits: ModelLimits) -> Iterator[ModelFinding]:
    dynamic = [spec for spec in inventory.inputs if spec.static_shape is None]
    if dynamic:
        names = first_few([f"{spec.name} is {spec}" for spec in dynamic], _SHOWN)
        yield from _treated(
            DYNAMIC_SHAPES, limits.dynamic_shapes, f"inputs of dynamic shape: {names}", "fix their shapes"
        )


def _local_functions(inventory: Inventory, limits: ModelLimits) -> Iterator[ModelFinding]:
    if names := inventory.local_functions:
        text = f"{len(names)} functions of the model's own: {first_few(names, _SHOWN)}"
        yield from _treated(LOCAL_FUNCTIONS, limits.local_functions, text, "inline them with onnx.inliner")


def _control_flow(judged: Sequence[tuple[OpName, Support]], limits: ModelLimits) -> Iterator[ModelFinding]:
    """Where the operators themselves are refused, their bodies do not matter."""
    found = [(op, support) for op, support in judged if op in _CONTROL_FLOW]
    if any(support in (Support.SUPPORTED, Support.CONDITIONAL) for _, support in found):
        names = first_few(sorted({str(op) for op, _ in found}), _SHOWN)
        yield from _treated(CONTROL_FLOW, limits.control_flow, f"control flow: {names}", "unroll it or choose a branch")


def _treated(rule: str, treatment: Treatment, text: str, remedy: str) -> Iterator[ModelFinding]:
    if treatment is Treatment.UNSUPPORTED:
        yield ModelFinding(rule, Support.UNSUPPORTED, f"{text}; {remedy}")
    if treatment is Treatment.UNKNOWN:
        yield ModelFinding(rule, Support.UNKNOWN, f"{text}; nothing says whether the backend takes them")
