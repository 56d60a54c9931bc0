"""A pool as the checker sees it: a list of sizes, a list of leases, and a sweep over their sorted edges."""

from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

from maillage.verify.calendar import Windows

LOOK_BACK_S = 600
"""How long a lease that is over is kept: a grant may start a little in the past (a minute, by the HTTP contract)."""


class Span(NamedTuple):
    """What one lease takes of a pool: ``quantity`` thousandths over ``[start, end)``, seconds UTC.

    ``leaving`` marks a reclaimed lease that runs to its new end: it takes its place, and no hours bind it any more.
    """

    start: int
    end: int
    quantity: int
    spot: bool
    leaving: bool


class Pool:
    """One kind at one site. ``sizes`` are (since, thousandths) in order of time; before the first the size is 0.

    ``_edges`` lists every change of "taken less size" as (instant, thousandths), two for each lease and one for each
    size; those up to ``_settled`` are summed up in one. It is sorted again for each sweep, as it nearly is already.
    """

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.notice_s = 0
        self.windows: Windows | None = None
        self.taken: dict[str, Span] = {}
        self._edges: list[tuple[int, int]] = []
        self._settled = 0
        self._tidy_above = 32

    def place(self, lease: str, span: Span, now: int) -> None:
        """Note what a lease takes, or that its end has changed; leases long over are dropped in passing."""
        former = self.taken.get(lease)
        self.taken[lease] = span
        if former is None:
            self._edges.append((max(span.start, self._settled), span.quantity))
        else:
            self._edges.remove((max(former.end, self._settled), -former.quantity))
        self._edges.append((max(span.end, self._settled), -span.quantity))
        if len(self._edges) > self._tidy_above:
            self._tidy(now - LOOK_BACK_S)

    def resize(self, since: int, size: int, now: int) -> None:
        """Have this size from ``since`` on; what was planned for later is dropped, and what no check can reach."""
        sizes = [change for change in self.sizes if change[0] < since] + [(since, size)]
        past = [change for change in sizes if change[0] <= now - LOOK_BACK_S]
        self.sizes = sizes[max(len(past) - 1, 0) :]
        self._edges = [(span.start, span.quantity) for span in self.taken.values()]
        self._edges += [(span.end, -span.quantity) for span in self.taken.values()]
        before = 0
        for instant, changed in self.sizes:
            self._edges.append((instant, before - changed))
            before = changed
        self._tidy(now - LOOK_BACK_S)

    def size_at(self, instant: int) -> int:
        size = 0
        for since, changed in self.sizes:
            if since <= instant:
                size = changed
        return size

    def taken_at(self, instant: int) -> tuple[int, int]:
        """Thousandths of (house and firm, spot) leases at an instant."""
        running = [span for span in self.taken.values() if span.start <= instant < span.end]
        spot = sum(span.quantity for span in running if span.spot)
        return sum(span.quantity for span in running) - spot, spot

    def first_oversold(self, start: int, end: int) -> int | None:
        """First instant of ``[start, end)`` at which more is taken than there is, or None.

        All classes are counted together: what fits with spot fits without.
        """
        self._edges.sort()  # of one instant, what ends comes before what begins
        if max(accumulate(map(itemgetter(1), self._edges)), default=0) <= 0:
            return None  # nowhere oversold, as nearly always
        over = since = 0  # what is taken beyond the size, from ``since`` until the next edge
        for instant, change in self._edges:
            if over > 0 and instant > start and instant > since:
                break
            if instant >= end:
                return None
            over += change
            since = instant
        return max(since, start) if over > 0 else None

    def needs_cuts(self, former_ends: dict[str, int], start: int, end: int, now: int) -> bool:
        """Whether ``[start, end)`` would be oversold had these leases kept their former ends."""
        cut = {lease: self.taken[lease] for lease in former_ends if lease in self.taken}
        for lease, span in cut.items():
            self.place(lease, span._replace(end=former_ends[lease]), now)
        oversold = self.first_oversold(start, end) is not None
        for lease, span in cut.items():
            self.place(lease, span, now)
        return oversold

    def _tidy(self, before: int) -> None:
        """Sum up what lies before an instant: by the clock of now, or of a former owner's that was ahead of it."""
        before = self._settled = max(before, self._settled)
        self.taken = {lease: span for lease, span in self.taken.items() if span.end > before}
        past = [change for instant, change in self._edges if instant <= before]
        self._edges = [(before, sum(past)), *(edge for edge in self._edges if edge[0] > before)]
        self._tidy_above = 32 + len(self._edges) * 5 // 4
