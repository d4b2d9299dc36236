# ruff: noqa: E501 -- one row per case
"""Operator lists -> profiles: what remarks, counts, names and versions become, and which lists are refused."""

import pytest

from opscan import backends
from opscan.backends.csv_import import import_profile, qnn
from opscan.backends.csv_import.forms import FORMS
from opscan.backends.csv_import.remarks import parts, read
from opscan.backends.csv_import.rows import read_rows
from opscan.core.errors import UsageError
from opscan.document.yaml_text import read_yaml
from opscan.trace.aten_schemas import aten_schemas, functional
from opscan.trace.onnx_schemas import dtype_of, onnx_schemas

HEAD = {
    "schema": 1,
    "name": "npu",
    "version": "2.10",
    "title": "An NPU",
    "dialect": "onnx",
    "exhaustive": True,
    "sources": [{"what": "An NPU's list", "licence": "MIT", "retrieved": "2026-11-22"}],
    "confidence": "documented",
    "import": {"lists": [{"file": "npu.csv"}]},
}
COLUMNS = "backend,version,level,domain,op_type,since_opset,until_opset,status,dtypes,constraint"
MEASURED = f"{COLUMNS},qdq,cases,passed,ran"


# --- remarks ------------------------------------------------------------------------------------


def _schema(operator):
    versions = (aten_schemas if operator.startswith("aten") else onnx_schemas)(operator)
    return versions[max(versions)]


@pytest.mark.parametrize("form", FORMS, ids=[f"{form.example[0]}: {form.example[1][:60]}" for form in FORMS])
def test_every_form_reads_its_example(form):
    operator, remark = form.example
    reading = read(remark, _schema(operator))
    match form.becomes:
        case str():
            assert (reading.note, reading.clauses) == (form.becomes, ())
        case dict():
            assert (dict(reading.dtypes), reading.clauses) == (form.becomes, ())
        case _:
            assert list(reading.clauses) == form.becomes
    assert reading.restriction == form.rest


PARTS = [
    ("axis must be an initializer", ["axis must be an initializer"], "one statement"),
    ("group = 1; auto_pad: only NOTSET", ["group = 1", "auto_pad: only NOTSET"], "semicolons part"),
    (
        "2D or 3D pooling only. dilations must be all ones.",
        ["2D or 3D pooling only", "dilations must be all ones"],
        "sentences",
    ),
    (
        "more than 1 diagonal is not supported e.g. iijj->ij",
        ["more than 1 diagonal is not supported e.g. iijj->ij"],
        "`e.g.` ends none",
    ),
    ("OV 2020.4 only", ["OV 2020.4 only"], "nor does a version"),
    (
        "bits=4 only [decomposed into several WebNN ops]",
        ["bits=4 only", "[decomposed into several WebNN ops]"],
        "a remark in brackets is one of its own",
    ),
    ("", [], "nothing"),
]


@pytest.mark.parametrize(("remark", "expected", "why"), PARTS, ids=[row[-1] for row in PARTS])
def test_statements_of_a_remark(remark, expected, why):
    assert parts(remark) == expected, why


def test_what_has_no_form_stays_prose():
    reading = read("even sizes only; axis must be an initializer", _schema("CumSum"))
    assert reading.restriction == "even sizes only"
    assert len(reading.clauses) == 1


def test_a_statement_about_what_the_operator_has_in_no_version_stays_prose():
    assert read("slope must be constant", _schema("Relu")).restriction == "slope must be constant"
    assert read("training_mode: Not supported", _schema("Relu")).restriction


def test_a_statement_about_what_another_version_has_is_true_of_this_one():
    before = onnx_schemas("ScatterND")[11]
    assert read("reduction is not supported", before).restriction, "nothing is known of other versions"
    assert read("reduction is not supported", before, frozenset({"reduction"})).restriction == ""


# --- rules --------------------------------------------------------------------------------------

