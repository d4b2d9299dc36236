"""The survey's own rows, held against the walker's answers."""

import pytest

from opscan.core.agreement import row_agreement
from opscan.core.dialect import Dialect
from opscan.pipeline.captures import capture
from opscan.pipeline.options import Options
from opscan.sources import bundled

FAMILIES = {d.family.system: d.family for d in bundled.definitions()}
ROWS = {system: family.survey_row for system, family in FAMILIES.items() if family.survey_row}


def test_the_four_rows_are_there():
    assert sorted(ROWS) == ["CoAtNet", "DeiT", "TNT", "ViT"]


@pytest.mark.parametrize("system", sorted(ROWS))
def test_row_agrees_or_is_explained(system):
    row = ROWS[system]
    found = capture(bundled.resolve(row.in_model), Dialect.TORCH, Options())
    agreement = row_agreement(system, row, ROWS, found)
    assert agreement.missing == ()
    assert agreement.unexplained == ()
    # Reasons given for what is not there are stale.
    assert set(row.absent) == {name for name, _ in agreement.inherited_absent}
    assert set(row.unlisted) == {name for name, _ in agreement.unlisted}
