"""What applies to a check, and where each value came from."""

from collections.abc import Mapping, Sequence

from opscan.core.policy import Layer, Setting, settings
from opscan.core.table import Column, Report, Table
from opscan.core.waivers import Waiver

_COLUMNS = (Column("setting"), Column("value"), Column("from"))


def settings_report(
    head: Sequence[tuple[str, str]], layers: Sequence[Layer], models: Sequence[str], waivers: Sequence[Waiver]
) -> Report:
    """Settings for all models; then, for each model that overrides single out, what differs; then the waivers."""
    everywhere = settings(layers)
    tables = [Table(_COLUMNS, _rows(everywhere), title="all models")]
    for model in models:
        differing = {k: v for k, v in settings(layers, model).items() if everywhere.get(k) != v}
        if differing:
            tables.append(Table(_COLUMNS, _rows(differing), title=model))
    if waivers:
        tables.append(Table(_WAIVERS, tuple(map(_waiver, waivers)), title="waivers"))
    return Report(data=_data(head, layers, models, waivers), head=tuple(head), tables=tuple(tables))


_WAIVERS = (
    Column("rule"),
    Column("model"),
    Column("backend", priority=2),
    Column("operator"),
    Column("module"),
    Column("expires"),
    Column("statement", priority=1),
    Column("from", priority=3),
)


def _rows(found: Mapping[str, Setting]) -> tuple[tuple[str, ...], ...]:
    return tuple((key, str(setting.value), setting.origin) for key, setting in sorted(found.items()))


def _waiver(waiver: Waiver) -> tuple[str, ...]:
    return (
        waiver.rule,
        waiver.model,
        waiver.backend,
        waiver.operator or "",
        waiver.module or "",
        waiver.expires.isoformat() if waiver.expires else "never",
        waiver.statement,
        f"{waiver.source}: {waiver.key}",
    )


def _data(
    head: Sequence[tuple[str, str]], layers: Sequence[Layer], models: Sequence[str], waivers: Sequence[Waiver]
) -> dict[str, object]:
    return {
        "schema_version": 1,
        **dict(head),
        "settings": _plain(settings(layers)),
        "models": {model: _plain(settings(layers, model)) for model in models},
        "waivers": [dict(zip((c.title for c in _WAIVERS), _waiver(w), strict=True)) for w in waivers],
    }


def _plain(found: Mapping[str, Setting]) -> dict[str, dict[str, object]]:
    return {key: {"value": setting.value, "from": setting.origin} for key, setting in sorted(found.items())}
