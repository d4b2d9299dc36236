"""The name of an operator in its dialect."""

import re

from opscan.core.record import Record, force_setattr

# Namespaces of the torch dialect, printed with a dot, as in source code.
_SOURCE_NAMESPACES = ("nn", "F", "torch", "Tensor")
# Python syntax applied to tensors: `@`, `+`, `x[i]`. Printed bare.
SYNTAX = "operator"
# ONNX: the default domain's other name.
_AI_ONNX = "ai.onnx"
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


class OpName(Record, frozen=True, order=True):
    """An operator is `(domain, name, overload)`, as in the ONNX and ATen specifications.

    `domain` is `""` for ai.onnx, `aten` for ATen, and one of nn, F, torch, Tensor or operator
    (Python syntax) in the torch dialect. The default overload is written by leaving it out. What
    follows the first dot of a name is its overload, so that a nested class (`pkg::Outer.Inner`)
    reads back as the same name.
    """

    domain: str
    name: str
    overload: str = ""

    def __post_init__(self) -> None:
        if self.domain == _AI_ONNX:
            force_setattr(self, "domain", "")
        if "." in self.name and self.domain not in (SYNTAX, *_SOURCE_NAMESPACES):
            name, _, rest = self.name.partition(".")
            force_setattr(self, "name", name)
            force_setattr(self, "overload", ".".join(filter(None, (rest, self.overload))))

    def __str__(self) -> str:
        plain = not self.overload
        if self.domain == SYNTAX or (self.domain == "" and plain and _IDENTIFIER.fullmatch(self.name)):
            return self.name
        if self.domain in _SOURCE_NAMESPACES and plain:
            return f"{self.domain}.{self.name}"
        suffix = f".{self.overload}" if self.overload else ""
        return f"{self.domain or _AI_ONNX}::{self.name}{suffix}"

    @classmethod
    def parse(cls, text: str) -> "OpName":
        """The inverse of `str`; any text is a valid name."""
        domain, separator, rest = text.partition("::")
        if separator:
            name, _, overload = rest.partition(".")
            return cls(domain, name, overload)
        namespace, dot, rest = text.partition(".")
        if dot and namespace in _SOURCE_NAMESPACES:
            return cls(namespace, rest)
        return cls("" if _IDENTIFIER.fullmatch(text) else SYNTAX, text)
