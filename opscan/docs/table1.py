"""`table1.md`: the survey's Table 1, measured figures beside the published ones."""

from decimal import Decimal, InvalidOperation

from opscan.core.definition import Definition, Published
from opscan.core.table import Column, Report, Table
from opscan.docs import Material, document
from opscan.render.markdown import escape
from opscan.render.markdown import table as markdown_table

GROUPS = ("CNN", "Pure Transformer", "CNN + Transformer")
CAPTION = (
    "ImageNet classifiers, as in Table 1 of the survey. Params and FLOPs are measured on our definitions, at the "
    "input size of the row and batch 1, and stand before the published figure; ≠ marks one that does not round to it. "
    "FLOPs are multiply-accumulates of convolutions, linear layers and matrix products, attention included, as in the "
    "published tables. Throughput (NVIDIA V100, PyTorch) and top-1 accuracy are published figures, not measured here: "
    "Han et al., “A Survey on Vision Transformer”, https://arxiv.org/abs/2012.12556."
)
_COLUMNS = (
    Column("model"),
    Column("input", priority=3),
    Column("Params(M)", numeric=True),
    Column("published", numeric=True),
    Column("FLOPs(B)", numeric=True),
    Column("published ", numeric=True),
    Column("Throughput(image/s)", numeric=True, priority=2),
    Column("Top-1(%)", numeric=True, priority=1),
    Column("differences", priority=4),
)


def pages(material: Material) -> dict[str, str]:
    """One page."""
    shown = report(tuple(material.definitions.values()))
    parts = [part for table in shown.tables for part in (f"## {escape(table.title)}", markdown_table(table))]
    return {"table1.md": document("# Table 1", material.versions, CAPTION, parts)}


def report(definitions: tuple[Definition, ...]) -> Report:
    """The table, a part per group. Figures of ours are those of the definitions' data, which tests hold."""
    tables = tuple(
        Table(
            _COLUMNS,
            tuple(
                _row(d, d.variant.table1) for d in definitions if d.variant.table1 and d.variant.table1.group == group
            ),
            title=group,
        )
        for group in GROUPS
    )
    data = {"schema_version": 1, "rows": [_json(d, d.variant.table1) for d in definitions if d.variant.table1]}
    return Report(data=data, tables=tables, notes=(CAPTION,))


def agrees(measured: int | None, unit: int, published: str) -> bool:
    """Whether a measured number rounds to a published figure, at the decimals it was printed with.

    A tie rounds to either neighbour. Nothing measured or nothing published agrees with nothing.
    """
    try:
        figure = Decimal(published)
    except InvalidOperation:
        return False
    half_a_digit = Decimal(5).scaleb(-1 - len(published.partition(".")[2]))
    return measured is not None and abs(Decimal(measured) / unit - figure) <= half_a_digit


def _row(definition: Definition, published: Published) -> tuple[str, ...]:
    variant = definition.variant
    return (
        variant.title,
        " + ".join("x".join(map(str, spec.shape[2:])) for spec in definition.inputs.values()),
        _measured(variant.params, 10**6, published.params_m, 2),
        published.params_m,
        _measured(variant.macs, 10**9, published.flops_g, 3),
        published.flops_g,
        published.throughput,
        published.top1,
        "\n".join(_notes(published)),
    )


def _notes(published: Published) -> list[str]:
    """What explains each figure, by its column; in lower case behind the colon, as notes do not begin with a name."""
    notes = {"Params": published.params_note, "FLOPs": published.flops_note, "Top-1": published.top1_note}
    return [f"{figure}: {note[0].lower()}{note[1:]}" for figure, note in notes.items() if note]


def _measured(value: int | None, unit: int, published: str, decimals: int) -> str:
    if value is None:
        return "?"
    mark = "" if not published or agrees(value, unit, published) else " ≠"
    return f"{value / unit:.{decimals}f}{mark}"


def _json(definition: Definition, published: Published) -> dict[str, object]:
    variant = definition.variant
    return {
        "model": definition.name,
        "group": published.group,
        "inputs": {name: list(spec.shape) for name, spec in definition.inputs.items()},
        "params": variant.params,
        "macs": variant.macs,
        "published": {
            "params_m": published.params_m,
            "flops_g": published.flops_g,
            "throughput": published.throughput,
            "top1": published.top1,
        },
        "params_agree": agrees(variant.params, 10**6, published.params_m),
        "flops_agree": agrees(variant.macs, 10**9, published.flops_g),
        "notes": _notes(published),
    }
