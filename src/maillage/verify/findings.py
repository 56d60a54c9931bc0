"""Where in the journal the check stands, and the door through which every fault of an event goes."""

from maillage.verify.report import Fault, FaultKind, Report

TAKEN_OVER = "~"
"""Begins the source of a store's past that was taken over from its former owners."""


class Findings:
    """``pos``, ``site`` and ``seq`` name the event under check; ``source`` is the owner whose journal it is from, and
    ``now`` the latest time so far by that owner's clock, seconds UTC."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.source = ""
        self.now = 0
        self._clocks: dict[str, int] = {}
        self.at_event(0)

    def turn_to(self, source: str) -> None:
        """Go by the clock of this owner from now on."""
        self._clocks[self.source] = self.now
        self.source, self.now = source, self._clocks.get(source, 0)

    def pass_to(self, at: int) -> bool:
        """Let it be ``at`` now; False where the clock has gone back, and then time stands still.

        A past that was taken over may be that of several owners, so there the clock may change.
        """
        if self.source.startswith(TAKEN_OVER):
            self.now = at
            return True
        goes_on = at >= self.now
        self.now = max(at, self.now)
        return goes_on

    def at_event(self, pos: int, site: str | None = None, seq: int | None = None) -> None:
        self.pos, self.site, self.seq = pos, site, seq

    def fault(self, kind: FaultKind, text: str) -> None:
        self.report.add(Fault(kind, self.pos, self.site, self.seq, text))
