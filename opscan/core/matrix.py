"""Models x backends: one verdict and one percentage for each pair."""

from enum import StrEnum

from opscan.core.coverage import Coverage, Ratio
from opscan.core.record import Record
from opscan.core.table import quantity, share


class Share(StrEnum):
    """What a percentage is of."""

    SITES = "sites"
    OPERATORS = "operators"
    """Distinct operators, all of whose sites are supported."""
    MACS = "macs"
    """Known multiply-accumulates."""

    def of(self, coverage: Coverage) -> Ratio:
        """The supported share of that."""
        return {Share.SITES: coverage.sites, Share.OPERATORS: coverage.operators, Share.MACS: coverage.macs}[self]


DENOMINATORS = {
    Share.SITES: "sites that are supported, of all sites",
    Share.OPERATORS: "distinct operators all of whose sites are supported, of all distinct operators",
    Share.MACS: "multiply-accumulates in supported sites, of all known ones",
}


class Cell(Record, frozen=True, kw_only=True):
    """One model on one backend; without a coverage there is a reason."""

    model: str
    backend: str
    coverage: Coverage | None
    reason: str = ""

    def text(self, by: Share) -> str:
        """`unsupported, 97.3 %`; `no answer` where nobody can say."""
        if self.coverage is None:
            return "no answer"
        return f"{self.coverage.verdict.value}, {percent(by.of(self.coverage))}"


def percent(ratio: Ratio) -> str:
    """`66.7 %`; a dash where there is nothing to take a share of."""
    return "0.0 %" if ratio.whole and not ratio.part else share(ratio.part, ratio.whole) or "-"


def ratio_text(ratio: Ratio, what: str) -> str:
    """`66.7 % (4 of 6 sites)`."""
    return f"{percent(ratio)} ({quantity(ratio.part)} of {quantity(ratio.whole)} {what})"
