import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.dialect import Dialect
from opscan.core.inventory import Uncaptured
from opscan.core.record import replace
from opscan.core.survey import Capture, Entry, operator_texts, rows
from opscan.core.survey_reports import SURVEY_COLUMNS, survey_tables
from tests.fakes import entry, inventory

VIT = ("nn.LayerNorm", "@", "nn.Softmax", "nn.GELU", "/")
VIT_TEXT = "layernorm, matmul, softmax, gelu, div, @"

# models as (name, its operators), the texts of their rows, what it proves
TEXTS = [
    ([("ViT", VIT)], [VIT_TEXT], "the first row is a list"),
    ([("ViT", VIT), ("DeiT", VIT)], [VIT_TEXT, "same as ViT"], "the same operators"),
    ([("ViT", VIT), ("A", (*VIT, "torch.unbind"))], [VIT_TEXT, "same as ViT, unbind"], "what it adds"),
    ([("ViT", VIT), ("A", VIT[:-1])], [VIT_TEXT, "same as ViT (without div)"], "what it lacks"),
    ([("ViT", VIT), ("A", (*VIT[:-1], "torch.unbind"))], [VIT_TEXT, "same as ViT (without div), unbind"], "both"),
    ([("ViT", VIT), ("A", ("nn.GELU",))], [VIT_TEXT, "gelu"], "a short list is shorter than what it lacks"),
    ([("ViT", VIT), ("A", ("nn.ReLU",))], [VIT_TEXT, "(none)"], "ordinary operators are not listed"),
    ([("A", ("nn.ReLU",)), ("B", ("nn.ReLU",))], ["(none)", "(none)"], "nothing refers to a row without operators"),
    ([("A", ("nn.GELU",)), ("B", ("nn.GELU",))], ["gelu", "gelu"], "a list that is not longer is preferred"),
    ([("ViT", VIT), ("A", (*VIT, "torch.roll")), ("B", (*VIT, "torch.roll"))],
     [VIT_TEXT, "same as ViT, roll", "same as A"], "the nearest of the rows above"),
]  # fmt: skip


@pytest.mark.parametrize(("models", "expected", "why"), TEXTS, ids=[row[-1] for row in TEXTS])
def test_operator_texts(models, expected, why):
    found = rows([entry(name, *operators) for name, operators in models])
    assert list(operator_texts(found)) == expected, why


def test_a_row_refers_to_what_it_refers_to_in_the_survey():
    """Though another row is nearer; where that system is not above it, the shortest text is taken."""
    a, b = entry("A", *VIT, "torch.roll"), replace(entry("B", *VIT, "torch.roll"), same_as="ViT")
    assert list(operator_texts(rows([entry("ViT", *VIT), a, b])))[2] == "same as ViT, roll"
    assert list(operator_texts(rows([a, b])))[1] == "same as A"


def test_no_two_rows_go_by_one_name():
    systems = [("x", "nn.GELU", "A ViT"), ("y", "nn.SiLU", "A"), ("ViT", "nn.Tanh", "A")]
    found = rows([entry(model, operator, system=system) for model, operator, system in systems])
    assert [row.label for row in found] == ["A ViT", "A", "A ViT ViT"]


def test_full_lists_on_request():
    found = rows([entry("ViT", *VIT), entry("DeiT", *VIT)])
    assert list(operator_texts(found, relative=False)) == [VIT_TEXT, VIT_TEXT]


def test_a_model_that_was_not_captured_says_nothing_about_its_operators():
    found = rows([entry("ViT", *VIT), entry("A", reason="no such module")])
    assert list(operator_texts(found)) == [VIT_TEXT, ""]
    assert found[1].first.captured_text == "torch failed: no such module"


# entries, the models of each row, what it proves
MERGES = [
    ([entry("s", "nn.GELU", system="ViT"), entry("l", "nn.GELU", system="ViT")], ["s l"], "siblings merge"),
    ([entry("s", "nn.GELU", system="A"), entry("l", "nn.GELU", system="B")], ["s", "l"], "other systems never"),
    ([entry("s", "nn.GELU", system="A"), entry("l", "nn.SiLU", system="A")], ["s", "l"], "nor other operators"),
    ([entry("s", "nn.GELU", system="A"), entry("x", "nn.SiLU", system="A"), entry("l", "nn.GELU", system="A")],
     ["s l", "x"], "in the place of the first"),
    ([entry("s", system="A", section="1"), entry("l", system="A", section="2")], ["s", "l"], "sections stay apart"),
    ([entry("s", system="A", reason="died"), entry("l", system="A", reason="died")], ["s", "l"], "so do failures"),
    ([entry("s", system="A"), entry("l", system="A", reason="died")], ["s", "l"], "a failure is not an empty list"),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "expected", "why"), MERGES, ids=[row[-1] for row in MERGES])
