"""Findings that somebody has decided to live with, for a stated reason and up to a day."""

from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase

from opscan.core.canonical import display_name
from opscan.core.operator import OpName
from opscan.core.policy import matches
from opscan.core.record import Record
from opscan.core.views import rolled_up


class Waiver(Record, frozen=True, kw_only=True):
    """Globs are those of a shell, and case matters."""

    rule: str
    statement: str
    """Why it is all right."""
    model: str = "*"
    backend: str = "*"
    """Glob on its name, or on name@version."""
    operator: str | None = None
    """Glob on the operator in its dialect, or on its canonical name."""
    module: str | None = None
    """Glob on the module path, or on the path with its numbers rolled up (`blocks.*.attn`)."""
    expires: date | None = None
    """The last day on which it holds; None: it does not expire."""
    key: str = ""
    """Where it stands in the configuration: `waivers[0]`."""
    source: str = ""
    """File and line."""

    def expired(self, today: date) -> bool:
        """Whether its last day has passed."""
        return self.expires is not None and today > self.expires

    def concerns(self, model: str, backend: str) -> bool:
        """Whether it speaks of that model on that backend (`name@version`)."""
        names = (backend, backend.partition("@")[0])
        return matches(model, [self.model]) and any(fnmatchcase(name, self.backend) for name in names)

    def covers(self, rule: str, op: OpName | None, module: str | None) -> bool:
        """Whether it waives that rule there; op and module are None for a finding about the model as a whole."""
        return rule == self.rule and self._fits_operator(op) and self._fits_module(module)

    def _fits_operator(self, op: OpName | None) -> bool:
        if self.operator is None or op is None:
            return self.operator is None
        return any(fnmatchcase(name, self.operator) for name in (str(op), display_name(op)))

    def _fits_module(self, module: str | None) -> bool:
        if self.module is None or module is None:
            return self.module is None
        return any(fnmatchcase(path, self.module) for path in (module, rolled_up(module)))


def first(waivers: Iterable[Waiver], rule: str, op: OpName | None = None, module: str | None = None) -> Waiver | None:
    """The first waiver that covers a finding."""
    return next((waiver for waiver in waivers if waiver.covers(rule, op, module)), None)
