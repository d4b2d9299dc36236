"""Verdicts beside the operators and sites of one model."""

import json

import pytest

from opscan.core.errors import DialectMismatch
from opscan.core.judge import compare
from opscan.core.profile import Clause, ClauseKind, ModelLimits, Rule, Treatment
from opscan.core.reports import operator_table, site_table
from opscan.core.verdict_columns import verdict_head, with_verdicts
from opscan.pipeline.inspections import inspected
from opscan.pipeline.options import Options
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from tests.fakes import inventory, onnx_site, profile, spec

MODEL = inventory(
    onnx_site("Conv", types={"T": "float32"}),
    onnx_site("Conv", types={"T": "float16"}),
    onnx_site("Conv", types={"T": "float16"}),
    onnx_site("Erf"),
    inputs=(spec("N", name="x"),),
)
FLOAT = Clause(ClauseKind.DTYPE, "T", ("float32",))
NPU = profile(Rule(operator="Conv", clauses=(FLOAT,)), Rule(operator="Erf"))
ALL = profile(Rule(operator="Conv"), Rule(operator="Erf"), limits=ModelLimits(dynamic_shapes=Treatment.SUPPORTED))
COVERAGES = [compare(MODEL, NPU), compare(MODEL, ALL)]
FAILED = "unsupported: T is float16; allowed: float32"


def test_a_column_for_each_backend():
    table = with_verdicts(operator_table(MODEL), COVERAGES, sites=False)
    assert [column.title for column in table.columns[-2:]] == ["fake@1", "fake@1"]
    cells = {row[0]: row[-2:] for row in table.rows}
    assert cells == {"Conv": (f"2x {FAILED}\n1x supported", "supported"), "Erf": ("supported", "supported")}


def test_a_cell_for_each_site():
    table = with_verdicts(site_table(MODEL), COVERAGES, sites=True)
    assert [row[-2] for row in table.rows] == ["supported", FAILED, FAILED, "supported"]


def test_the_head_tells_of_the_model_as_a_whole():
    (name, text), (_, other) = verdict_head(COVERAGES)
    assert name == "fake@1"
    assert text.startswith("unsupported\nunknown: inputs of dynamic shape: x is float32[N]")
    assert other == "supported"


def test_json_tells_the_same():
    document = json.loads(encode(inventory_json(MODEL, sites=False, coverages=COVERAGES)))
    first = document["backends"][0]
    assert (first["backend"], first["verdict"]) == ("fake@1", "unsupported")
    assert [(o["operator"], o["support"], o["count"]) for o in first["operators"]] == [
        ("Conv", "supported", 1),
        ("Conv", "unsupported", 2),
        ("Erf", "supported", 1),
    ]


def test_a_file_is_held_against_backends_of_its_dialect(tmp_path):
    (tmp_path / "model.json").write_text(encode(inventory_json(MODEL, sites=True)))
    (tmp_path / "npu.txt").write_text("Conv")
    read, (coverage,) = inspected(str(tmp_path / "model.json"), [str(tmp_path / "npu.txt")], None, Options())
    assert read.sites == MODEL.sites
    assert [v.support.value for v in coverage.verdicts] == ["supported"] * 3 + ["unsupported"]
    aten = "schema: 1\nname: a\nversion: '1'\ntitle: t\ndialect: aten\nlevel: core\nexhaustive: true\nrules: {}\n"
    (tmp_path / "a.yaml").write_text(
        aten + "confidence: documented\nsources: [{what: w, licence: MIT, retrieved: d}]\n"
    )
    with pytest.raises(DialectMismatch, match="lists aten operators"):
        inspected(str(tmp_path / "model.json"), [str(tmp_path / "a.yaml")], None, Options())
