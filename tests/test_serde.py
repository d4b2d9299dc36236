import contextlib
import json
from datetime import date

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.core.canonical import canonical
from opscan.core.dialect import Dialect
from opscan.core.errors import NoAnswer
from opscan.core.gate import GateResult
from opscan.core.inventory import Uncaptured
from opscan.core.judge import compare
from opscan.core.profile import Rule
from opscan.core.record import replace
from opscan.core.waivers import Waiver
from opscan.serde.check import check_json
from opscan.serde.document import encode
from opscan.serde.inventory import inventory_json
from opscan.serde.reading import inventory_from_json
from opscan.serde.schemas import schemas
from opscan.serde.survey import survey_json
from tests.fakes import entry, gate_of, inventories, inventory, profile, site, spec

TINY = inventory(
    site("Conv", spec(1, 3, "H", "W"), spec(8, 3, 3, 3), module="stem", source="m.py:3", macs=None),
    site("Relu", spec(1, 8, 6, 6), module="stem.act", attributes={"alpha": 0.5, "axes": (0, 1)}),
    opset_imports={"": 18, "com.microsoft": 1},
    params=216,
    uncaptured=(Uncaptured("head", "a loop"),),
)
WAIVER = Waiver(rule="OPS101", operator="*", statement="agreed", expires=date(2027, 1, 31))
GATE = gate_of(compare(TINY, profile(Rule(operator="Conv"))), waivers=[WAIVER])
SILENT = GateResult(model="b", backend="fake@1", reason="no such file")
DOCUMENTS = {
    "inventory": inventory_json(TINY, sites=True),
    "survey": survey_json((entry("a", "nn.GELU"), entry("b", reason="died")), {"torch": "2.13"}),
    "check": check_json(replace(GATE, results=(*GATE.results, SILENT)), {}),
    "profile": {
        "schema": 1,
        "name": "fake",
        "version": "1",
        "title": "A fake",
        "dialect": "onnx",
        "exhaustive": True,
        "confidence": "documented",
        "sources": [{"what": "a list", "licence": "MIT", "retrieved": "2026-11-22"}],
        "rules": {"Relu": [{"require": [{"input": 0, "rank": [4]}, {"attribute": "mode", "in": ["linear"]}]}]},
    },
    "configuration": {
        "backend": ["onnxruntime-cpu"],
        "min_coverage": {"sites": 95},
        "overrides": [{"models": "swin_*", "unknown": "error"}],
        "waivers": [{"rule": "OPS101", "operator": "Roll", "statement": "agreed", "expires": "2027-01-31"}],
    },
}


SCHEMAS = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas().items()}


def plain(document):
    return json.loads(encode(document))


def read(text, name="model.json"):
    return inventory_from_json(text if isinstance(text, bytes) else text.encode(), name)


@given(inventories())
def test_an_inventory_reads_back_as_itself(found):
    assert read(encode(inventory_json(found, sites=True))) == found


def test_not_a_number_reads_back_as_such():
    found = read(encode(inventory_json(inventory(site("Clip", attributes={"min": float("nan")})), sites=True)))
    assert str(found.sites[0].attributes["min"]) == "nan"


@given(inventories(), st.booleans())
def test_inventories_follow_the_published_schema(found, sites):
    SCHEMAS["inventory"].validate(plain(inventory_json(found, sites=sites)))


