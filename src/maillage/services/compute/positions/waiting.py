"""What came for one session and waits: little, and the newest of it."""

from collections import deque
from typing import NamedTuple

from maillage.kernel.errors import Refusal
from maillage.services.compute.follow.sessions import Report
from maillage.services.compute.live.documents import POSITIONS_MAX
from maillage.services.compute.positions.counts import Counts
from maillage.services.compute.positions.payloads import BYTES_MAX, decoded

MESSAGES_MAX = 64
"""So many messages wait for a session at most, and no more bytes than one message may have: what a device that
publishes day and night costs others is bounded by that, and by how often it is looked at."""


class Came(NamedTuple):
    """A payload, and when it came (seconds UTC). ``kept`` says that the broker had it from before we subscribed."""

    payload: bytes
    at: int
    kept: bool


class Waiting:
    """Of one session, whose device may be silent for ``silence_s``."""

    def __init__(self, silence_s: int) -> None:
        self.counts = Counts()
        self.works = False
        self.rests_until = 0.0
        self._silence_s = silence_s
        self._came: deque[Came] = deque()
        self._bytes = 0
        self._known_at = 0

    def __len__(self) -> int:
        return len(self._came)

    def put(self, came: Came, counts: tuple[Counts, ...]) -> None:
        """Wait for the next look. What is older makes room."""
        self._came.append(came)
        self._bytes += len(came.payload)
        while len(self._came) > MESSAGES_MAX or (self._bytes > BYTES_MAX and len(self._came) > 1):
            self._bytes -= len(self._came.popleft().payload)
            for each in counts:
                each.superseded += 1

    def take(self, now: int, counts: tuple[Counts, ...]) -> list[Report]:
        """All that came since the last look and is new: one position a second, the oldest first."""
        found: dict[int, Report] = {}
        late = 0
        while self._came:
            payload, at, kept = self._came.popleft()
            try:
                reports = decoded(payload, at, kept, self._silence_s)
            except Refusal as fault:
                for each in counts:
                    each.malformed += 1
                    each.blame(fault.detail, at)
                continue
            late += not reports
            for report in reports:
                late += report.t <= self._known_at or report.t in found
                if report.t > self._known_at:
                    found[report.t] = report
        self._bytes = 0
        reports = [found[t] for t in sorted(found)]
        young = [report for report in reports if report.t > now - self._silence_s][-POSITIONS_MAX:]
        late += len(reports) - len(young)
        for each in counts:
            each.late += late
        if young:
            self._known_at = young[-1].t
        return young
