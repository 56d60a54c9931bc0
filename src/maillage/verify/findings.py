"""Where in the journal the check stands, and the door through which every fault of an event goes."""

from maillage.verify.report import Fault, FaultKind, Report


class Findings:
    """``pos``, ``site`` and ``seq`` name the event under check, ``now`` is the latest time so far, seconds UTC."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.now = 0
        self.at_event(0)

    def at_event(self, pos: int, site: str | None = None, seq: int | None = None) -> None:
        self.pos, self.site, self.seq = pos, site, seq

    def fault(self, kind: FaultKind, text: str) -> None:
        self.report.add(Fault(kind, self.pos, self.site, self.seq, text))
