"""Prose of operator lists -> clauses, by the table of `forms`.

A remark is taken apart at `;` and at the ends of sentences. A part that has a form of the table
becomes its clauses or a note; the others stay prose, a restriction that nobody can decide.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opscan.backends.csv_import.forms import FORMS, Form
from opscan.core.schema import Schema

Clause = dict[str, Any]

_ENDS = re.compile(r";\s*|(?<![ie]\.[eg])(?<=[\w)'\"])\.\s+|\s*(?=\[decomposed)")
_LIST = re.compile(r"\s*(?:,\s*and\s+|,|、|/|\||\band\b|\bor\b|\s&\s)\s*")
# Words of documentation for operands that the schemas name otherwise.
_SYNONYMS = {
    "weight": "W",
    "weights": "W",
    "bias": "B",
    "biases": "B",
    "splits": "split",
    "exponent": "Y",
    "axis": "axes",
    "is_traning": "training_mode",
}
TESTED_RANKS = tuple(range(7))
# Of an operator whose schema is not known: it has an input and an output.
_ANY = Schema(inputs=("input",), outputs=("output",))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a remark says."""

    clauses: tuple[Clause, ...] = ()
    dtypes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Operand or type variable, and what it may be."""
    restriction: str = ""
    note: str = ""


def read(remark: str, schema: Schema | None, names: frozenset[str] = frozenset()) -> Reading:
    """What a remark on an operator says.

    `names` are operands and attributes of its other versions: what is said of them is true of this
    version, which lacks them.
    """
    clauses: list[Clause] = []
    dtypes: list[tuple[str, tuple[str, ...]]] = []
    prose: list[str] = []
    notes: list[str] = []
    for part in parts(remark):
        found = _read_part(part, schema or _ANY, names)
        if found is None:
            prose.append(part)
            continue
        clauses += [clause for clause in found.clauses if clause not in clauses]
        dtypes += found.dtypes
        prose += [found.restriction] if found.restriction else []
        notes += [found.note] if found.note and found.note not in notes else []
    return Reading(tuple(clauses), tuple(dtypes), "; ".join(prose), "; ".join(notes))


def parts(remark: str) -> list[str]:
    """The separate statements of a remark."""
    return [part for text in _ENDS.split(remark) if (part := text.strip().rstrip(".;。").strip())]


def _read_part(part: str, schema: Schema, names: frozenset[str]) -> Reading | None:
    """A statement by its form; of several with commas those that have a form, the others as prose."""
    whole = _by_form(part, schema, names)
    if whole or "," not in part:
        return whole
    pieces = [piece.strip() for piece in part.split(",")]
    readings = [_by_form(piece, schema, names) for piece in pieces]
    found = [reading for reading in readings if reading]
    if not found:
        return None
    return Reading(
        tuple(clause for reading in found for clause in reading.clauses),
        tuple(pair for reading in found for pair in reading.dtypes),
        restriction=", ".join(piece for piece, reading in zip(pieces, readings, strict=True) if not reading),
        note="; ".join(reading.note for reading in found if reading.note),
    )


def _by_form(part: str, schema: Schema, names: frozenset[str]) -> Reading | None:
    for form in FORMS:
        if match := re.fullmatch(form.pattern, part, re.IGNORECASE):
            found = Reading(note=form.note or part) if form.note is not None else _filled(form, match, schema, names)
            if found:
                return found
    return None


def _filled(form: Form, match: re.Match[str], schema: Schema, names: frozenset[str]) -> Reading | None:
    """The clauses of a form; None where no version of the operator has what it speaks of."""
    clauses: list[Clause] = []
    dtypes: list[tuple[str, tuple[str, ...]]] = []
    for template in form.clauses:
        slots = {key: match.expand(v) if isinstance(v, str) else v for key, v in template.items()}
        if "dtypes" in slots or "not_dtypes" in slots:
            found: list[Any] = list(_dtypes(slots, schema))
            dtypes += found
        else:
            found = list(_clauses(slots, schema, names))
            clauses += [clause for clause in found if clause]
        if not found and not form.may_be_empty:
            return None
    return Reading(tuple(clauses), tuple(dtypes), restriction=form.rest)


def _clauses(slots: Mapping[str, Any], schema: Schema, names: frozenset[str]) -> Iterator[Clause]:
    """The clauses of one template; an empty one where the statement is true of every model."""
    match slots:
        case {"operands": listed, **rest}:
            for name in _names(listed):
                yield from _operand(name, rest, schema) or _elsewhere(name, names)
        case {"attributes": listed, **rest}:
            for name in _names(listed):
                yield from _attribute(name, rest, schema) or _elsewhere(name, names)
        case {"outputs_from": first}:
            yield from ({"output": n, "present": False} for n in range(first, len(schema.outputs)))
        case {"inputs_from": first, **rest}:
            yield from ({"input": n, "as": schema.inputs[n], **rest} for n in range(first, len(schema.inputs)))
        case {"inputs_like": pattern, **rest}:
            for position, name in enumerate(schema.inputs):
                if re.search(str(pattern), name):
                    yield {"input": position, "as": name, **rest}
        case {"unsupported": listed}:
            for name in _names(listed):
                yield from _unsupported(name, schema) or _elsewhere(name, names)
        case _:
            yield dict(slots)


def _names(text: str) -> list[str]:
    return [name.strip("'\"` ") for name in _LIST.split(text) if name.strip("'\"` ")]


def _elsewhere(name: str, names: frozenset[str]) -> list[Clause]:
    """An empty clause, which is true, where another version of the operator has the name."""
    return [{}] if {name, _SYNONYMS.get(name.lower(), name)} & names else []


def _operand(name: str, rest: Mapping[str, Any], schema: Schema) -> list[Clause]:
    position = position_of(name, schema)
    if position is None:
        # An attribute is always constant.
        return [{}] if rest.get("constant") and name in schema.attributes else []
    return [{"input": position, "as": schema.inputs[position], **rest}]


def position_of(name: str, schema: Schema) -> int | None:
    """The input of that name, or of the name that the schema has for it."""
    lower = [formal.lower() for formal in schema.inputs]
    for candidate in (name, _SYNONYMS.get(name.lower(), ""), _SYNONYMS.get(name.lower().split(" ")[0], "")):
        if candidate in schema.inputs:
            return schema.inputs.index(candidate)
        if candidate and lower.count(candidate.lower()) == 1:
            return lower.index(candidate.lower())
    return None


def _attribute(name: str, rest: Mapping[str, Any], schema: Schema) -> list[Clause]:
    if name not in schema.attributes:
        return []
    default = schema.attributes[name]
    if rest == {"in": "default"}:
        return [{"attribute": name, "present": False} if default is None else {"attribute": name, "in": [default]}]
    return [
        {"attribute": name, test: [_value(v, default) for v in _names(values)] if isinstance(values, str) else values}
        for test, values in rest.items()
    ]


def _value(text: str, default: object) -> Any:
    """A value of an attribute, of the type that its default has."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    kinds = (
        (type(default),) if isinstance(default, int | float | str) and not isinstance(default, bool) else (int, float)
    )
    for kind in kinds:
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _unsupported(name: str, schema: Schema) -> list[Clause]:
    """Of an input: left out; of an attribute: its default."""
    position = position_of(name, schema)
    if position:
        return [{"input": position, "as": schema.inputs[position], "present": False}]
    return _attribute(name, {"in": "default"}, schema) if position is None else []


def _dtypes(slots: Mapping[str, Any], schema: Schema) -> Iterator[tuple[str, tuple[str, ...]]]:
    match slots:
        case {"inputs": positions, "dtypes": allowed}:
            yield from ((f"input {position}", tuple(allowed)) for position in positions)
        case {"variable": variable, "dtypes": allowed} if variable in schema.types:
            yield variable, tuple(_names(allowed))
        case {"not_dtypes": excluded} if schema.input_types and schema.input_types[0] in schema.types:
            variable = schema.input_types[0]
            yield variable, tuple(sorted(schema.types[variable] - set(excluded)))


def ranks_without(excluded: Iterable[int]) -> list[int] | dict[str, int]:
    """Ranks 0 to 6, which measurements try, without those; those up to one as `at_most`."""
    never = set(excluded)
    left = [rank for rank in TESTED_RANKS if rank not in never]
    return {"at_most": left[-1]} if left and left == list(range(len(left))) else left
