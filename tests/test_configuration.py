"""The user's configuration: where it is found, what it means, and all that is said of its faults."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opscan.configuration import find, load
from opscan.configuration.meaning import size_in_bytes
from opscan.core.errors import UsageError
from opscan.core.policy import Denominator, Preset, policy, preset_layer, settings
from opscan.core.rules import Severity


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str, name: str = "opscan.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


# file, its content, what is said of it, what the row proves
FAULTS = [
    ("opscan.yaml", "a: [", ["opscan.yaml:2: not valid YAML: did not find expected node content"], "broken YAML"),
    ("opscan.yaml", "- a", ["opscan.yaml: must be a mapping with rules, unknown"], "no mapping"),
    (
        "opscan.yaml",
        "prest: strict\nbackend: [a]\nrules:\n  OPS109: error\n  OPS101: of\n",
        [
            "opscan.yaml:1: prest: unknown key; did you mean preset?",
            "opscan.yaml:4: rules.OPS109: unknown rule; did you mean OPS101?",
            "opscan.yaml:5: rules.OPS101: 'of' is not one of off, warn, error; did you mean off?",
        ],
        "the nearest valid key and value, of all faults at once",
    ),
    (
        "opscan.yaml",
        "rules:\n  OPS109: error\n  ops101: error\n",
        [
            "opscan.yaml:2: rules.OPS109: unknown rule; did you mean OPS10",
            "opscan.yaml:3: rules.ops101: unknown rule",
        ],
        "rules that do not exist",
    ),
    (
        "opscan.yaml",
        "min_coverage: {sites: 101, macs: -1}\nmax_partitions: -3\nmax_border_bytes: 4 MX\n",
        [
            "opscan.yaml:1: min_coverage.sites: 101.0 is not a percentage from 0 to 100",
            "opscan.yaml:1: min_coverage.macs: -1.0 is not a percentage from 0 to 100",
            "opscan.yaml:2: max_partitions: -3 is below 0",
            "opscan.yaml:3: max_border_bytes: '4 MX' is no size; write it as 4194304, 4 MiB or 4 MB",
        ],
        "thresholds that cannot be met",
    ),
    (
        "opscan.yaml",
        "min_coverage: {site: 95}",
        ["opscan.yaml:1: min_coverage.site: 'site' is not one of sites, operators, macs; did you mean sites?"],
        "a share of what",
    ),
    (
        "opscan.yaml",
        "unknown: error\nrules: {OPS103: warn}",
        ["opscan.yaml:1: unknown: is error, but rules.OPS103 is warn"],
        "two values for one thing",
    ),
    ("opscan.yaml", "unknown: off", ["opscan.yaml:1: unknown: is warn or error; to hide it, set rules.OPS103"], "off"),
    (
        "opscan.yaml",
        "min_coverage: 95\nrules: {OPS201: off}",
        ["opscan.yaml:2: rules.OPS201: is off, so min_coverage.sites decides nothing; leave out one of them"],
        "a threshold that is switched off",
    ),
    (
        "opscan.yaml",
        "min_coverage: 95\nmax_partitions: 0",
        ["opscan.yaml:2: max_partitions: 0 means that nothing is supported, and min_coverage.sites asks for 95.0 %"],
        "thresholds that contradict each other",
    ),
    (
        "opscan.yaml",
        "rules: {OPS1O1: error, OPS102: x}\n"
        "overrides:\n- models: a\n  max_partitions: -1\n  model: b\n"
        "max_partition: 1\n",
        [
            "opscan.yaml:1: rules.OPS102: 'x' is not one of off, warn, error",
            "opscan.yaml:1: rules.OPS1O1: unknown rule; did you mean OPS101?",
            "opscan.yaml:4: overrides[0].max_partitions: -1 is below 0",
            "opscan.yaml:5: overrides[0].model: unknown key; did you mean models?",
            "opscan.yaml:6: max_partition: unknown key; did you mean max_partitions?",
        ],
        "faults of type and of meaning together",
    ),
    (
        "opscan.yaml",
        "overrides:\n- models: []\n  max_partitions: 1\n- models: swin_*\n",
        [
            "opscan.yaml:2: overrides[0].models: is empty; give the globs of the models",
            "opscan.yaml:4: overrides[1]: sets nothing",
        ],
        "overrides without effect",
    ),
    (
        "opscan.yaml",
        "waivers:\n- rule: OPS101\n- {rule: OPS401, statement: ' ', module: x}\n- statement: fine\n",
        [
            "opscan.yaml:2: waivers[0].statement: is missing",
            "opscan.yaml:2: waivers[0]: names neither operator nor module; to switch the rule off, use rules",
            "opscan.yaml:3: waivers[1].rule: OPS401 is about waivers and cannot be waived; mend the waiver",
            "opscan.yaml:3: waivers[1].statement: is empty; say why the finding is all right",
            "opscan.yaml:4: waivers[2].rule: is missing",
        ],
        "a waiver without a statement",
    ),
    (
        "opscan.yaml",
        "waivers:\n"
        "- {rule: OPS401, statement: ' '}\n"
        "- {rule: OPS101, statement: s, expires: 2027-02-30}\n"
        "- {rule: OPS120, statement: s, operator: Conv, expires: never}\n"
        "- {rule: OPS1O1, statement: s, operator: Conv}\n",
        [
            "opscan.yaml:2: waivers[0].rule: OPS401 is about waivers and cannot be waived; mend the waiver",
            "opscan.yaml:2: waivers[0].statement: is empty; say why the finding is all right",
            "opscan.yaml:3: waivers[1]: names neither operator nor module; to switch the rule off, use rules",
            "opscan.yaml:3: waivers[1].expires: '2027-02-30' is no day; write it as 2027-01-31",
            "opscan.yaml:4: waivers[2]: OPS120 is about a model as a whole; leave out operator and module",
            "opscan.yaml:4: waivers[2].expires: 'never' is no day; write it as 2027-01-31",
            "opscan.yaml:5: waivers[3].rule: unknown rule 'OPS1O1'; did you mean OPS101?",
        ],
        "impossible waivers, an impossible day among them",
    ),
    (
        "opscan.yaml",
        "min_coverage: {sites: 120, opertors: 3}\nmax_partitions: 0\nwaivers:\n- {rule: OPS101, expires: 2027-02-30}\n",
        [
            "opscan.yaml:1: min_coverage.opertors: 'opertors' is not one of sites, operators, macs",
            "opscan.yaml:1: min_coverage.sites: 120.0 is not a percentage from 0 to 100",
            "opscan.yaml:2: max_partitions: 0 means that nothing is supported",
            "opscan.yaml:4: waivers[0].statement: is missing",
            "opscan.yaml:4: waivers[0]: names neither operator nor module",
            "opscan.yaml:4: waivers[0].expires: '2027-02-30' is no day",
        ],
        "what a table with a wrong key says otherwise is looked at all the same",
    ),
    (
        "opscan.yaml",
        "min_coverage: 0.95",
        ["opscan.yaml:1: min_coverage.sites: 0.95 is less than 1 %; write 95 % as 95"],
        "a fraction that was meant as a percentage",
    ),
    (
        "opscan.yaml",
        "waivers:\n- {rule: OPS101, statement: s, operator: x, expires: 20270230}\n",
        ["opscan.yaml:2: waivers[0].expires: must be text, not a whole number; put it in quotes"],
        "a day that YAML takes for a number",
    ),
    (
        "opscan.yaml",
        "backends: mine",
        ["opscan.yaml:1: backends: there is no folder mine"],
        "a folder that is not there",
    ),
    ("pyproject.toml", "[tool.opscan]\nx = ", ["pyproject.toml: not valid TOML: Invalid value"], "broken TOML"),
    (
        "pyproject.toml",
        "[tool.opscan]\nprest = 'strict'\n[[tool.opscan.waivers]]\nrule = 'OPS101'\n",
        [
            "pyproject.toml: tool.opscan.prest: unknown key; did you mean preset?",
            "pyproject.toml: tool.opscan.waivers[0].statement: is missing",
            "pyproject.toml: tool.opscan.waivers[0]: names neither operator nor module",
        ],
        "the same in pyproject.toml, by its table",
    ),
    ("pyproject.toml", "[tool]\nopscan = 3\n", ["pyproject.toml: tool.opscan: must be a mapping with"], "no table"),
]


@pytest.mark.parametrize(("name", "text", "said", "why"), FAULTS)
def test_all_faults_are_said_at_once(folder, name, text, said, why):
    with pytest.raises(UsageError) as refused:
        load(written(folder, text, name))
    lines = str(refused.value).split("\n")
    assert [line[: len(start)] for line, start in zip(lines, said, strict=True)] == said, why


def test_the_nearest_configuration_upward_applies(folder):
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    outer = written(folder, "preset: strict")
    assert find(inner) == outer
    written(inner, "[project]\nname = 'opscan-user'\n", "pyproject.toml")
    assert find(inner) == outer, "a project that only mentions opscan does not configure it"
    written(inner, "[tool.opscan\n", "pyproject.toml")
    assert find(inner) == inner / "pyproject.toml", "one that tries to is complained of, not passed over"
    written(inner, "[tool.opscan]\n", "pyproject.toml")
    assert find(inner) == inner / "pyproject.toml"


def test_no_configuration_is_none(tmp_path):
    assert load(None).layers == ()


@pytest.mark.parametrize("other", ["opscan.yml", "pyproject.toml"])
def test_two_configurations_are_refused(folder, other):
    written(folder, "preset: strict")
    written(folder, "[tool.opscan]\n", other)
    with pytest.raises(UsageError, match=rf"holds two configurations, opscan.yaml and {other}; keep one"):
        find(folder)


def test_an_unreadable_file_is_named(folder):
    with pytest.raises(UsageError, match=r"missing.yaml: cannot be read: No such file"):
        load(folder / "missing.yaml")


WHOLE = """
preset: advisory
backend: [onnxruntime-cpu, ./mynpu.yaml]
backends: profiles
unknown: error
rules: {OPS104: off}
min_coverage: 90
max_border_bytes: 4 MiB
overrides:
- models: swin_*
  min_coverage: {sites: 50, macs: 99.5}
