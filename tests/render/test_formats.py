"""Every format, on text that a hostile model could put into its names."""

import csv
import io
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from opscan import render
from opscan.core.table import Column, Overflow, Report, Table, visible
from opscan.render import Style
from opscan.render.markdown import escape, table

FOR_PEOPLE = tuple(name for name in render.formats() if name != "json")
WIDTHS = (40, 80, 200)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

HOSTILE = [
    "a\nb",
    "a\r\nb\rc",
    "a|b||c",
    "\\|",
    'say "no"',
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "[red]not markup[/red]",
    "<script>alert(1)</script>",
    "&lt;",
    "**bold** _it_ __bold__ `code` ~~no~~ ~ $x$",
    "[a](http://b)",
    "tab\tbell\x07null\x00back\x08",
    "\u202egnp.exe",
    "\u2028",
    "漢字" * 9,
    ":smile:",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "layer_norm._private_",
    " ",
    "",
]
names = st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=30)


def report(*cells: str, columns: int = 2, **facts) -> Report:
    """One table of those cells, which are also its title and the report's facts."""
    rows = tuple(zip(*[iter(cells)] * columns, strict=False))
    titles = tuple(Column(f"column{number}") for number in range(columns))
    return Report(data={"cells": list(cells)}, tables=(Table(titles, rows, title=cells[0]),), **facts)


def strange(cells: list[str]) -> Report:
    """The same text everywhere that text may stand."""
    return report(*cells, title=cells[0], head=((cells[0], cells[1]),), notes=(cells[1],))


CELLS = st.lists(names, min_size=2, max_size=6)


def test_the_formats():
    assert set(render.formats()) >= {"table", "markdown", "json", "csv"}


@pytest.mark.parametrize("form", render.formats())
@given(cells=CELLS)
def test_same_input_same_text(form, cells):
    once, again = (render.render(form, [strange(cells)], Style(width=80)) for _ in range(2))
    assert once == again
    assert once.endswith("\n")
    once.encode()  # half characters would stop the writing


@pytest.mark.parametrize("form", FOR_PEOPLE)
@given(cells=CELLS)
@example(cells=HOSTILE)
def test_nothing_in_a_name_controls_the_terminal(form, cells):
    assert _CONTROL.search(render.render(form, [strange(cells)], Style(width=80))) is None


VISIBLE = [
    ("plain", "plain", "text stays"),
    ("漢字 é", "漢字 é", "in any script"),
    ("a\nb", "a\nb", "so do line breaks"),
    ("a\r\nb", "a\nb", "of either kind"),
    ("a\rb", r"a\rb", "a return alone would overwrite the line"),
    ("\x1b[31m", r"\x1b[31m", "an escape sequence is spelled out"),
    ("\u202e", r"\u202e", "so is what reverses the text"),
    ("\ud800", r"\ud800", "and half a character, which cannot be written"),
    ("\t", r"\t", "a tab has no width of its own"),
]


@pytest.mark.parametrize(("text", "expected", "why"), VISIBLE)
def test_visible(text, expected, why):
    assert visible(text) == expected, why


# --- json ---------------------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1))
def test_json_is_the_data(cells):
    assert json.loads(render.render("json", [Report(data={"cells": cells})], Style())) == {"cells": cells}


# --- csv ----------------------------------------------------------------------------------------


@given(CELLS)
def test_csv_reads_back(cells):
    found = report(*cells)
    parsed = list(csv.reader(io.StringIO(render.render("csv", [found], Style())), strict=True))
    if not found.tables[0].rows:
        return
    assert parsed[0] == ["group", "column0", "column1"]
    shown = [
        [visible(cell).replace("\n", "; ") for cell in (found.tables[0].title, *row)] for row in found.tables[0].rows
    ]
    assert [[re.sub(r"^'(?=[=+@-])", "", cell) for cell in row] for row in parsed[1:]] == [
        [re.sub(r"^'(?=[=+@-])", "", cell) for cell in row] for row in shown
    ]


FORMULAS = [
    ("=1+1", "'=1+1", "a formula is kept from running"),
    ("@SUM(A1)", "'@SUM(A1)", "in any of its forms"),
    ("+=", "+=", "Python's operators are none"),
    ("@", "@", "not even this one"),
    ("-x", "-x", "nor this"),
    ("aten::add", "aten::add", "an operator's name"),
]


