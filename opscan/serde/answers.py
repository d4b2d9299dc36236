"""Answers over many models -> JSON: `matrix`, `rank`, `fits`."""

from collections.abc import Mapping, Sequence

import msgspec

from opscan.core.fits import FamilyFit
from opscan.core.matrix import Cell
from opscan.core.needs import Obstacle
from opscan.core.rank import Ranking
from opscan.serde.check import CoverageJSON, PartitionsJSON, coverage_json, partitions_json
from opscan.serde.document import SCHEMA_VERSION


class CellJSON(msgspec.Struct, frozen=True):
    """One model on one backend; without an answer, `verdict` is null and `reason` says why."""

    model: str
    backend: str
    verdict: str | None
    coverage: CoverageJSON | None
    partitions: PartitionsJSON | None
    reason: str = ""


class MatrixJSON(msgspec.Struct, frozen=True):
    """`opscan matrix … --format json`."""

    schema_version: int
    backends: list[str]
    cells: list[CellJSON]
    tools: dict[str, str] = {}


class ObstacleJSON(msgspec.Struct, frozen=True):
    """An operator that the backend lacks, or one clause of it; `clause` is empty for the operator as a whole."""

    operator: str
    clause: str


class BlockerJSON(msgspec.Struct, frozen=True):
    """One obstacle, the models it blocks, and those of them that nothing else blocks."""

    operator: str
    clause: str
    models: list[str]
    alone: list[str]
    weight: float
    macs: int


class StepJSON(msgspec.Struct, frozen=True):
    """The best set of at most `size` obstacles; `exact` is false where better ones were not ruled out."""

    size: int
    obstacles: list[ObstacleJSON]
    unblocked: list[str]
    doubtful: list[str]
    weight: float
    exact: bool


class RankJSON(msgspec.Struct, frozen=True):
    """`opscan rank … --format json`."""

    schema_version: int
    backend: str
    models: int
    unknown: str
    conditional: str
    blockers: list[BlockerJSON]
    curve: list[StepJSON]
    unanswered: dict[str, str] = {}
    tools: dict[str, str] = {}


class FamilyFitJSON(msgspec.Struct, frozen=True):
    """Models of one family with the same answer."""

    family: str
    whole_family: bool
    models: list[str]
    fit: str
    operators: list[str]
    obstacles: list[ObstacleJSON]
    doubts: list[ObstacleJSON]


class FitsJSON(msgspec.Struct, frozen=True):
    """`opscan fits … --format json`."""

    schema_version: int
    backend: str
    families: list[FamilyFitJSON]
    unanswered: dict[str, str] = {}
    tools: dict[str, str] = {}


def matrix_json(rows: Sequence[Sequence[Cell]], tools: Mapping[str, str]) -> MatrixJSON:
    """All cells, row by row."""
    backends = [cell.backend for cell in rows[0]] if rows else []
    return MatrixJSON(SCHEMA_VERSION, backends, [_cell(cell) for row in rows for cell in row], dict(tools))


def _cell(cell: Cell) -> CellJSON:
    coverage = cell.coverage
    if coverage is None:
        return CellJSON(cell.model, cell.backend, None, None, None, cell.reason)
    return CellJSON(
        cell.model, cell.backend, coverage.verdict.value, coverage_json(coverage), partitions_json(coverage)
    )


def rank_json(
    found: Ranking,
    *,
    backend: str,
    unknown: str,
    conditional: str,
    unanswered: Mapping[str, str],
    tools: Mapping[str, str],
) -> RankJSON:
    """A ranking, with how doubts were treated and which models gave no answer."""
    return RankJSON(
        schema_version=SCHEMA_VERSION,
        backend=backend,
        models=found.models,
        unknown=unknown,
        conditional=conditional,
        blockers=[
            BlockerJSON(b.obstacle.operator, b.obstacle.clause, list(b.models), list(b.alone), b.weight, b.macs)
            for b in found.blockers
        ],
        curve=[
            StepJSON(s.size, _obstacles(s.obstacles), list(s.unblocked), list(s.doubtful), s.weight, s.exact)
            for s in found.curve
        ],
        unanswered=dict(unanswered),
        tools=dict(tools),
    )


def fits_json(
    found: Sequence[FamilyFit], *, backend: str, unanswered: Mapping[str, str], tools: Mapping[str, str]
) -> FitsJSON:
    """Families, those that run first."""
    families = [
        FamilyFitJSON(
            f.family,
            f.whole,
            list(f.models),
            f.fit.value,
            list(f.operators),
            _obstacles(f.obstacles),
            _obstacles(f.doubts),
        )
        for f in found
    ]
    return FitsJSON(SCHEMA_VERSION, backend, families, dict(unanswered), dict(tools))


def _obstacles(found: Sequence[Obstacle]) -> list[ObstacleJSON]:
    return [ObstacleJSON(obstacle.operator, obstacle.clause) for obstacle in found]
