"""A single-operator model with the values that it is run on."""

from dataclasses import dataclass, field
from typing import Any

# numpy arrays; lists of them for sequences, None for an empty optional.
Value = Any


@dataclass(frozen=True, slots=True)
class Case:
    """What a runtime is handed."""

    name: str
    """Unique in a run; says what the model is."""
    operator: str
    model: bytes
    """A serialized ModelProto."""
    inputs: tuple[Value, ...] | None = None
    """In the order of the graph's inputs; None: the model is not run."""
    expected: tuple[Value, ...] | None = None
    """The outputs, where they are known; None: onnx's reference evaluator is asked."""
    check_numbers: bool = field(default=True)
    """False for operators whose outputs are random."""