@pytest.mark.parametrize(("cell", "expected", "why"), FORMULAS)
def test_csv_holds_no_formulas(cell, expected, why):
    text = render.render("csv", [Report(data=None, tables=(Table((Column("a"),), ((cell,),)),))], Style())
    assert list(csv.reader(io.StringIO(text)))[1] == ["", expected], why


def test_csv_has_one_header_for_tables_that_share_it():
    one, other = (Table((Column("a"),), (("1",),), title=title) for title in ("x", "y"))
    wider = Table((Column("a"), Column("b")), (("1", "2"),), title="z")
    text = render.render("csv", [Report(data=None, tables=(one, other)), Report(data=None, tables=(wider,))], Style())
    assert text.splitlines() == ["group,a", "x,1", "y,1", "group,a,b", "z,1,2"]


# --- markdown -----------------------------------------------------------------------------------

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _cells(markdown: str) -> list[list[str]]:
    """The cells of the only table, as a browser shows them."""
    rows: list[list[str]] = []
    for token in _PARSER.parse(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append("".join(map(_shown, token.children)))
    return rows


def _shown(token) -> str:
    assert token.type in ("text", "text_special", "html_inline"), f"{token.type} is markup"
    if token.type == "html_inline":
        assert token.content == "<br>"
        return "\n"
    return token.content


@given(CELLS)
@example(HOSTILE)
def test_markdown_tables_show_every_cell_unchanged(cells):
    found = report(*cells).tables[0]
    parsed = _cells(table(found))
    assert parsed[0] == ["column0", "column1"]
    expected = [[visible(cell) for cell in row] for row in found.rows]
    assert [[cell.strip(" ") for cell in row] for row in parsed[1:]] == [
        [cell.strip(" ") for cell in row] for row in expected
    ]


ESCAPED = [
    ("layer_norm", "layer_norm", "an underscore between letters is no markup"),
    ("__init__", r"\_\_init\_\_", "elsewhere it is"),
    ("x[None] * 2", r"x\[None\] \* 2", "brackets and stars"),
    ("a|b", r"a\|b", "a pipe ends a cell"),
    ("<b>&amp;", "&lt;b&gt;&amp;amp;", "tags and entities"),
    ("a\nb", "a<br>b", "a line break within a cell"),
]


@pytest.mark.parametrize(("text", "expected", "why"), ESCAPED)
def test_escape(text, expected, why):
    assert escape(text) == expected, why


def test_markdown_in_whole():
    found = report("a", "1", title="Title", head=(("model", "vit"),), notes=("a note",))
    assert render.render("markdown", [found], Style()) == (
        "# Title\n\n- model: vit\n\n## a\n\n| column0 | column1 |\n| --- | --- |\n| a | 1 |\n\na note\n"
    )


# --- table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@given(cells=CELLS, columns=st.integers(1, 6))
@example(cells=HOSTILE, columns=6)
def test_no_line_is_longer_than_the_terminal(width, cells, columns):
    found = report(
        *cells, columns=min(columns, len(cells)), title=cells[0], head=(("model", cells[1]),), notes=(cells[1],)
    )
    for line in render.render("table", [found], Style(width=width)).splitlines():
        assert cell_len(line) <= width


def _columns(text: str, count: int) -> list[str]:
    """The text of each column, without its white space and line breaks."""
    pieces = [re.split("[│┃]", line) for line in text.splitlines() if re.search("[│┃]", line)]
    assert {len(piece) for piece in pieces} == {count}
    return ["".join("".join(piece[column] for piece in pieces).split()) for column in range(count)]


_WORDS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=40)


@pytest.mark.parametrize("width", WIDTHS)
@given(rows=st.lists(st.tuples(_WORDS, _WORDS, _WORDS, _WORDS), min_size=1, max_size=3))
def test_words_are_broken_rather_than_cut_off(width, rows):
    titles = ("one", "two", "three", "four")
    shown = Table(tuple(map(Column, titles)), tuple(rows))
    text = render.render("table", [Report(data=None, tables=(shown,))], Style(width=width))
    assert _columns(text, 4) == [title + "".join(row[i] for row in rows) for i, title in enumerate(titles)]


MANY = tuple(Column(name, priority=priority) for name, priority in (("a", 0), ("b", 1), ("c", 3), ("d", 2)))


