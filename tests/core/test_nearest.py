"""What is nearest to what a site has."""

import pytest

from opscan.core.nearest import nearest_allowed
from opscan.core.profile import Clause, ClauseKind, Test
from opscan.core.verdict import Outcome

ROWS = [
    ("float32", ("float16", "int8"), Test.IN, "float16", "a dtype of the same kind"),
    ("float16", ("bfloat16", "float32", "float64"), Test.IN, "float32", "the next wider one"),
    ("float64", ("float16", "float32"), Test.IN, "float32", "else the next narrower one"),
    ("int64", ("float32", "int32", "uint64"), Test.IN, "int32", "the kind matters more than the width"),
    ("bool", ("float32", "uint8"), Test.IN, "uint8", "of other kinds the one that is most alike"),
    ("6", (3, 4), Test.IN, "4", "a rank"),
    ("0.5", (0, 1.0), Test.IN, "0", "the first of two that are equally near"),
    ("cubic", ("nearest", "linear"), Test.IN, "linear", "the next simpler interpolation"),
    ("bicubic", ("nearest", "zeros"), Test.IN, "nearest", "however far"),
    ("align_corners", ("asymmetric", "half_pixel"), Test.IN, "", "a word unlike all others"),
    ("linear_", ("nearest", "linear"), Test.IN, "linear", "a word like another"),
    ("float32", ("float16",), Test.IN, "", "no choice"),
    ("3", (1, 2), Test.NOT_IN, "", "anything else is allowed"),
    ("13", (8,), Test.MULTIPLE_OF, "16", "the next multiple up"),
    ("?", (8,), Test.MULTIPLE_OF, "", "of what is not known"),
    ("200", (128,), Test.AT_MOST, "", "the bound itself, which the reason names"),
]


@pytest.mark.parametrize(("has", "allowed", "test", "expected", "why"), ROWS)
def test_nearest(has, allowed, test, expected, why):
    clause = Clause(ClauseKind.DTYPE, "T", allowed, test)
    assert nearest_allowed(Outcome(clause, False, has)) == expected, why
