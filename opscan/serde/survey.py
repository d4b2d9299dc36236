"""Surveys -> JSON."""

from collections.abc import Mapping, Sequence

import msgspec

from opscan.core.matrix import Cell
from opscan.core.survey import Entry
from opscan.serde.document import SCHEMA_VERSION


class CaptureJSON(msgspec.Struct, frozen=True):
    """One dialect of a surveyed model; `reason` where it was not captured."""

    dialect: str
    captured: bool
    reason: str
    rung: str | None
    params: int | None
    macs: int | None
    sites: int | None
    special_operators: list[str]


class SurveyRowJSON(msgspec.Struct, frozen=True):
    """One surveyed model."""

    model: str
    system: str
    section: str
    captured: bool
    reason: str
    special_operators: list[str]
    method: str
    architecture: str
    repository: str
    publication: str
    dialects: list[CaptureJSON]


class BackendAnswerJSON(msgspec.Struct, frozen=True):
    """One model on one backend: supported sites of all; without an answer they are null and `reason` says why."""

    model: str
    backend: str
    verdict: str | None
    supported_sites: int | None
    sites: int | None
    reason: str = ""


class SurveyJSON(msgspec.Struct, frozen=True):
    """`opscan survey --format json`."""

    schema_version: int
    rows: list[SurveyRowJSON]
    tools: dict[str, str] = {}
    backends: list[BackendAnswerJSON] = []


def survey_json(
    entries: tuple[Entry, ...], tools: Mapping[str, str], cells: Sequence[Sequence[Cell]] = ()
) -> SurveyJSON:
    """A survey as a document: one row per model, never merged; `cells` are the answers of backends."""
    rows = [_survey_row(entry) for entry in entries]
    return SurveyJSON(SCHEMA_VERSION, rows, dict(tools), [_answer(cell) for row in cells for cell in row])


def _answer(cell: Cell) -> BackendAnswerJSON:
    if cell.coverage is None:
        return BackendAnswerJSON(cell.model, cell.backend, None, None, None, cell.reason)
    ratio = cell.coverage.sites
    return BackendAnswerJSON(cell.model, cell.backend, cell.coverage.verdict.value, ratio.part, ratio.whole)


def _survey_row(entry: Entry) -> SurveyRowJSON:
    return SurveyRowJSON(
        model=entry.model,
        system=entry.system,
        section=entry.section,
        captured=entry.captured,
        reason="" if entry.captured else entry.captured_text,
        special_operators=list(entry.special),
        method=entry.method,
        architecture=entry.architecture,
        repository=entry.repository,
        publication=entry.publication,
        dialects=[
            CaptureJSON(
                dialect=capture.dialect.value,
                captured=found is not None,
                reason=capture.reason,
                rung=found.rungs[0].method if found and found.rungs else None,
                params=found.params if found else None,
                macs=found.macs if found else None,
                sites=found.sites if found else None,
                special_operators=list(capture.special),
            )
            for capture in entry.captures
            for found in [capture.found]
        ],
    )
