"""One row of the benchmark: something of opscan's beside what people use for it today."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.files import Files
from bench.measure import RUNS, Command, Failed, Measured, measure


@dataclass(frozen=True, slots=True)
class Peer:
    """An alternative, and how much faster opscan means to be."""

    command: Command
    goal: float | None = None
    """The alternative's seconds over opscan's, at least; below 1 where opscan may take longer (a bare import)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is measured together, in one run after the other."""

    what: str
    """In words: the file, the task."""
    ours: Command
    peers: tuple[Peer, ...]
    most_memory: float | None = None
    """Megabytes that opscan means to stay under."""
    most_seconds: float | None = None
    """On the clock, that opscan means to take at most."""
    by_cpu: bool = False
    """Whether the goal is of processor seconds instead of seconds on the clock."""
    runs: int = RUNS


@dataclass(frozen=True, slots=True)
class Compared:
    """opscan beside one alternative; `reason` says why the alternative has no numbers."""

    row: Row
    peer: Peer
    ours: Measured
    theirs: Measured | None
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """The alternative's time over opscan's, by which the goal is judged."""
        return self.cpu_ratio if self.row.by_cpu else self.wall_ratio

    @property
    def wall_ratio(self) -> float | None:
        """Of seconds on the clock."""
        return None if self.theirs is None else self.theirs.wall / self.ours.wall

    @property
    def cpu_ratio(self) -> float | None:
        """Of processor seconds, which say more on a machine that others use too."""
        return None if self.theirs is None else self.theirs.cpu / self.ours.cpu

    @property
    def goal(self) -> str:
        """What was aimed at, and whether it is reached; empty where nothing was."""
        aims = []
        if self.peer.goal is not None and self.ratio is not None:
            goal = self.peer.goal
            text = f"{goal:g}x" if goal >= 1 else f"at most {1 / goal:.3g} times as long"
            aims.append((text, self.ratio >= goal))
        if self.row.most_memory is not None:
            aims.append((f"{self.row.most_memory:g} MB", self.ours.peak <= self.row.most_memory))
        if self.row.most_seconds is not None:
            aims.append((f"{self.row.most_seconds:g} s", self.ours.wall <= self.row.most_seconds))
        return ", ".join(f"{aim} {'reached' if reached else '**missed**'}" for aim, reached in aims)


class Comparison:
    """Rows measured in one run; a command that stands in several of them is measured once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[tuple[object, ...], Measured] = {}

    def of(self, row: Row) -> Iterator[Compared]:
        """One result for each alternative; one that fails costs its own result only. Raises Failed where ours does."""
        ours = self._measured(row.ours, row.runs)
        for peer in row.peers:
            try:
                yield Compared(row, peer, ours, self._measured(peer.command, row.runs))
            except Failed as failure:
                yield Compared(row, peer, ours, None, str(failure))

    def _measured(self, command: Command, runs: int) -> Measured:
        key = (command.argv, tuple(command.environment.items()), runs)
        if key not in self._known:
            self._files.make_for(command)
            self._known[key] = measure(command, runs)
        return self._known[key]
