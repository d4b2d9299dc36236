import re
from collections import Counter

import onnx
import pytest

from opscan.core.canonical import canonical, canonical_operators, display_name, is_special, special_operators
from opscan.core.dialect import Dialect
from opscan.core.operator import OpName
from opscan.core.operator_table import NOTATIONS, OPERATORS
from tests.fakes import inventory, site, spec

STANDARD = {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}
# Standard operators without a row: nothing in torch is the same, or they are no operators at all.
ROWLESS = {
    "Constant": "a value, never a site",
    "CenterCropPad": "crops and pads at once",
    "Mean": "elementwise, of several inputs",
    "MeanVarianceNormalization": "over axes of choice, without parameters",
    "ReduceLogSum": "a composition in torch",
    "ReduceSumSquare": "a composition in torch",
    "MelWeightMatrix": "audio",
    "ImageDecoder": "reads files",
    "RegexFullMatch": "text",
    "StringConcat": "text",
    "StringNormalizer": "text",
    "StringSplit": "text",
    "TfIdfVectorizer": "text",
}


@pytest.mark.parametrize("dialect", Dialect)
def test_no_spelling_means_two_operators(dialect):
    counts = Counter(spelling for operator in canonical_operators() for spelling in operator.spellings(dialect))
    assert [spelling for spelling, count in counts.items() if count > 1] == []


def test_names_are_unique():
    assert [name for name, count in Counter(row[0] for row in OPERATORS).items() if count > 1] == []


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row[0])
def test_columns_are_sane(row):
    name, category, special, torch, aten, onnx_names = row
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert re.fullmatch(r"[a-z ]+", category)
    assert isinstance(special, bool)
    assert torch or aten or onnx_names, "a row without spellings names nothing"
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", spelling) for spelling in aten.split())
    assert all(re.fullmatch(r"([a-z.]+::)?[A-Z][A-Za-z0-9]*", spelling) for spelling in onnx_names.split())
    assert not any(s.startswith(("torch.", "F.", "Tensor.", "aten")) for s in torch.split())


def test_onnx_spellings_are_operators_of_the_standard():
    spelled = {s for operator in canonical_operators() for s in operator.onnx if "::" not in s}
    assert spelled - STANDARD == set()


def test_every_standard_operator_has_a_row_or_a_reason():
    without = {name for name in STANDARD if canonical(OpName("", name)) is None}
    assert without == ROWLESS.keys()


@pytest.mark.parametrize("name", ROWLESS)
def test_an_operator_without_row_is_shown_under_its_own_name_and_is_special(name):
    assert display_name(OpName("", name)) == name
    assert special_operators(inventory(name)) == (name,)


LOOKUPS = [
    ("nn.LayerNorm", "layernorm", "a module"),
    ("F.layer_norm", "layernorm", "its function"),
    ("aten::native_layer_norm", "layernorm", "its ATen operator"),
    ("LayerNormalization", "layernorm", "its ONNX operator"),
    ("Tensor.matmul", "matmul", "a method is the function of that name"),
    ("@", "matmul", "syntax is the method that it calls"),
    ("Tensor.add_", "add", "in place is the same operator"),
    ("aten::add_.Tensor", "add", "in place, in ATen"),
    ("aten::add.Tensor", "add", "overloads share a row"),
    ("aten::view_copy", "view", "the edge dialect's _copy is the same operator"),
    ("edge::permute_copy", "permute", "so it is under the edge namespace"),
    ("aten::_to_copy", "cast", "a spelling that ends in _copy wins over the one without"),
    ("Sum", "add", "ONNX Sum adds tensors to each other; it reduces nothing"),
    ("ReduceSum", "sum", "ONNX ReduceSum does"),
    ("torch.linalg_norm", "lp_norm", "torch.linalg.norm goes by the name of its builtin"),
    ("nn.Linearly", None, "no prefix matching"),
    ("linear", None, "a torch spelling is none of ONNX's"),
    ("my.domain::Relu", None, "a domain is never ignored"),
    ("aten::Relu", None, "an ONNX spelling is none of ATen's"),
]


@pytest.mark.parametrize(("name", "expected", "why"), LOOKUPS)
def test_lookup(name, expected, why):
    found = canonical(OpName.parse(name))
    assert (found.name if found else None) == expected, why


SPECIAL = [
    (site("aten::convolution"), False, "a plain CNN's backend has convolution"),
    (site("aten::gelu"), True, "but not GELU"),
    (site("my.domain::Thing"), True, "nothing says that a backend has what nobody knows"),
    (site("aten::permute", spec(4, 8), constant=True), False, "a parameter is stored in the layout it is needed in"),
    (site("aten::permute", spec(4, 8)), True, "an activation has to be moved"),
    (site("aten::gelu", constant=True), True, "computing on constants is still computing"),
]


@pytest.mark.parametrize(("found", "special", "why"), SPECIAL)
def test_is_special(found, special, why):
    assert is_special(found) is special, why


def test_special_operators_are_in_the_tables_order_with_unknown_ones_and_notations_last():
    found = special_operators(
        inventory("pkg::Zeta", "pkg::Alpha", "torch.unbind", "@", "nn.Linear", "nn.GELU", dialect=Dialect.TORCH)
    )
    assert found == ("matmul", "gelu", "unbind", "pkg::Alpha", "pkg::Zeta", "@")


def test_the_notation_is_shown_only_where_the_author_wrote_it():
    assert special_operators(inventory("torch.matmul", dialect=Dialect.TORCH)) == ("matmul",)
    assert special_operators(inventory("@", dialect=Dialect.TORCH)) == ("matmul", "@")
    assert set(NOTATIONS) <= {s for operator in canonical_operators() for s in operator.torch}


def test_one_special_site_makes_the_operator_special():
    constant, not_constant = site("aten::permute", constant=True), site("aten::permute")
    assert special_operators(inventory(constant, dialect=Dialect.ATEN)) == ()
    assert special_operators(inventory(constant, not_constant, dialect=Dialect.ATEN)) == ("permute",)
