"""The column `dtypes` of an operator list -> what each type variable or operand may be."""

from collections.abc import Iterable, Iterator

from opscan.backends.csv_import.rows import Row
from opscan.core.schema import Schema

# Names of lists that stand for several dtypes.
_SPELLINGS = {"float8": ("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz")}


def dtypes_of(row: Row, schema: Schema | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Type variable or operand -> what it may be. Nothing where the list does not say of what it speaks."""
    for part in filter(None, row.dtypes.split(";")):
        variable, named, listed = part.rpartition("=")
        allowed = tuple(name for dtype in listed.split("|") for name in _SPELLINGS.get(dtype, (dtype,)))
        if named:
            yield from _of_variable(variable, allowed, row, schema)
        elif subject := main_variable(allowed, schema):
            yield subject, _taken(allowed, subject, schema)


def _of_variable(
    variable: str, allowed: tuple[str, ...], row: Row, schema: Schema | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Of a type variable, of an operand by its name, or of the only variable, whatever the list calls it.

    Sites of a domain without published schemas have no type variables: the first operand of it.
    """
    standard = row.domain in ("ai.onnx", "ai.onnx.ml", "")
    if schema is None:
        yield variable, allowed
    elif standard and variable in schema.types:
        yield variable, _taken(allowed, variable, schema)
    elif operand := _operand(variable, schema):
        yield operand, allowed
    elif len(schema.types) == 1:
        yield next(iter(schema.types)), allowed


def _operand(name: str, schema: Schema) -> str | None:
    """`input 1` of the name of an operand or of its type variable."""
    for side, formals in (
        ("input", schema.inputs),
        ("output", schema.outputs),
        ("input", schema.input_types),
        ("output", schema.output_types),
    ):
        if name in formals:
            return f"{side} {formals.index(name)}"
    return None


def _taken(allowed: tuple[str, ...], subject: str, schema: Schema | None) -> tuple[str, ...]:
    """Those that the standard has for it; all where it is no variable."""
    types = schema.types.get(subject) if schema else None
    held = {dtype.rpartition("(")[2].rstrip(")") for dtype in types or ()}
    return tuple(d for d in allowed if types is None or d in types or d.rpartition("(")[2].rstrip(")") in held)


def main_variable(allowed: Iterable[str], schema: Schema | None) -> str | None:
    """The type variable that dtypes without a name are of: the first input's, if it may be all of them.

    Otherwise the only one that may be. None where that is not one, or the schema is not known.
    Dtypes that no variable may be are passed over.
    """
    if schema is None:
        return "input 0"
    if not schema.types:
        return "input 0" if schema.inputs else "output 0" if schema.outputs else None
    variables = list(dict.fromkeys(t for t in (*schema.input_types, *schema.output_types) if t in schema.types))
    known = set(allowed) & {dtype for variable in variables for dtype in schema.types[variable]}
    fitting = [variable for variable in variables if known and known <= schema.types[variable]]
    return fitting[0] if fitting and (fitting[0] == variables[0] or len(fitting) == 1) else None