def test_rows_merge_siblings_only(entries, expected, why):
    assert [" ".join(e.model for e in row.entries) for row in rows(entries)] == expected, why


@pytest.mark.parametrize(
    ("captures", "captured", "text", "why"),
    [
        (("ok",), True, "torch", "one dialect"),
        (("ok", "ok"), True, "torch, aten", "two"),
        (("ok", "died"), False, "torch; aten failed: died", "what failed and why"),
        (("gap",), False, "torch; torch without head: a loop", "a gap is no failure, and no success"),
    ],
)
def test_how_it_was_captured(captures, captured, text, why):
    gap = (Uncaptured("head", "a loop"),)
    found = Entry(
        model="m",
        system="m",
        section="1",
        captures=tuple(
            Capture(dialect, None, outcome)
            if outcome == "died"
            else Capture.of(inventory(dialect=dialect, uncaptured=gap if outcome == "gap" else ()))
            for dialect, outcome in zip(Dialect, captures, strict=False)
        ),
    )
    assert (found.captured, found.captured_text) == (captured, text), why


# --- properties over any survey -----------------------------------------------------------------

_OPERATORS = ("nn.LayerNorm", "torch.matmul", "nn.Softmax", "nn.GELU", "torch.unbind", "torch.roll", "nn.ReLU")
_SURVEYS = st.lists(
    st.builds(
        entry,
        st.uuids().map(lambda u: f"m{u.hex[:6]}"),
        system=st.sampled_from(("ViT", "Swin", "A", "A ViT")),
        section=st.sampled_from(("1. One", "2. Two")),
        reason=st.sampled_from(("", "", "", "died")),
    ).flatmap(
        lambda e: (
            st.just(e)
            if e.primary.found is None
            else st.sets(st.sampled_from(_OPERATORS)).map(
                lambda ops: entry(e.model, *sorted(ops), system=e.system, section=e.section)
            )
        )
    ),
    max_size=8,
    unique_by=lambda e: e.model,
)


def _meaning(text: str, above: dict[str, set[str]]) -> set[str]:
    """What a person reads in a cell, given the rows above it."""
    if text in ("", "(none)"):
        return set()
    relative = re.fullmatch(r"same as (.+?)(?: \(without ([^)]*)\))?((?:, [^,]+)*)", text)
    if relative is None:
        return set(text.split(", "))
    base, without, added = relative.groups()
    return above[base] - set((without or "").split(", ")) | {name for name in added.split(", ") if name}


@given(_SURVEYS)
def test_a_relative_text_means_exactly_the_rows_operators(entries):
    found = rows(entries)
    above: dict[str, set[str]] = {}
    for row, text in zip(found, operator_texts(found), strict=True):
        assert _meaning(text, above) == set(row.special)
        assert row.label not in above, "two rows by one name"
        above[row.label] = set(row.special)


@given(_SURVEYS)
def test_no_row_could_be_told_in_fewer_letters(entries):
    found = rows(entries)
    for number, (row, text) in enumerate(zip(found, operator_texts(found), strict=True)):
        if row.special:
            assert len(text) <= len(", ".join(row.special))
            assert all(len(text) <= len(f"same as {r.label}") for r in found[:number] if r.special == row.special)


@given(_SURVEYS)
def test_every_model_is_in_one_row(entries):
    assert sorted(e.model for row in rows(entries) for e in row.entries) == sorted(e.model for e in entries)


@given(_SURVEYS)
def test_tables_refer_to_rows_above_only(entries):
    """In the order in which they are printed, whatever the order in which the models were named."""
    operators = [column.title for column in SURVEY_COLUMNS].index("special operators")
    printed: list[str] = []
    for table in survey_tables(entries):
        for row in table.rows:
            named = re.match(r"same as ([^(,]+?)(?: \(without|,|$)", row[operators])
            if named:
                assert any(named[1].startswith(label) for label in printed), row[operators]
            printed.append(row[0].split("\n")[0])


def test_a_row_of_a_later_section_is_never_referred_to():
    late, early = entry("late", *VIT, section="2. Two"), entry("early", *VIT, section="1. One")
    first, second = survey_tables([late, early])
    assert [table.rows[0][5] for table in (first, second)] == [VIT_TEXT, "same as early"]
    assert (first.title, second.title) == ("1. One", "2. Two")