@given(inventories(Dialect.ONNX), st.booleans())
def test_checks_follow_the_published_schema(found, exhaustive):
    gate = gate_of(compare(found, profile(exhaustive=exhaustive)))
    SCHEMAS["check"].validate(plain(check_json(gate, {})))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_follow_their_schema_and_no_other(name):
    jsonschema.Draft202012Validator.check_schema(schemas()[name])
    assert [schema for schema, validator in SCHEMAS.items() if validator.is_valid(plain(DOCUMENTS[name]))] == [name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_same_value_same_text(name):
    text = encode(DOCUMENTS[name])
    assert text == encode(DOCUMENTS[name])
    assert text.endswith("}\n")


# document, path of keys (a number: an item of the list), the keys that must be there
REQUIRED = [
    ("survey", (), "schema_version rows"),
    ("survey", ("rows", 0), "model section captured special_operators"),
    ("inventory", (), "schema_version model dialect opset params macs operators uncaptured sites"),
    ("inventory", ("operators", 0), "operator canonical special count macs"),
    ("inventory", ("uncaptured", 0), "module reason"),
    ("inventory", ("sites", 0), "operator module source inputs outputs attributes"),
    ("inventory", ("sites", 0, "inputs", 0), "name dtype shape constant"),
    ("check", (), "schema_version results"),
    ("check", ("results", 0), "model backend verdict coverage findings"),
    ("check", ("results", 0, "coverage"), "sites operators macs"),
    ("check", ("results", 0, "coverage", "sites"), "part whole percent"),
    ("check", ("results", 0, "findings", 0), "rule operator reason count places"),
    ("check", ("results", 0, "findings", 0, "places", 0), "modules source count"),
]


@pytest.mark.parametrize(("document", "path", "keys"), REQUIRED, ids=str)
def test_promised_keys(document, path, keys):
    found = plain(DOCUMENTS[document])
    for key in path:
        found = found[key]
    assert set(keys.split()) <= found.keys()


def test_what_the_documents_say():
    inventory_document, survey, check = (plain(DOCUMENTS[name]) for name in ("inventory", "survey", "check"))
    conv, relu = inventory_document["operators"]
    assert (conv["operator"], conv["canonical"], conv["special"], conv["count"], conv["macs"]) == (
        "Conv",
        canonical(TINY.sites[0].op).name,
        False,
        1,
        None,
    )
    assert relu["macs"] == 0
    assert (inventory_document["opset"], inventory_document["macs"], inventory_document["params"]) == (18, None, 216)
    assert inventory_document["sites"][0]["inputs"][0]["shape"] == [1, 3, "H", "W"]
    assert [(row["model"], row["captured"], row["special_operators"]) for row in survey["rows"]] == [
        ("a", True, ["gelu"]),
        ("b", False, []),
    ]
    first, second = check["results"]
    assert (first["verdict"], first["coverage"]["sites"]) == ("unsupported", {"part": 1, "whole": 2, "percent": 50.0})
    assert [(finding["rule"], finding["count"]) for finding in first["findings"]] == [("OPS110", 1)]
    assert [(finding["rule"], finding["waiver"]["expires"]) for finding in first["waived"]] == [
        ("OPS101", "2027-01-31")
    ]
    assert first["passed"] is True
    assert (second["verdict"], second["coverage"], second["reason"]) == (None, None, "no such file")


def test_sites_are_left_out_on_request():
    assert plain(inventory_json(TINY, sites=False))["sites"] is None


GOOD = plain(DOCUMENTS["inventory"])
# text or changed keys, part of the message, what it proves
DAMAGED = [
    (b"", "not an opscan inventory", "an empty file"),
    (b"\x00\xff\xfe", "not an opscan inventory", "no text at all"),
    (b'{"schema_version": 1', "not an opscan inventory", "cut off"),
    (b"[1, 2]", "not an opscan inventory", "another kind of JSON"),
    (b"{}", "not an opscan inventory: it has no schema_version", "somebody else's JSON"),
    (b'{"schema_version": 1, "x": ' + b"[" * 100_000, "not an opscan inventory", "nested beyond reason"),
    (GOOD | {"schema_version": 2}, "schema version 2; this opscan reads version 1", "from a newer opscan"),
    (GOOD | {"schema_version": "1\n2"}, "schema version '1\\n2'", "a version of two lines"),
    (GOOD | {"dialect": "tensorflow"}, "Invalid enum value 'tensorflow'", "a dialect that there is not"),
    (GOOD | {"sites": None}, "no sites; write it with `opscan inspect REF --sites --format json`", "the remedy"),
    (GOOD | {"sites": [{"operator": "Relu"}]}, "missing required field `module`", "a site without its module"),
    (GOOD | {"params": "many"}, "Expected `int | null`, got `str`", "a number that is none"),
    (GOOD | {"sites": [GOOD["sites"][0] | {"attributes": {"a": {}}}]}, "not an opscan", "an attribute that is none"),
    (plain(DOCUMENTS["survey"]), "missing required field `model`", "another of opscan's documents"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "why"), DAMAGED, ids=[row[-1] for row in DAMAGED])
def test_what_cannot_be_read_is_refused_in_one_line(text, message, why):
    with pytest.raises(NoAnswer) as refused:
        read(text if isinstance(text, bytes) else json.dumps(text))
    assert message in str(refused.value), why
    assert str(refused.value).startswith("model.json: "), "it names the file"
    assert "\n" not in str(refused.value)


@given(st.data())
def test_a_damaged_file_is_read_or_refused(data):
    """Never an error that nobody catches."""
    text = bytearray(encode(DOCUMENTS["inventory"]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(text) - 1))
        text[position : position + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(NoAnswer):
        read(bytes(text))