@pytest.mark.parametrize(
    ("width", "shown", "left_out", "why"),
    [
        (200, "abcd", "", "all of them fit"),
        (80, "abd", "c", "the highest number goes first"),
        (60, "ab", "c, d", "then the next"),
        (40, "a", "b, c, d", "one without a number always stays"),
    ],
)
def test_columns_left_out_are_named(width, shown, left_out, why):
    rows = (tuple(name * 24 for name in "abcd"),)
    text = render.render("table", [Report(data=None, tables=(Table(MANY, rows),))], Style(width=width))
    assert [name for name in "abcd" if name * 10 in text] == list(shown), why
    note = [line for line in text.splitlines() if line.startswith("left out")]
    assert note == ([f"left out for lack of width: {left_out}"] if left_out else [])


def test_an_empty_column_is_left_out_without_a_word():
    shown = Table(MANY, (("1", "", "3", ""), ("1", "", "3", "")))
    text = render.render("table", [Report(data=None, tables=(shown,))], Style(width=200))
    assert "left out" not in text
    assert _columns(text, 2) == ["a11", "c33"]


def test_two_columns_of_one_name_are_two_columns():
    shown = Table((Column("n"), Column("n")), (("1", "2"),))
    assert _columns(render.render("table", [Report(data=None, tables=(shown,))], Style()), 2) == ["n1", "n2"]


def test_numbers_align_right():
    shown = Table((Column("n", numeric=True), Column("name")), (("1", "a"), ("1000", "b")))
    text = render.render("table", [Report(data=None, tables=(shown,))], Style())
    assert [line.rstrip() for line in text.splitlines()[2:]] == ["   1 │ a", "1000 │ b"]


def test_markup_of_rich_is_text():
    shown = Table((Column("[red]n[/red]"),), (("[red]a[/red]",), (":smile:",)), title="[bold]t[/bold]")
    text = render.render("table", [Report(data=None, tables=(shown,))], Style())
    assert all(part in text for part in ("[red]n[/red]", "[red]a[/red]", ":smile:", "[bold]t[/bold]"))


@given(CELLS)
def test_color_changes_nothing_but_the_color(cells):
    plain, colored = (
        render.render("table", [strange(cells)], Style(width=80, color=color)).splitlines() for color in (False, True)
    )
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[" in line for line in colored) or not any(plain)
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in colored] == plain


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_the_environment_does_not_color(monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" not in render.render("table", [report("a", "b", title="t")], Style(color=False))


@pytest.mark.parametrize(("variable", "value"), [("COLUMNS", "20"), ("TERM", "dumb"), ("JUPYTER_COLUMNS", "20")])
def test_the_environment_does_not_set_the_width(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    long = "x" * 100
    assert long in render.render("table", [report(long, "b")], Style(width=200))


def grid_of(rows: int, columns: int, overflow: Overflow) -> str:
    """A table in which each cell but the corner names its row and its column."""
    titles = ("model", *(f"backend{number:02}" for number in range(columns)))
    cells = [(f"model{row:02}", *(f"r{row:02}c{column:02}" for column in range(columns))) for row in range(rows)]
    shown = Table(tuple(map(Column, titles)), tuple(cells), overflow=overflow)
    return render.render("table", [Report(data=None, tables=(shown,))], Style(width=80))


# rows, columns, overflow, begins of lines with titles, what the row proves
WIDE = [
    (3, 4, Overflow.SPLIT, ["model "], "what fits stays one table"),
    (3, 20, Overflow.SPLIT, ["model "] * 4, "no column is lost; each table begins with the first again"),
    (3, 20, Overflow.TURNED, ["      "], "few rows become columns"),
    (40, 8, Overflow.TURNED, ["model "] * 2, "many rows do not"),
]


@pytest.mark.parametrize(("rows", "columns", "overflow", "titles", "why"), WIDE, ids=[row[-1] for row in WIDE])
def test_a_table_too_wide_for_the_terminal_loses_nothing(rows, columns, overflow, titles, why):
    written = grid_of(rows, columns, overflow)
    assert [line[:6] for line in written.splitlines() if "┃" in line] == titles, why
    assert all(f"r{row:02}c{column:02}" in written for row in range(rows) for column in range(columns)), why
    assert max(map(len, written.splitlines())) <= 80, why
