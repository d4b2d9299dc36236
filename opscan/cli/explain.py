"""`opscan explain`: what a rule means and what to do, or everything known about an operator."""

from pathlib import Path

import click

from opscan.cli import _configured
from opscan.cli import _options as options
from opscan.cli import _terminal as terminal
from opscan.core.errors import UsageError
from opscan.core.rules import BY_ID, RULES
from opscan.core.spelling import did_you_mean
from opscan.core.table import Column, Report, Table


@click.command()
@click.argument("word", metavar="[RULE|OPERATOR]", default="")
@click.option(
    "--capture", is_flag=True, help="Capture the bundled models that no earlier run did: about a minute, once."
)
@options.models
@options.form
@options.output
def command(word: str, capture: bool, models: Path | None, form: str, output: Path | None) -> None:
    """What does a rule mean, or what is known about an operator?

    An operator is named as in the survey or as in any dialect: layernorm, nn.LayerNorm,
    aten::native_layer_norm, LayerNormalization. Without an argument: the list of rules.

    Example: opscan explain OPS102
    """
    terminal.write(form, [_report(word, capture, models)], output)


def _report(word: str, capture: bool, models: Path | None) -> Report:
    from opscan.core.explanation import operator_called, operator_report, operator_words, rule_report

    if not word:
        return _all_rules()
    if word.upper() in BY_ID:
        return rule_report(BY_ID[word.upper()])
    operator = operator_called(word)
    if operator is None:
        hint = did_you_mean(word, [*BY_ID, *operator_words()])
        raise UsageError(f"{word!r} is neither a rule nor an operator that opscan knows{hint}")
    from opscan.pipeline import explaining
    from opscan.pipeline.options import Options

    settings = Options(models=models)
    if capture:
        from opscan.cli.survey import collect

        collect(explaining.uncaptured(operator, settings), [explaining.dialect_of(operator)], settings)
    with terminal.progress(1, "reading captures"):
        used = list(explaining.uses(operator, settings))
    return operator_report(
        operator, explaining.schema_history(operator), used, explaining.all_profiles(_configured.folders())
    )


def _all_rules() -> Report:
    columns = (Column("rule"), Column("name"), Column("severity"), Column("meaning", priority=1))
    rows = tuple((rule.id, rule.name, rule.default.value, rule.meaning) for rule in RULES)
    data = {
        "schema_version": 1,
        "rules": [{"rule": r.id, "name": r.name, "severity": r.default, "meaning": r.meaning} for r in RULES],
    }
    return Report(data=data, tables=(Table(columns, rows),))