LINES = [
    ("ai.onnx,Relu,6,9,native,T=float64|int8|float32,", {"Relu": [{"since": 6, "until": 12, "dtypes": {"T": ["float32", "float64"]}}]}, "a range ends before a version; dtypes that the version has, in order"),
    (",Erf,,,unsupported,,", {"Erf": [{"supported": False}]}, "no domain is ai.onnx"),
    ("ai.onnx,Resize,13,,partial,,", {"Resize": [{"since": 13, "restriction": "supported in part; the list does not say which"}]}, "in part without a remark"),
    ("ai.onnx,Gelu,20,,fused-only,,", {"Gelu": [{"since": 20, "restriction": "only as part of a fused operator"}]}, "fused only is no plain yes"),
    ("ai.onnx,Gelu,20,,cpu-fallback,,", {"Gelu": [{"since": 20, "supported": False, "restriction": "not on the accelerator: it runs on the CPU"}]}, "the CPU's support is not the accelerator's"),
    ("ai.onnx,Gelu,20,,decomposed,,", {"Gelu": [{"since": 20, "note": "decomposed into several operators of the backend"}]}, "decomposed is supported"),
    ("ai.onnx,Abs,7,12,native,,", {"Abs": [{"since": 6, "until": 12}]}, "an opset that brought no version selects the one before"),
    ("ai.onnx,Where,7,8,native,,", {}, "a range before the operator's first version says nothing"),
    ("ai.onnx,Conv,,,native,float32|float16,", {"Conv": [{"dtypes": {"T": ["float16", "float32"]}}]}, "dtypes without a variable are the first input's"),
    ("ai.onnx,Where,,,native,float32|bool,", {"Where": [{"dtypes": {"T": ["bool", "float32"]}}]}, "unless it cannot have them: B is bool"),
    ("ai.onnx,QuantizeLinear,19,20,native,float32|int8,", {"QuantizeLinear": [{"since": 19, "until": 20, "restriction": "dtypes float32, int8, the list does not say of what"}]}, "no guess where none fits"),
    ("com.microsoft,FusedMatMul,1,,native,T=float32,", {"com.microsoft::FusedMatMul": [{"since": 1, "dtypes": {"input 0": ["float32"]}}]}, "sites of com.microsoft have operands, no type variables"),
    ("ai.onnx,Reshape,14,,native,T=float32;shape=int64,", {"Reshape": [{"since": 14, "dtypes": {"T": ["float32"], "input 1": ["int64"]}}]}, "an operand by its name"),
    ("com.microsoft/other,QLinearAdd,,,native,,", {"com.microsoft::QLinearAdd": [{}]}, "a domain that the list does not know"),
    ("ai.onnx,BiasGelu,,,native,,", {"com.microsoft::BiasGelu": [{}]}, "a domain that the list gets wrong"),
    ("ai.onnx,ArgMax,,,native,,listed as Argmax", {"ArgMax": [{"note": "listed as Argmax"}]}, "a slip of the source"),
    ("com.microsoft.nchwc,Conv,1,,native,,", {}, "a runtime's internal domain"),
    ("tflite,CONV_2D,,,native,,", {}, "another format"),
]  # fmt: skip


def _imported(line, columns=COLUMNS, head=HEAD, **more):
    return import_profile(head, {"npu.csv": f"{columns}\nnpu,2.10,onnx,{line}\n"}, onnx_schemas, **more)


def _rules(imported):
    return read_yaml(imported.text.encode(), "npu.yaml").value["rules"]


@pytest.mark.parametrize(("line", "expected", "why"), LINES, ids=[row[-1] for row in LINES])
def test_a_line_becomes_a_rule(line, expected, why):
    assert _rules(_imported(line)) == expected, why


def test_what_nobody_defines_is_left_out_and_named():
    assert _imported("ai.onnx,Im,,,native,,").left_out == ("Im",)


