"""Ours against what others said: the survey's own rows, and the official implementations' calls."""

import re
from collections import Counter
from collections.abc import Mapping

from opscan.core.canonical import special_operators
from opscan.core.definition import Definition, SurveyRow
from opscan.core.inventory import Inventory, Site
from opscan.core.operator import SYNTAX
from opscan.core.record import Record

# The survey's spelling of a canonical operator, where it differs.
_SURVEY_SPELLINGS = {"nn.Unfold": "unfold", "torch.unbind": "unbind"}

# What the forward of a torch.nn module calls, where it is not `torch.nn.functional.its_name`.
_MODULE_CALLS = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Flatten": "Tensor.flatten",
    "Unflatten": "Tensor.unflatten",
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"), "nn.functional.batch_norm"),
    **{f"InstanceNorm{rank}d": "nn.functional.instance_norm" for rank in (1, 2, 3)},
    **{f"{kind}Pad2d": "nn.functional.pad" for kind in ("Zero", "Constant", "Reflection", "Replication")},
    "ReLU": "nn.functional.relu",
    "ReLU6": "nn.functional.hardtanh",
    "LeakyReLU": "nn.functional.leaky_relu",
    "PReLU": "nn.functional.prelu",
    "SiLU": "nn.functional.silu",
    "LogSigmoid": "nn.functional.logsigmoid",
    "CrossEntropyLoss": "nn.functional.cross_entropy",
    "Upsample": "nn.functional.interpolate",
    "MultiheadAttention": "nn.functional.multi_head_attention_forward",
}
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Methods that Python's syntax calls.
_SYNTAX_CALLS = {
    "@": "Tensor.matmul",
    "+": "Tensor.add",
    "+=": "Tensor.add_",
    "-": "Tensor.sub",
    "-=": "Tensor.sub_",
    "*": "Tensor.mul",
    "*=": "Tensor.mul_",
    "/": "Tensor.div",
    "/=": "Tensor.div_",
    "//": "Tensor.__floordiv__",
    "%": "Tensor.remainder",
    "**": "Tensor.__pow__",
    "-x": "Tensor.neg",
    "~": "Tensor.__invert__",
    "&": "Tensor.__and__",
    "|": "Tensor.__or__",
    "^": "Tensor.__xor__",
    "==": "Tensor.__eq__",
    "!=": "Tensor.ne",
    "<": "Tensor.lt",
    "<=": "Tensor.le",
    ">": "Tensor.gt",
    ">=": "Tensor.ge",
}
# The same where a number stands on the left, `1 - x`.
_REFLECTED_CALLS = {
    "-": "Tensor.__rsub__",
    "/": "Tensor.__rtruediv__",
    "//": "Tensor.__rfloordiv__",
    "%": "Tensor.__rmod__",
    "**": "Tensor.__rpow__",
}


def calls(inventory: Inventory) -> Counter[str]:
    """torch functions called in one forward, by the names torch.overrides gives them, from a torch inventory.

    An indexing expression is one call, whatever its components.
    """
    return Counter(name for site in inventory.sites if (name := _call(site)))


def _call(site: Site) -> str | None:
    op = site.op
    match op.domain:
        case "nn" if op.name == "Identity":
            return None
        case "nn":  # AdaptiveAvgPool2d -> adaptive_avg_pool2d
            return _MODULE_CALLS.get(op.name) or f"nn.functional.{_WORD_START.sub('_', op.name).lower()}"
        case "F":
            return f"nn.functional.{op.name}"
        case "torch" if op.name in ("conv1d", "conv2d", "conv3d"):  # the same functions
            return f"nn.functional.{op.name}"
        case "Tensor":
            return f"Tensor.{op.name}"
        case domain if domain == SYNTAX and op.name.startswith("x["):
            return "Tensor.__getitem__" if site.attributes.get("component", 0) == 0 else None
        case domain if domain == SYNTAX and "self" in site.attributes:
            return _REFLECTED_CALLS.get(op.name) or _SYNTAX_CALLS.get(op.name, op.name)
        case domain if domain == SYNTAX:
            return _SYNTAX_CALLS.get(op.name, op.name)
        case _:
            return op.name


class CallDifference(Record, frozen=True):
    """A torch function that ours and the official implementation call differently often."""

    function: str
    ours: int
    official: int
    reason: str
    """Empty where the definition does not explain it."""


def call_differences(definition: Definition, ours: Mapping[str, int]) -> tuple[CallDifference, ...]:
    """Where the calls differ, by function name; nothing where the official counts are not known."""
    official = definition.variant.official_calls
    if not official:
        return ()
    return tuple(
        CallDifference(name, ours.get(name, 0), official.get(name, 0), definition.family.call_differences.get(name, ""))
        for name in sorted({*ours, *official})
        if ours.get(name, 0) != official.get(name, 0)
    )


def calls_of(definition: Definition) -> str:
    """Whose calls a model's are compared with: the official repository's where nothing else is said."""
    repository = definition.family.repository.removeprefix("https://github.com/")
    return definition.variant.calls_of or definition.family.calls_of or f"official, {repository}"


class RowAgreement(Record, frozen=True):
    """The survey's special-operator cell of one system against the walker's answer."""

    system: str
    model: str
    found: tuple[str, ...]
    """Named by the row, or by the row it inherits from, and found."""
    missing: tuple[str, ...]
    """Named by the row itself and not found."""
    inherited_absent: tuple[tuple[str, str], ...]
    """Inherited ("same as ViT") and not found, with the reason."""
    unlisted: tuple[tuple[str, str], ...]
    """Found, but neither named nor inherited, with the reason."""

    @property
    def unexplained(self) -> tuple[str, ...]:
        """What nobody accounts for."""
        return (*self.missing, *(name for name, why in (*self.inherited_absent, *self.unlisted) if not why))


def row_agreement(
    system: str, row: SurveyRow, survey_rows: Mapping[str, SurveyRow], inventory: Inventory
) -> RowAgreement:
    """Holds one row against our inventory of the model it describes."""
    ours = special_operators(inventory)
    listed = _canonical_names(row.listed)
    inherited = tuple(name for name in _inherited(row, survey_rows) if name not in listed)
    claimed = (*inherited, *listed)
    return RowAgreement(
        system=system,
        model=row.in_model,
        found=tuple(name for name in claimed if name in ours),
        missing=tuple(name for name in listed if name not in ours),
        inherited_absent=tuple((name, row.absent.get(name, "")) for name in inherited if name not in ours),
        unlisted=tuple((name, row.unlisted.get(name, "")) for name in ours if name not in claimed),
    )


def _canonical_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_SURVEY_SPELLINGS.get(name, name) for name in names)


def _inherited(row: SurveyRow, survey_rows: Mapping[str, SurveyRow]) -> tuple[str, ...]:
    if not row.same_as:
        return ()
    base = survey_rows[row.same_as]
    return (*_inherited(base, survey_rows), *_canonical_names(base.listed))
