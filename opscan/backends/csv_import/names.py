"""The operator that a line of a list means, as profiles write it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from opscan.backends.csv_import.rows import Row
from opscan.core.dialect import Dialect
from opscan.core.operator import OpName
from opscan.core.schema import Lookup

# Operators that a runtime's own optimizer makes, other formats, Python's arithmetic on sizes: no site has them.
_LEFT_OUT = (
    "com.microsoft.nchwc",
    "com.microsoft.dml",
    "com.ms.internal.nhwc",
    "tflite",
    "caffe",
    "operator",
    "executorch_prim",
    "getitem",
)
_COPIES = ("MemcpyFromHost", "MemcpyToHost")
_DOMAINS = {"kDynamicDomainByCreate": "com.microsoft"}
# Where a list does not know the domain: the first that has the operator.
_ONNX_DOMAINS = ("com.microsoft", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training")
# Of ExecuTorch's edge operators: which package has them.
_EDGE_DOMAINS = ((r".*_dim_order.*", "dim_order_ops"), (r".*_affine", "torchao"), (r".*", "quantized_decomposed"))
_OF_TORCH = ("aten", "prims", "torch", "quantized_decomposed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How an import reads names."""

    dialect: Dialect
    lookup: Lookup
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The list's spelling -> the operator's name; empty: no operator."""
    domains: Mapping[str, str] = field(default_factory=dict)
    """The list's domain -> that of models."""
    functional: Callable[[str], str | None] | None = None
    """For a list of out-variants: the operator that one writes to memory."""


def is_internal(row: Row, naming: Naming) -> bool:
    """Whether it is about what only a runtime's own passes, or other formats, contain."""
    return row.operator in _COPIES or (row.domain in _LEFT_OUT and row.domain not in naming.domains)


def operator_of(row: Row, naming: Naming) -> str | None:
    """The operator's name; None where nobody defines one."""
    row = replace(row, domain=naming.domains.get(row.domain, row.domain))
    if row.operator in naming.aliases:
        return naming.aliases[row.operator] or None
    if naming.dialect is Dialect.ONNX:
        return _onnx(row, naming.lookup)
    name = _aten(row, naming.lookup)
    return _functional(name, naming.functional) if name and naming.functional else name


def _functional(name: str, functional: Callable[[str], str | None]) -> str | None:
    """What an out-variant stands for; of a package that torch does not have, the name without `.out`."""
    return functional(name) or (None if name.partition("::")[0] in _OF_TORCH else name.removesuffix(".out"))


def _onnx(row: Row, lookup: Lookup) -> str | None:
    """The operator in the list's domain, or else in any that has it: lists are careless about domains.

    What nobody defines is left out, unless it has a domain of its own.
    """
    listed = str(OpName(_DOMAINS.get(row.domain, row.domain), row.operator))
    candidates = [*([] if "other" in row.domain else [listed]), *(str(OpName(d, row.operator)) for d in _ONNX_DOMAINS)]
    found = next((candidate for candidate in candidates if lookup(candidate)), None)
    return found or (listed if row.domain.startswith("com.") and "other" not in row.domain else None)


def _aten(row: Row, lookup: Lookup) -> str | None:
    """The operator as torch writes it; one that torch should register and does not is left out."""
    domain, _, rest = (row.operator if "::" in row.operator else f"{row.domain}::{row.operator}").partition("::")
    name, _, overload = rest.partition(".")
    if not name or name == "default":
        return None
    if domain == "edge":
        domain = next(namespace for pattern, namespace in _EDGE_DOMAINS if re.fullmatch(pattern, name))
    written = str(OpName(domain, name, "" if overload == "default" else overload))
    return written if lookup(written) or domain not in _OF_TORCH else None
