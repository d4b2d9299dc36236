import pytest
from hypothesis import given

from opscan.core.dialect import Dialect
from opscan.core.views import operator_uses, places, rolled_up, signatures
from tests.fakes import UNKNOWN, inventories, inventory, site, spec

ROLLED_UP = [
    ("blocks.3.attn.qkv", "blocks.*.attn.qkv", "a number between dots is one of many"),
    ("0", "*", "alone too"),
    ("layers.1.blocks.12", "layers.*.blocks.*", "each number, and the last"),
    ("layer1.conv2", "layer1.conv2", "a number that is part of a name stays"),
    ("1x1.3x", "1x1.3x", "however it begins"),
    ("", "", "the root"),
]


@pytest.mark.parametrize(("module", "expected", "why"), ROLLED_UP)
def test_rolled_up(module, expected, why):
    assert rolled_up(module) == expected, why


def test_places_are_merged_by_rolled_up_path_and_line_most_frequent_first():
    found = places(
        [
            site("Relu", module="head", source="m.py:9"),
            site("Relu", module="blocks.0.act", source="m.py:3"),
            site("Relu", module="blocks.1.act", source="m.py:3"),
            site("Relu", module="blocks.1.act", source="m.py:4"),
            site("Relu"),
        ]
    )
    assert list(map(str, found)) == [
        "2x blocks.*.act, m.py:3",
        "1x (root)",
        "1x blocks.*.act, m.py:4",
        "1x head, m.py:9",
    ]


def test_signatures_are_dtype_and_rank_of_the_inputs_that_are_there():
    x = spec(2, 3)
    found = signatures([site("Clip", x, None, spec()), site("Clip", x, None, spec()), site("Clip", UNKNOWN)])
    assert [(signature.count, str(signature)) for signature in found] == [
        (2, "float32 2-D, float32 0-D"),
        (1, "float32 ?-D"),
    ]


def test_operators_are_most_frequent_first_with_what_is_known_about_them():
    gelu, conv, other = operator_uses(
        inventory(
            site("aten::convolution", macs=5),
            site("my::op", macs=None),
            site("aten::gelu"),
            site("aten::gelu"),
            dialect=Dialect.ATEN,
        )
    )
    assert (str(gelu.op), gelu.canonical, gelu.special, gelu.count, gelu.macs) == ("aten::gelu", "gelu", True, 2, 0)
    assert (conv.canonical, conv.special, conv.macs) == ("conv", False, 5)
    assert (other.canonical, other.special, other.macs) == (None, True, None), "unknown is not 0, nor ordinary"


@given(inventories())
def test_every_site_is_in_one_use_one_place_and_one_signature(found):
    uses = operator_uses(found)
    assert len({use.op for use in uses}) == len(uses)
    assert sum(use.count for use in uses) == len(found.sites)
    for use in uses:
        assert sum(place.count for place in use.places) == use.count
        assert sum(signature.count for signature in use.signatures) == use.count


@given(inventories())
def test_multiply_accumulates_add_up(found):
    assert (found.macs is None) == (found.sites_without_macs > 0)
    assert found.known_macs == sum(site.macs for site in found.sites if site.macs is not None)
    assert found.macs in (None, sum(use.macs or 0 for use in operator_uses(found)))
