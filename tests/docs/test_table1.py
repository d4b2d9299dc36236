import pytest

from opscan.core.definition import Definition, Family, Published, Variant
from opscan.core.source import InputSpec
from opscan.docs import document
from opscan.docs.table1 import agrees, report

M, G = 10**6, 10**9

ROUNDING = [
    (25_557_032, M, "25.6", True, "rounds up at one decimal"),
    (25_557_032, M, "26", True, "and at none"),
    (25_557_032, M, "25.56", True, "and at two"),
    (25_557_032, M, "25.5", False, "it is not cut off"),
    (25_557_032, M, "25.57", False, "nor rounded further than printed"),
    (86_567_656, M, "86", False, "a figure that was cut off does not agree"),
    (4_000_000_000, G, "4.0", True, "a zero that was printed is a decimal"),
    (4_040_000_000, G, "4.0", True, "below half of it"),
    (4_060_000_000, G, "4.0", False, "above"),
    (4_060_000_000, G, "4", True, "which a figure without decimals does not see"),
    (2_500_000, M, "2", True, "a tie rounds down"),
    (2_500_000, M, "3", True, "or up: tables do either"),
    (2_675_000, M, "2.67", True, "a tie that has no exact binary fraction"),
    (2_675_000, M, "2.68", True, "in both directions"),
    (None, M, "5", False, "nothing measured agrees with nothing"),
    (5_000_000, M, "", False, "nor does nothing published"),
    (5_000_000, M, "-", False, "nor a dash"),
]


@pytest.mark.parametrize(("measured", "unit", "published", "expected", "why"), ROUNDING)
def test_agrees(measured, unit, published, expected, why):
    assert agrees(measured, unit, published) is expected, why


def definition(published, **facts):
    family = Family(
        system="A",
        title="A paper",
        paper="https://arxiv.org/abs/1",
        date="2020-10",
        publication="",
        section="1. All",
        architecture="",
        repository="",
        inputs={"image": InputSpec((1, 3, 224, 224))},
        variants={},
    )
    return Definition("a", Variant(title="A/16", config={}, table1=published, **facts), family, "a")


def row(published, **facts):
    (table,) = (t for t in report((definition(published, **facts),)).tables if t.rows)
    return table.title, dict(zip((c.title for c in table.columns), table.rows[0], strict=True))


def test_a_row_shows_ours_beside_the_published_figure():
    group, cells = row(
        Published(group="CNN", params_m="25.6", flops_g="4.1", top1="79.1", flops_note="counts pooling"),
        params=25_557_032,
        macs=4_089_184_256,
    )
    assert group == "CNN"
    assert (cells["model"], cells["input"], cells["Top-1(%)"]) == ("A/16", "224x224", "79.1")
    assert (cells["Params(M)"], cells["FLOPs(B)"]) == ("25.56", "4.089")
    assert cells["differences"] == "FLOPs: counts pooling"


MARKS = [
    (25_557_032, "25.5", "25.56 ≠", "a figure that ours does not round to is marked"),
    (25_557_032, "25.6", "25.56", "one that it does is not"),
    (25_557_032, "", "25.56", "nothing published is no difference"),
    (None, "25.6", "?", "what is not measured is not 0"),
]


@pytest.mark.parametrize(("params", "published", "expected", "why"), MARKS)
def test_marks(params, published, expected, why):
    assert row(Published(group="CNN", params_m=published), params=params)[1]["Params(M)"] == expected, why


def test_models_without_published_figures_have_no_row():
    found = report((definition(None, params=1), definition(Published(group="CNN"), params=1)))
    assert len(found.data["rows"]) == sum(len(table.rows) for table in found.tables) == 1


BLOCKS = [
    (("# A", "text"), "# A\n\ntext\n", "an empty line between two blocks, a line break at the end"),
    (("a", ["b", "c"], "d"), "a\n\nb\n\nc\n\nd\n", "a list is so many blocks"),
    (("a", "", [], [""], "b"), "a\n\nb\n", "empty ones are left out"),
]


@pytest.mark.parametrize(("blocks", "expected", "why"), BLOCKS)
def test_document(blocks, expected, why):
    assert document(*blocks) == expected, why