def test_a_line_for_every_operator_is_a_clause_of_every_rule():
    found = read_yaml(_imported("ai.onnx,*,,,generic-constraint,,rank <= 4").text.encode(), "npu.yaml").value
    assert found["every_operator"] == [{"input": "*", "rank": {"at_most": 4}}, {"output": "*", "rank": {"at_most": 4}}]


COUNTS = [
    ("ai.onnx,Abs,13,,partial,float32|float16,no pass for int8|int32,,40,20,30", {"since": 13, "dtypes": {"T": ["float16", "float32"]}, "note": "20 of 40 measured cases pass"}, "the dtypes explain every failure"),
    ("ai.onnx,Abs,13,,partial,float32,,,40,20,30", {"since": 13, "dtypes": {"T": ["float32"]}, "restriction": "20 of 40 measured cases pass; the list does not say what else decides"}, "nothing explains them: conditional"),
    ("ai.onnx,Abs,13,,partial,float32|float16,\"rank of X never passing: 5,6\",,16,12,12", {"since": 13, "dtypes": {"T": ["float16", "float32"]}, "require": [{"input": 0, "as": "X", "rank": {"at_most": 4}}], "note": "12 of 16 measured cases pass"}, "ranks explain them"),
    ("ai.onnx,Abs,13,,cpu-fallback,,,,24,0,16", {"since": 13, "supported": False, "note": "no measured case of 24 passes; 16 run on the CPU"}, "never on the accelerator"),
    ("ai.onnx,Softmax,13,,partial,float64,,,231,2,32", {"since": 13, "supported": False, "note": "2 of 231 measured cases pass"}, "a few passes among many failures are no support"),
    ("ai.onnx,Abs,13,,native,float32,,yes,40,40,40", {"since": 13, "dtypes": {"T": ["float32"]}, "require": [{"quantized": True}], "note": "40 of 40 measured cases pass"}, "measured between DequantizeLinear and QuantizeLinear"),
    ("ai.onnx,Pad,13,17,partial,float32,pads must be constant; mode never passing: wrap,,40,40,40", {"since": 13, "until": 17, "dtypes": {"T": ["float32"]}, "require": [{"input": 1, "as": "pads", "constant": True}, {"attribute": "mode", "not_in": ["wrap"]}], "note": "40 of 40 measured cases pass"}, "constness and attributes by the schema, even one that it lacks"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected", "why"), COUNTS, ids=[row[-1] for row in COUNTS])
def test_counts_become_a_rule(line, expected, why):
    (rules,) = _rules(_imported(line, MEASURED)).values()
    assert rules == [expected], why


def test_ranks_of_the_backends_own_operators():
    limits = qnn.limits(
        read_rows(
            f"{COLUMNS}\n"
            "qnn,1,qnn,qnn,Argmax,,,partial,,onnx=ArgMax; max_input_rank_input_0=4\n"
            "qnn,1,qnn,qnn,Cast,,,partial,,onnx=Cast; max_input_rank_input_0=4; max_input_rank_input_0=5\n"
            "qnn,1,qnn,qnn,Conv2d,,,native,,onnx=Conv\n"
            'qnn,1,qnn,qnn,Conv3d,,,partial,,"onnx=Conv, QLinearConv; exact_input_rank_input_0=5"\n'
        )
    )
    assert limits["ArgMax"] == [{"input": 0, "rank": {"at_most": 4}}]
    assert limits["Cast"] == [{"input": 0, "rank": {"at_most": 5}}], "which rank is whose dtype's the list does not say"
    assert "Conv" not in limits, "two of the backend's operators serve it"
    assert limits["QLinearConv"] == [{"input": 0, "rank": [5]}]


# --- files --------------------------------------------------------------------------------------


def test_the_same_list_and_head_give_the_same_bytes():
    first = _imported("ai.onnx,Relu,6,,native,,").text
    assert first == _imported("ai.onnx,Relu,6,,native,,").text
    assert first.endswith("rules:\n  Relu:\n  - {since: 6}\n")


def test_an_imported_list_loads(tmp_path):
    (tmp_path / "npu.yaml").write_text(_imported("ai.onnx,Pad,,,partial,,pads must be constant; even sizes").text)
    profile = backends.load("npu", [tmp_path])
    assert profile.id == "npu@2.10"
    (rule,) = profile.rules["Pad"]
    assert (len(rule.clauses), rule.restriction) == (1, "even sizes")


KEPT = [
    ({"since": 13, "source": "run", "dtypes": {"T": ["float32"]}}, [{"since": 13, "source": "run", "dtypes": {"T": ["float32"]}}], "a rule of its own stands instead of the list's of the same version"),
    ({"since": 13, "confidence": "measured"}, [{"since": 13, "confidence": "measured"}], "and so does a measured one"),
    ({"since": 6, "source": "run"}, [{"since": 6, "source": "run"}, {"since": 13}], "those of other versions stay"),
    ({"since": 13, "source": "run", "supported": False, "require": [{"attribute": "mode", "in": ["wrap"]}]}, [{"since": 13}, {"since": 13, "source": "run", "supported": False, "require": [{"attribute": "mode", "in": ["wrap"]}]}], "what does not work stands beside"),
    ({"since": 13, "note": "of the list as it was"}, [{"since": 13}], "what came from the list is read again"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "expected", "why"), KEPT, ids=[row[-1] for row in KEPT])
def test_rules_made_beside_the_list_stay(own, expected, why):
    found = _rules(_imported("ai.onnx,Pad,13,,native,,", kept={"Pad": [own]}))["Pad"]
    assert [dict(rule) for rule in found] == expected, why


def test_an_overlay_holds_the_differences():
    base = {"rules": {"Relu": [{"since": 6}], "Erf": [{"since": 9}], "Gelu": [{}]}}
    lines = "\n".join(
        f"npu,2.10,onnx,ai.onnx,{line}" for line in ("Relu,6,,native,,", "Erf,13,,native,,", "Tan,7,,native,,")
    )
    head = {**HEAD, "extends": "npu@3"}
    found = import_profile(head, {"npu.csv": f"{COLUMNS}\n{lines}\n"}, onnx_schemas, base=base)
    content = read_yaml(found.text.encode(), "npu.yaml").value
    assert content["remove"] == ["Gelu"]
    assert content["rules"] == {"Erf": [{"since": 13}], "Tan": [{"since": 7}]}


def test_of_several_lists_the_first_that_has_an_operator_decides():
    texts = {
        "a.csv": f"{COLUMNS}\na,1,onnx,ai.onnx,Relu,,,unsupported,,\n",
        "b.csv": f"{COLUMNS}\nb,1,onnx,ai.onnx,Relu,,,native,,\nb,1,onnx,ai.onnx,Tan,,,native,,\n",
    }
    lists = [{"file": "a.csv"}, {"file": "b.csv", "confidence": "registry", "require": [{"input": 0, "rank": [4]}]}]
    found = _rules(import_profile({**HEAD, "import": {"lists": lists}}, texts, onnx_schemas))
    assert found["Relu"] == [{"supported": False}]
    assert found["Tan"] == [{"require": [{"input": 0, "rank": [4]}], "confidence": "registry"}]


BAD_LISTS = [
    ("", "the list lacks the columns backend, version, domain, op_type", "an empty file"),
    (COLUMNS, "the list has no rows", "a header alone"),
    (COLUMNS.replace(",status", ""), "the list lacks the columns status", "a missing column"),
    (COLUMNS + "\nnpu,1,onnx,,Relu,six,,native,,", "line 2: since_opset 'six' is not a number", "a word for a number"),
    ("# from\n" + COLUMNS + "\nnpu,1,onnx,,Relu,6,-1,native,,", "line 3: until_opset '-1' is not", "comments count as lines"),
    (COLUMNS + "\nnpu,1,onnx,,Relu,6", "line 2: the number of cells is not that of the header", "a short row"),
    (COLUMNS + "\nnpu,1,onnx,,Relu,6,,native,,no, comma", "line 2: the number of cells", "a long one"),
    (COLUMNS + "\nnpu,1,onnx,,,6,,native,,", "line 2: op_type is empty", "a rule for nothing"),
    (COLUMNS + "\nnpu,1,onnx,,Relu,,,soon,,", "line 2: status 'soon' is not one of native", "an unknown status is not taken for support"),
    (COLUMNS + "\nnpu,1,onnx,,Relu,,,native,=float32,", "line 2: dtypes '=float32' is not of the form T=float32|float64", "dtypes of what?"),
    (COLUMNS + "\nnpu,1,onnx,,Relu,,,native,T=float32|,", "line 2: dtypes", "an empty dtype"),
    (COLUMNS + "\na,1,onnx,,Relu,,,native,,\nb,1,onnx,,Relu,,,native,,", "choose one with --select: the list has a@1, b@1", "two backends"),
    (COLUMNS + "\na,1,onnx,,Relu,,,native,,\na,2,onnx,,Relu,,,native,,", "choose one with --select: the list has a@1, a@2", "two versions"),
    (COLUMNS + "\nnpu,1,onnx,,,x,,soon,,\nnpu,1,onnx,,Relu,,,late,,", "line 2: op_type is empty; line 2: status 'soon'", "all faults at once"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "why"), BAD_LISTS, ids=[row[-1] for row in BAD_LISTS])
def test_a_faulty_list_is_refused_with_column_or_line(text, message, why):
    with pytest.raises(UsageError) as refused:
        import_profile(HEAD, {"npu.csv": text}, onnx_schemas)
    assert str(refused.value).startswith("npu.csv: ")
    assert message in str(refused.value), why


BAD_HEADS = [
    ({"import": {"lists": [{"file": "other.csv"}]}}, "the profile needs other.csv", "a list that is not there"),
    ({"import": {"lists": [{"file": "npu.csv", "backend": "zpu"}]}}, "npu.csv: no zpu; the list has npu@2.10", "a backend that the list lacks"),
    ({"import": {"list": []}}, "import: Object", "a misspelt key"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "message", "why"), BAD_HEADS, ids=[row[-1] for row in BAD_HEADS])
def test_a_faulty_import_is_refused(head, message, why):
    with pytest.raises(UsageError) as refused:
        _imported("ai.onnx,Relu,6,,native,,", head={**HEAD, **head})
    assert message in str(refused.value), why


# --- schemas ------------------------------------------------------------------------------------

FUNCTIONAL = [
    ("aten::add.out", "aten::add.Tensor", "the overload with the same arguments"),
    ("aten::abs.out", "aten::abs", "the default overload"),
    ("aten::full.out", "aten::full", "a new tensor's dtype and device are not arguments of writing to one"),
    ("aten::view_copy.out", "aten::view_copy", "the edge dialect's name"),
    ("aten::copy_", None, "not an out-variant"),
]


@pytest.mark.parametrize(("variant", "expected", "why"), FUNCTIONAL, ids=[row[-1] for row in FUNCTIONAL])
def test_the_operator_of_an_out_variant(variant, expected, why):
    assert functional(variant) == expected, why


def test_schemas_of_both_standards():
    conv = onnx_schemas("Conv")[11]
    assert (conv.inputs, conv.input_types, conv.attributes["group"]) == (("X", "W", "B"), ("T", "T", "T"), 1)
    assert onnx_schemas("com.microsoft::FusedMatMul"), "onnxruntime's own, where it is installed"
    assert onnx_schemas("NoSuch") == {}
    mean = aten_schemas("aten::mean.dim")[1]
    assert (mean.inputs, mean.attributes["keepdim"]) == (("self",), False)
    assert aten_schemas("quantized_decomposed::quantize_per_tensor"), "registered on demand"
    assert aten_schemas("aten::no_such") == {}
    assert [dtype_of(text) for text in ("tensor(float)", "seq(tensor(double))")] == ["float32", "seq(float64)"]