- models: [swin_t, vit_*]
  max_partitions: 3
waivers:
- {rule: OPS101, operator: Roll, model: swin_*, statement: runs on the CPU, expires: 2027-01-31}
"""


def test_a_configuration_means(folder):
    (folder / "profiles").mkdir()
    found = load(written(folder, WHOLE))
    assert (found.preset, found.backend) == (Preset.ADVISORY, ("onnxruntime-cpu", "mynpu.yaml"))
    assert found.backends == folder / "profiles"
    (waiver,) = found.waivers
    assert (waiver.rule, waiver.operator, waiver.expires) == ("OPS101", "Roll", date(2027, 1, 31))
    assert (waiver.key, waiver.source) == ("waivers[0]", "opscan.yaml:15")
    layers = (preset_layer(Preset.ADVISORY), *found.layers)
    plain, both = policy(layers, "resnet50"), policy(layers, "exports/swin_t.onnx")
    assert plain.min_coverage == {Denominator.SITES: 90}
    assert (plain.max_partitions, plain.max_border_bytes) == (None, 4 * 2**20)
    assert both.min_coverage == {Denominator.SITES: 50, Denominator.MACS: 99.5}
    assert both.max_partitions == 3
    assert [plain.severity(rule) for rule in ("OPS101", "OPS103", "OPS104")] == [
        Severity.WARN,
        Severity.ERROR,
        Severity.OFF,
    ]


def test_every_value_knows_where_it_came_from(folder):
    (folder / "profiles").mkdir()
    layers = (preset_layer(Preset.DEFAULT), *load(written(folder, WHOLE)).layers)
    found = {key: setting.origin for key, setting in settings(layers, "swin_t").items()}
    assert found["rules.OPS101"] == "preset default"
    assert found["rules.OPS103"] == "opscan.yaml:5: unknown"
    assert found["rules.OPS104"] == "opscan.yaml:6: rules.OPS104"
    assert found["min_coverage.sites"] == "opscan.yaml:11: overrides[0].min_coverage.sites"
    assert found["max_partitions"] == "opscan.yaml:13: overrides[1].max_partitions"


def test_an_empty_configuration_changes_nothing(folder):
    found = load(written(folder, "# nothing yet\n"))
    assert [layer.values for layer in found.layers] == [{}]


def test_pyproject_means_the_same(folder):
    text = "[tool.opscan]\nbackend = 'onnxruntime-cpu'\nrules = {OPS104 = 'off'}\n[[tool.opscan.waivers]]\n"
    text += "rule = 'OPS201'\nstatement = 's'\nexpires = 2027-01-31\n"
    found = load(written(folder, text, "pyproject.toml"))
    assert found.backend == ("onnxruntime-cpu",)
    assert found.layers[0].values == {"rules.OPS104": Severity.OFF}
    assert found.waivers[0].expires == date(2027, 1, 31)
    assert found.waivers[0].key == "tool.opscan.waivers[0]"


SIZES = [
    (4096, 4096, "a number is bytes"),
    ("4096", 4096, "as text too"),
    ("4 MiB", 4 * 2**20, "with a unit"),
    ("4MB", 4 * 10**6, "which need not stand apart"),
    ("1.5 GiB", 3 * 2**29, "or a part of it"),
    ("4 MX", None, "no unit"),
    ("", None, "nothing"),
    (-1, -1, "what is below 0 is said elsewhere"),
]


@pytest.mark.parametrize(("text", "size", "why"), SIZES)
def test_sizes(text, size, why):
    assert size_in_bytes(text) == size, why


@given(st.dictionaries(st.sampled_from(["rules", "waivers", "overrides", "preset", "min_coverage"]), st.text()))
def test_whatever_stands_in_a_configuration_is_read_or_refused(tmp_path_factory, values):
    file = tmp_path_factory.mktemp("c") / "opscan.yaml"
    file.write_text("".join(f"{key}: {value!r}\n" for key, value in values.items()), encoding="utf-8")
    try:
        load(file)
    except UsageError as error:
        assert all(str(file) in line for line in str(error).split("\n"))  # noqa: PT017
