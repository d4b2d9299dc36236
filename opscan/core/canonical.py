"""The canonical operator of a name in any dialect."""

from functools import cache

from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory, Site
from opscan.core.operator import SYNTAX, OpName
from opscan.core.operator_table import NOTATIONS, OPERATORS
from opscan.core.record import Record
from opscan.core.sites import forms

# Changes of layout that cost nothing when applied to a parameter: it is stored that way instead.
_LAYOUT_CATEGORIES = ("layout", "view")


class CanonicalOperator(Record, frozen=True):
    """An operator as the survey names it, whatever the dialect."""

    name: str
    category: str
    special: bool
    torch: tuple[str, ...]
    aten: tuple[str, ...]
    onnx: tuple[str, ...]
    rank: int
    """Its place in reports."""

    def spellings(self, dialect: Dialect) -> tuple[str, ...]:
        """Its names in a dialect, as the table writes them."""
        return {Dialect.TORCH: self.torch, Dialect.ATEN: self.aten, Dialect.ONNX: self.onnx}[dialect]


@cache
def canonical_operators() -> tuple[CanonicalOperator, ...]:
    """Every canonical operator, in report order."""
    return tuple(
        CanonicalOperator(name, category, special, tuple(torch.split()), tuple(aten.split()), tuple(onnx.split()), rank)
        for rank, (name, category, special, torch, aten, onnx) in enumerate(OPERATORS)
    )


@cache
def _by_spelling() -> dict[tuple[Dialect, str], CanonicalOperator]:
    return {
        (dialect, spelling): operator
        for operator in canonical_operators()
        for dialect in Dialect
        for spelling in operator.spellings(dialect)
    }


def _spelled(op: OpName) -> tuple[Dialect, tuple[str, ...]]:
    """The dialect an operator's name belongs to, and the spellings to look for, best first."""
    match op.domain:
        case "aten" | "edge" | "dim_order_ops":
            base = op.name.removesuffix("_copy")
            return Dialect.ATEN, (op.name, base, base.rstrip("_"))
        case "nn":
            return Dialect.TORCH, (f"nn.{op.name}",)
        case "F" | "torch" | "Tensor":
            return Dialect.TORCH, (op.name, op.name.rstrip("_"))
        case domain if domain == SYNTAX:
            return Dialect.TORCH, (op.name,)
        case _:
            return Dialect.ONNX, (str(op),)


@cache
def canonical(op: OpName) -> CanonicalOperator | None:
    """The canonical operator behind a name; None for one the table does not know."""
    dialect, spellings = _spelled(op)
    return next((found for s in spellings if (found := _by_spelling().get((dialect, s)))), None)


def display_name(op: OpName) -> str:
    """The canonical name, or the operator's own where the table has none."""
    known = canonical(op)
    return known.name if known else str(op)


def is_special(site: Site) -> bool:
    """Whether a site needs what a plain CNN's backend does not bring along.

    An operator the table does not know is special: nothing says that a backend has it. Changing
    the layout of a parameter is not: the backend stores it that way.
    """
    known = canonical(site.op)
    if known is None:
        return True
    return known.special and not (site.constant and known.category in _LAYOUT_CATEGORIES)


def special_operators(inventory: Inventory) -> tuple[str, ...]:
    """Names of the special operators of a model, in the table's order, unknown ones last.

    A notation (`@`) stands beside its canonical name, as in the survey.
    """
    ranks: dict[str, tuple[int, str]] = {}
    for op in dict.fromkeys(form.op for form in forms(inventory.sites) if is_special(form)):
        known = canonical(op)
        rank = known.rank if known else len(OPERATORS)
        for name in (display_name(op), NOTATIONS.get(str(op))):
            if name:
                ranks.setdefault(name, (rank, name if rank == len(OPERATORS) else ""))
    # The survey puts `@` last.
    return tuple(sorted(ranks, key=lambda name: (name in NOTATIONS.values(), ranks[name], name)))
