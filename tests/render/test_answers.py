"""Reports of diff, lock, matrix, rank and fits: whatever names hold, each format reads back and obeys nothing."""

import csv
import io
import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opscan import render
from opscan.core.answer_reports import blocker_table, curve_notes, curve_table, fits_table, matrix_table, no_answers
from opscan.core.dialect import Dialect
from opscan.core.diff import Side, difference
from opscan.core.diff_reports import difference_head, difference_table, lock_table
from opscan.core.fits import fits
from opscan.core.inventory import Site
from opscan.core.judge import compare
from opscan.core.lock import Lock, check
from opscan.core.matrix import Cell, Share
from opscan.core.needs import Needs, needs
from opscan.core.operator import OpName
from opscan.core.rank import ranking
from opscan.core.snapshot import Snapshot, snapshot
from opscan.core.table import Report, visible
from opscan.render import Style, harmless
from opscan.serde.answers import fits_json, matrix_json, rank_json
from opscan.serde.diff import diff_json
from opscan.serde.lock import lock_check_json
from tests.fakes import inventory, profile, spec
from tests.render.gates import names

BACKEND = profile()
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

sites = st.builds(
    lambda domain, name, module: Site(op=OpName(domain, name), module=module, inputs=(spec(2, 3),)), names, names, names
)
inventories = st.builds(
    lambda model, found, domain: inventory(*found, model=model, opset_imports={domain: 1}),
    names,
    st.lists(sites, max_size=4),
    names,
)
few = settings(max_examples=40)


def kept(found) -> Snapshot:
    return snapshot(found, digest=found.model)


def diffed(before, after) -> Report:
    found = difference(*(Side(kept(one), compare(one, BACKEND)) for one in (before, after)))
    return Report(
        data=diff_json([found], [], [], {}),
        title=f"{before.model} → {after.model}",
        head=difference_head(found),
        tables=(difference_table(found),),
    )


def locked(before, after) -> Report:
    found = check(Lock(snapshots=(kept(before),)), [kept(after)])
    notes = (*found.unlocked, *found.versions)
    return Report(
        data=lock_check_json(found, {after.model: before.model}, {}), tables=(lock_table(found),), notes=notes
    )


def needed(one) -> Needs:
    return needs(compare(one, BACKEND), model=one.model, family=one.model)


def ranked(before, after) -> Report:
    found = ranking([needed(before), needed(after)])
    data = rank_json(found, backend=before.model, unknown="apart", conditional="apart", unanswered={}, tools={})
    return Report(data=data, tables=(curve_table(found), blocker_table(found)), notes=curve_notes(found))


def fitted(before, after) -> Report:
    found = fits([needed(before), needed(after)])
    data = fits_json(found, backend=before.model, unanswered={after.model: before.model}, tools={})
    return Report(data=data, tables=(fits_table(found),))


def crossed(before, after) -> Report:
    """Models on two backends, one of which gives no answer."""
    rows = [
        [
            Cell(model=one.model, backend=before.model, coverage=compare(one, BACKEND)),
            Cell(model=one.model, backend=after.model, coverage=None, reason=before.model),
        ]
        for one in (before, after)
    ]
    return Report(data=matrix_json(rows, {}), tables=(matrix_table(rows, Share.SITES),), notes=no_answers(rows))


REPORTS = (diffed, locked, ranked, fitted, crossed)


@pytest.mark.parametrize("of", REPORTS)
@pytest.mark.parametrize("form", render.formats())
@few
@given(before=inventories, after=inventories)
@example(before=inventory(), after=inventory("::error::x", "\n::error::x", model="::error file=x::injected"))
def test_no_format_breaks_or_obeys(of, form, before, after):
    written = render.render(form, [of(before, after)], Style(width=80))
    assert not _CONTROL.search(written)
    written.encode()
    assert not any(line.lstrip().startswith("::") for line in written.split("\n"))
    assert form == "json" or ("##[" not in written and "##vso[" not in written)


@pytest.mark.parametrize("of", REPORTS)
@few
@given(before=inventories, after=inventories)
def test_csv_reads_back(of, before, after):
    found = of(before, after)
    read = list(csv.reader(io.StringIO(render.render("csv", [found], Style())), strict=True))
    rows = [row for table in found.tables for row in table.rows]
    titles = {tuple(map(_cell, (column.title for column in table.columns))) for table in found.tables}
    assert [row[1:] for row in read if tuple(row[1:]) not in titles] == [
        list(map(_cell, row)) for row in rows if tuple(map(_cell, row)) not in titles
    ]


def _cell(text: str) -> str:
    line = harmless("; ".join(visible(text).split("\n")))
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) and len(line) > 2 else line


@few
@given(before=inventories, after=inventories)
def test_json_is_what_was_found(before, after):
    def read(of):
        return json.loads(render.render("json", [of(before, after)], Style()))

    (one,) = read(diffed)["differences"]
    counts = [kept(side).operators for side in (before, after)]
    assert {c["operator"]: (c["before"], c["after"]) for c in one["changes"]} == {
        op: (counts[0].get(op, 0), counts[1].get(op, 0))
        for op in {*counts[0], *counts[1]}
        if counts[0].get(op) != counts[1].get(op)
    }
    assert (one["before"]["model"], one["after"]["model"]) == (before.model, after.model)
    operators = {str(site.op) for found in (before, after) for site in found.sites}
    assert {blocker["operator"] for blocker in read(ranked)["blockers"]} == operators
    assert [model for family in read(fitted)["families"] for model in family["models"]].count(after.model) >= 1
    assert {cell["model"] for cell in read(crossed)["cells"]} == {before.model, after.model}
    lock = read(locked)
    assert bool(lock["unlocked"]) == (before.model != after.model)
    assert lock["unanswered"] == {after.model: before.model}


def test_dialects_are_told_apart():
    """A model that is locked in one dialect is not locked in another."""
    before, after = inventory("A", dialect=Dialect.TORCH), inventory("A", dialect=Dialect.ONNX)
    assert check(Lock(snapshots=(kept(before),)), [kept(after)]).unlocked == ("tiny (onnx)",)
