"""The survey: which special operators each model needs, in the words of the overview."""

from collections.abc import Sequence

from opscan.core.dialect import Dialect
from opscan.core.inventory import Inventory
from opscan.core.record import Record
from opscan.core.summary import Summary, summary


class Capture(Record, frozen=True):
    """One model in one dialect: what was found, or the reason why nothing was."""

    dialect: Dialect
    found: Summary | None
    reason: str = ""
    inventory: Inventory | None = None
    """Every site, where they were asked for."""

    @classmethod
    def of(cls, inventory: Inventory) -> "Capture":
        """A capture that worked, with its sites."""
        return cls(inventory.dialect, summary(inventory), inventory=inventory)

    @property
    def special(self) -> tuple[str, ...]:
        """Names of the special operators; empty where the model was not captured."""
        return self.found.special if self.found else ()


class Entry(Record, frozen=True, kw_only=True):
    """One surveyed model: what is known about it and how its captures went."""

    model: str
    system: str
    section: str
    method: str = ""
    architecture: str = ""
    repository: str = ""
    publication: str = ""
    same_as: str = ""
    """The system that its row refers to in the survey itself ("same as ViT, ...")."""
    captures: tuple[Capture, ...]

    @property
    def primary(self) -> Capture:
        """The capture that the special operators are taken from: the first dialect asked for."""
        return self.captures[0]

    @property
    def captured(self) -> bool:
        """Whether every dialect asked for gave an inventory without gaps."""
        return all(c.found is not None and not c.found.uncaptured for c in self.captures)

    @property
    def special(self) -> tuple[str, ...]:
        """Names of the special operators; empty where the model was not captured."""
        return self.primary.special

    @property
    def captured_text(self) -> str:
        """`torch, onnx`, followed by what failed and why."""
        worked = ", ".join(c.dialect for c in self.captures if c.found)
        failed = [f"{c.dialect} failed: {c.reason}" for c in self.captures if not c.found]
        partly = [
            f"{c.dialect} without {gap.module}: {gap.reason}"
            for c in self.captures
            if c.found
            for gap in c.found.uncaptured
        ]
        return "; ".join(filter(None, [worked, *failed, *partly]))


class Row(Record, frozen=True):
    """Models of one system that need the same special operators, as one row of the survey."""

    entries: tuple[Entry, ...]
    label: str
    """How later rows refer to it."""

    @property
    def special(self) -> tuple[str, ...]:
        """The special operators they share."""
        return self.entries[0].special

    @property
    def first(self) -> Entry:
        """The entry whose facts stand for the row."""
        return self.entries[0]


def rows(entries: Sequence[Entry]) -> tuple[Row, ...]:
    """Entries of the same system, section and outcome merged, in the order of their first."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        # Reasons name the model, so models that failed stay apart.
        outcome = (entry.special, entry.captured_text, entry.primary.found is None and entry.model)
        groups.setdefault((entry.section, entry.system, *outcome), []).append(entry)
    labels: set[str] = set()
    result = []
    for group in groups.values():
        system = group[0].system
        label = system
        while label in labels:
            label = f"{label} {group[0].model}"
        labels.add(label)
        result.append(Row(tuple(group), label))
    return tuple(result)


def operator_texts(survey_rows: Sequence[Row], *, relative: bool = True) -> tuple[str, ...]:
    """The special-operator cell of each row: "same as ViT, unbind" where that is the shortest text.

    A row that refers to another in the survey refers to the same one here, where that comes before it.
    """
    return tuple(_text(row, survey_rows[:number] if relative else ()) for number, row in enumerate(survey_rows))


def _text(row: Row, earlier: Sequence[Row]) -> str:
    wanted = next((entry.same_as for entry in row.entries if entry.same_as), None)
    base = next((other for other in earlier if other.label == wanted and other.special), None)
    if base and row.special:
        return _relative(row, base)
    return min(_candidates(row, earlier), key=len)


def _candidates(row: Row, earlier: Sequence[Row]) -> list[str]:
    """The full list first, then one text per earlier row: of equally short ones the first is taken."""
    if row.first.primary.found is None:
        return [""]
    if not row.special:
        return ["(none)"]
    return [", ".join(row.special), *(_relative(row, base) for base in earlier if base.special)]


def _relative(row: Row, base: Row) -> str:
    missing = [name for name in base.special if name not in row.special]
    added = [name for name in row.special if name not in base.special]
    without = f" (without {', '.join(missing)})" if missing else ""
    return ", ".join([f"same as {base.label}{without}", *added])
