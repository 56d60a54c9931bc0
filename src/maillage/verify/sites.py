"""Stores and their pools: sizes and hours over time, and whether what is leased fits in them."""

from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

from maillage.verify.calendar import Windows, first_closed, read_calendar
from maillage.verify.capacity import Pool
from maillage.verify.findings import Findings
from maillage.verify.report import FOREVER, amount_text, instant_text


class _Site:
    """``seq`` is the number of its last event, ``known`` whether it had a record; until then its zone is UTC."""

    def __init__(self) -> None:
        self.seq = 0
        self.known = False
        self.zone = ZoneInfo("UTC")
        self.pools: defaultdict[str, Pool] = defaultdict(Pool)


class Sites:
    """All sites by id; ``here`` is the one whose event is under check."""

    def __init__(self, found: Findings) -> None:
        self.found = found
        self.by_id: defaultdict[str, _Site] = defaultdict(_Site)
        self.here = _Site()

    def enter(self, site_id: str, seq: int) -> int:
        """Turn to a site for its event ``seq``; the number of its event before, 0 for the first."""
        self.here = self.by_id[site_id]
        former = self.here.seq
        self.here.seq = max(seq, former)
        return former

    def record(self, event: dict[str, Any]) -> None:
        """A site event: another time zone moves the hours of its pools."""
        record = event["record"]
        if record["id"] != self.found.site:
            self.found.fault("event", f"the record is that of {record['id'][:64]}")
        try:
            zone = ZoneInfo(record["tz"])
        except (KeyError, ValueError, OSError):  # unknown, or not even the name of a file
            self.found.fault("event", f"{record['tz'][:40]!r} is no IANA time zone")
            return
        if not self.here.known:
            self.here.known = True
            self.found.report.sites += 1
        if zone != self.here.zone:
            self.here.zone = zone
            for kind, pool in self.here.pools.items():
                self._check_open_to_all(kind, pool)

    def resized(self, event: dict[str, Any]) -> None:
        """A resized event: size, notice and calendar of a pool."""
        kind, since = event["kind"], event["since"]
        pool = self.here.pools[kind]
        if not pool.sizes:
            self.found.report.pools += 1
        pool.resize(since, event["size"], self.found.now)
        pool.notice_s = event.get("notice_s") or 0
        former, pool.windows = pool.windows, self._windows(event)
        if pool.windows != former:
            self._check_open_to_all(kind, pool)
        self.check_room(kind, max(since, self.found.now), FOREVER)

    def _windows(self, event: dict[str, Any]) -> Windows | None:
        document = event.get("calendar")
        if document is None:
            return None
        try:
            return read_calendar(document)
        except ValueError as why:
            self.found.fault("event", f"the calendar of {event['kind']}: {why}")
            return None

    def _check_open_to_all(self, kind: str, pool: Pool) -> None:
        """After a change of hours: held and confirmed leases must lie within them from now on."""
        for lease_id, span in pool.taken.items():
            if span.start < span.end and span.end > self.found.now and not span.leaving:
                self.check_open(kind, lease_id, max(span.start, self.found.now), span.end)

    def check_open(self, kind: str, lease_id: str, start: int, end: int) -> None:
        """A lease must lie within its pool's hours over ``[start, end)``."""
        windows = self.here.pools[kind].windows
        closed_at = None if windows is None else first_closed(windows, self.here.zone, start, end)
        if closed_at is not None:
            self.found.fault(
                "closed", f"{lease_id} has {kind} at {instant_text(closed_at)}, outside the pool's calendar"
            )

    def check_room(self, kind: str, start: int, end: int) -> None:
        """No more may be leased than there is at any instant of ``[start, end)``."""
        pool = self.here.pools[kind]
        instant = pool.first_oversold(start, end)
        if instant is None:
            return
        firm, spot = pool.taken_at(instant)
        size = pool.size_at(instant)
        over = amount_text(firm + spot - size)
        self.found.fault(
            "oversold",
            f"{kind} is oversold at {instant_text(instant)}: {amount_text(firm)} house and firm and "
            f"{amount_text(spot)} spot are {over} more than the size of {amount_text(size)}",
        )
