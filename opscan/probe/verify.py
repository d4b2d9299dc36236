"""A profile held against a runtime: the verdict of each single-operator model beside what the runtime did."""

from collections.abc import Callable, Sequence

from onnx import ModelProto

from opscan.core.errors import NoAnswer
from opscan.core.inventory import Inventory, Site
from opscan.core.judge import compare
from opscan.core.probe import Agreement, Held, Measurement
from opscan.core.profile import BackendProfile
from opscan.core.record import replace
from opscan.core.verdict import Support
from opscan.probe.case import Case
from opscan.trace.onnx_file import inventory_of


def agreement(
    cases: Sequence[Case], measured: Measurement, profile: BackendProfile, advance: Callable[[], None] = lambda: None
) -> Agreement:
    """The verdict of every case beside its observation, in order."""
    held = []
    for case, observation in zip(cases, measured.observations, strict=True):
        inventory = inventory_of_case(case)
        site = sole_site(inventory)
        support, reason = _verdict(inventory, profile)
        held.append(Held(replace(observation, site=site), support, reason))
        advance()
    return Agreement(tuple(held))


def inventory_of_case(case: Case) -> Inventory | None:
    """The model as opscan reads it; None where it cannot."""
    try:
        return inventory_of(ModelProto.FromString(case.model), case.name, "")
    except NoAnswer:
        return None


def sole_site(inventory: Inventory | None) -> Site | None:
    """The operator that the model is about; None where it has several in its main graph."""
    outer = [site for site in inventory.sites if not site.body] if inventory else []
    return outer[0] if len(outer) == 1 else None


def _verdict(inventory: Inventory | None, profile: BackendProfile) -> tuple[Support, str]:
    if inventory is None:
        return Support.UNKNOWN, "opscan cannot read the model"
    coverage = compare(inventory, profile)
    of_the_model = [f.reason for f in coverage.model_findings if f.support is coverage.verdict]
    of_sites = [f.reason for f in coverage.findings if f.support is coverage.verdict]
    return coverage.verdict, next(iter((*of_the_model, *of_sites)), "")
