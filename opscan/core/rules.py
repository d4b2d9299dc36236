"""What opscan can find, one row per rule id. Ids are stable: a new rule gets a new id, none is used twice."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from opscan.core.record import Record


class Severity(StrEnum):
    """What a finding does to the gate."""

    OFF = "off"
    """Not reported."""
    WARN = "warn"
    """Reported; the gate stays open."""
    ERROR = "error"
    """The gate closes: exit code 1."""


class GateRule(Record, frozen=True):
    """One kind of finding."""

    id: str
    name: str
    default: Severity
    meaning: str
    example: str
    remedy: str
    """What to do."""


_ERROR, _WARN = Severity.ERROR, Severity.WARN

RULES: tuple[GateRule, ...] = (
    GateRule(
        "OPS101",
        "operator-unsupported",
        _ERROR,
        "The backend has no such operator: its profile is complete and does not list it, or lists it as unsupported.",
        "GridSample on a backend whose list has no GridSample",
        "Replace the operator where the model calls it (the finding names module and line), choose another opset or a "
        "newer version of the backend, or put it in a part that runs elsewhere. `opscan backends show BACKEND` lists "
        "what there is; `opscan rank` tells the backend's makers which operator to add next.",
    ),
    GateRule(
        "OPS102",
        "clause-failed",
        _ERROR,
        "The backend has the operator, but not for this use of it: a dtype, rank, attribute, opset or constant that "
        "the rule demands is not what the model has.",
        "Acos on float64 where the backend has it for float32 only",
        "Change what the finding names as failing to what it names as allowed. What it names as next stands in the "
        "way after that.",
    ),
    GateRule(
        "OPS103",
        "unknown",
        _WARN,
        "It could not be told: the profile says nothing about the operator and does not claim to be complete, or a "
        "dtype or shape that decides it is not known.",
        "an operator of a domain of your own, on a backend whose profile is not complete",
        "Measure it (`opscan probe`), add a rule to a profile of your own, or give the model static shapes. "
        "`unknown: error` in the configuration makes it fail.",
    ),
    GateRule(
        "OPS104",
        "conditional",
        _WARN,
        "The backend has the operator under a restriction that nobody can decide from the model.",
        "Resize where the backend's notes say that some modes run slowly",
        "Read the restriction; where it is met, waive the finding with that statement.",
    ),
    GateRule(
        "OPS105",
        "broken",
        _ERROR,
        "The backend accepts the operator and then gives wrong numbers or crashes; the finding cites where that is "
        "known from.",
        "GridSample on a version of a compiler that miscompiles it",
        "Avoid the operator on that version, or move to one where it is mended. Do not trust a model that converts.",
    ),
    GateRule(
        "OPS110",
        "not-captured",
        _WARN,
        "A part of the model could not be seen, so nothing is known about its operators.",
        "a module that neither torch.fx nor torch.export can trace",
        "Make the part traceable (the reason says what is in the way), or give the exported .onnx file.",
    ),
    GateRule(
        "OPS120",
        "model-opset",
        _ERROR,
        "The model's opset is outside of what the backend reads.",
        "a model of opset 26 for a backend that reads up to 21",
        "Export with `--opset`, or convert the file with onnx.version_converter.",
    ),
    GateRule(
        "OPS121",
        "model-ir-version",
        _ERROR,
        "The file's IR version is newer than what the backend reads.",
        "IR version 13 for a runtime that reads up to 10",
        "Write the file with a lower ir_version (`onnx.helper.make_model(..., ir_version=N)`); operators stay as "
        "they are.",
    ),
    GateRule(
        "OPS122",
        "dynamic-shapes",
        _ERROR,
        "The model has inputs of unknown size and the backend needs every size.",
        "a batch dimension `N` for an NPU compiler",
        "Export with fixed sizes, or fix them in the file (`python -m onnxruntime.tools.make_dynamic_shape_fixed`).",
    ),
    GateRule(
        "OPS123",
        "local-functions",
        _ERROR,
        "The file defines functions of its own, which the backend does not expand.",
        "an exporter that keeps modules as functions",
        "Inline them (`onnx.inliner.inline_local_functions`).",
    ),
    GateRule(
        "OPS124",
        "control-flow",
        _ERROR,
        "The model has If, Loop or Scan, whose bodies the backend does not run.",
        "a Loop that decodes tokens",
        "Unroll the loop, decide the branch before exporting, or run the loop outside of the model.",
    ),
    GateRule(
        "OPS201",
        "coverage-below",
        _ERROR,
        "The share of sites, distinct operators or multiply-accumulates that is supported is below `min_coverage`.",
        "92.0 % of sites where 95 % are asked for",
        "Support what the other findings name, or lower the threshold and say why.",
    ),
    GateRule(
        "OPS202",
        "partitions-above",
        _ERROR,
        "The backend would get the model in more pieces than `max_partitions`.",
        "37 partitions, as every block is cut by one operator: slower than not using the backend at all",
        "Remove the operators that cut; one that occurs in every block costs most.",
    ),
    GateRule(
        "OPS203",
        "border-bytes-above",
        _ERROR,
        "The tensors that cross between supported and other parts have more bytes than `max_border_bytes`.",
        "40 MB over the borders of 12 partitions",
        "Remove the operators that cut where tensors are large.",
    ),
    GateRule(
        "OPS301",
        "lockfile-changed",
        _ERROR,
        "The model's operators are not those that `opscan.lock` holds: some are new or gone.",
        "an update of the exporter that adds Einsum",
        "Look at the difference; where it is meant, run `opscan lock` and commit the file.",
    ),
    GateRule(
        "OPS401",
        "waiver-expired",
        _ERROR,
        "A waiver's day has passed; it waives nothing any more.",
        "`expires: 2026-06-30` in July",
        "Mend what it waived, or decide anew and move the day.",
    ),
    GateRule(
        "OPS402",
        "waiver-unused",
        _WARN,
        "A waiver fits no finding of the models and backends that it speaks of.",
        "an operator that the backend has had since its last version",
        "Delete the waiver.",
    ),
)

BY_ID: Mapping[str, GateRule] = MappingProxyType({rule.id: rule for rule in RULES})
