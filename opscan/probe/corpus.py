"""Which models a runtime is handed."""

import difflib
import zlib
from collections.abc import Sequence

import onnx

from opscan.core.errors import UsageError
from opscan.core.operator import OpName
from opscan.core.probe import Choice
from opscan.probe.case import Case
from opscan.probe.generated import operator_cases
from opscan.probe.node_tests import node_test_cases

# Beside the newest opset: the one that most models in the field have.
COMMON_OPSET = 17


def chosen(choice: Choice) -> tuple[Case, ...]:
    """The models. Raises UsageError for operators and opsets that the installed onnx does not have."""
    found: list[Case] = []
    if choice.generated:
        for opset in choice.opsets or (COMMON_OPSET, onnx.defs.onnx_opset_version()):
            _require_known(opset)
            found += operator_cases(opset, choice.seeds, choice.operators)
    if choice.node_tests:
        found += node_test_cases(choice.operators)
    _require_found(choice.operators, {case.operator for case in found})
    return _sampled(found, choice.sample, choice.seeds)


def _require_known(opset: int) -> None:
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise UsageError(f"--opset {opset}: onnx {onnx.__version__} knows opsets up to {newest}")


def _require_found(wanted: Sequence[str], found: set[str]) -> None:
    known = sorted({str(OpName(s.domain, s.name)) for s in onnx.defs.get_all_schemas_with_history()})
    for name in wanted:
        if name not in found:
            near = difflib.get_close_matches(name, known, n=1)
            hint = "no model can be made of it" if name in known else f"did you mean {near[0]}?" if near else ""
            raise UsageError(f"--operator {name}: {hint or 'ONNX has no operator of that name'}")


def _sampled(cases: Sequence[Case], count: int | None, seeds: Sequence[int]) -> tuple[Case, ...]:
    """Those whose names hash lowest, in their order: the same on every machine."""
    if count is None or count >= len(cases):
        return tuple(cases)
    salt = " ".join(map(str, seeds))
    chosen = sorted(cases, key=lambda case: zlib.crc32(f"{salt} {case.name}".encode()))[:count]
    names = {case.name for case in chosen}
    return tuple(case for case in cases if case.name in names)
