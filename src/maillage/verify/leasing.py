"""Leases from their grant to their end: which steps they may take, and what each costs."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from maillage.verify.capacity import LOOK_BACK_S, Span
from maillage.verify.findings import Findings
from maillage.verify.keys import VOID, Keys
from maillage.verify.leases import STEPS, Lease, lease_of
from maillage.verify.report import Fault, instant_text, month_text
from maillage.verify.sites import Sites

NOT_BILLED = "it was never confirmed, or its key was made void"


class _Displaced(NamedTuple):
    """A spot lease that was cut from ``end`` for another, by event ``seq`` of ``site`` at ``pos``."""

    lease: str
    end: int
    pos: int
    site: str
    seq: int


class _Over(NamedTuple):
    """What stays of a lease that can't change any more."""

    state: str
    tenant: str


class Leasing:
    """All leases by id; those that can't change any more keep their state and tenant only, in ``over``. Those that ran
    their time and have a key stay whole in ``lapsed``: the key may still be made void, and then they cost nothing."""

    def __init__(self, found: Findings, sites: Sites) -> None:
        self.found = found
        self.sites = sites
        self.leases: dict[str, Lease] = {}
        self.over: dict[str, _Over] = {}
        self._overs: dict[_Over, _Over] = {}  # one each: there may be millions of leases
        self.lapsed: dict[str, Lease] = {}
        self.lines: set[tuple[str, str]] = set()  # (lease, line) of what was charged once
        self.keys: defaultdict[str, Keys] = defaultdict(Keys)  # by owner
        self.displaced: defaultdict[str, list[_Displaced]] = defaultdict(list)  # by the lease they make room for
        self.steps: dict[str, Callable[[dict[str, Any]], None]] = {
            "leased": self._leased,
            "confirmed": self._confirmed,
            "extended": self._extended,
            "released": self._released,
            "expired": self._expired,
            "reclaimed": self._reclaimed,
            "ended": self._ended,
            "voided": self._voided,
            "measured": self._measured,
            "charged": self._charged,
        }

    def end_of_commit(self) -> None:
        """Leases are reclaimed in the same durable commit as what they make room for."""
        for by, displaced in self.displaced.items():
            for cut in displaced:
                text = f"{cut.lease} was reclaimed for {by}, which the same commit neither grants nor extends"
                self.found.report.add(Fault("state", cut.pos, cut.site, cut.seq, text))
        self.displaced.clear()

    def _leased(self, event: dict[str, Any]) -> None:
        lease_id, start, end = event["lease"], event["start"], event["end"]
        self.found.report.leases += 1
        if lease_id != f"{self.found.site}~{self.found.seq}":
            self.found.fault(
                "event", f"lease {lease_id[:80]} should be called {self.found.site}~{self.found.seq}, after its grant"
            )
        if lease_id in self.leases or lease_id in self.over:
            self.found.fault("state", f"{lease_id} is granted a second time")
            return
        if start >= end:
            self.found.fault(
                "event", f"{lease_id} ends at {instant_text(end)}, not after its start {instant_text(start)}"
            )
            return
        if event.get("key") is not None:
            self._grant_key(event["tenant"], event["key"], lease_id)
        lease = self.leases[lease_id] = lease_of(event)
        self._take(lease_id, lease, start, end)

    def _grant_key(self, tenant: str, key: str, lease_id: str) -> None:
        keys, now = self.keys[self.found.source], self.found.now
        before = keys.known(tenant, key, now)
        if before is None:
            keys.enter(tenant, key, now, lease_id)
            return
        what = "made void" if before == VOID else f"granted {before}"
        self.found.fault("key", f"key {key[:80]!r} of {tenant} was {what} less than 24 h before")

    def _take(self, lease_id: str, lease: Lease, start: int, end: int) -> None:
        """All that must hold when a lease comes to occupy ``[start, end)``, by a grant or an extension."""
        if start < self.found.now - LOOK_BACK_S:
            self.found.fault("time", f"{lease_id} takes from {instant_text(start)} on, long before it was granted that")
            start = self.found.now - LOOK_BACK_S  # what stood there earlier is forgotten
        self._occupy(lease_id, lease)
        for kind in lease.needs:
            self.sites.check_open(kind, lease_id, start, end)
            self.sites.check_room(kind, start, end)
        displaced = self.displaced.pop(lease_id, None)
        if displaced and lease.cls == "spot":
            self.found.fault("state", f"{displaced[0].lease} was reclaimed for {lease_id}, which is spot as well")
        elif displaced and lease.cls == "firm":
            self._check_notice(lease_id, lease, displaced, start, end)

    def _check_notice(self, lease_id: str, lease: Lease, displaced: list[_Displaced], start: int, end: int) -> None:
        """A firm lease waits for the notice of each pool that it could not have had with the spot leases in it."""
        former_ends = {cut.lease: cut.end for cut in displaced}
        for kind in lease.needs:
            pool = self.sites.here.pools[kind]
            if start < self.found.now + pool.notice_s and pool.needs_cuts(former_ends, start, end, self.found.now):
                self.found.fault(
                    "notice",
                    f"{lease_id} takes {kind} from spot leases at {instant_text(start)}, before their notice of "
                    f"{pool.notice_s} s has run",
                )

    def _occupy(self, lease_id: str, lease: Lease) -> None:
        for kind, quantity in lease.needs.items():
            span = Span(lease.start, lease.end, quantity, lease.cls == "spot", lease.state == "reclaimed")
            self.sites.here.pools[kind].place(lease_id, span, self.found.now)

    def _lease(self, event: dict[str, Any]) -> Lease | None:
        """The lease of an event, if it is one of this site in a state from which the event may come."""
        lease_id, step = event["lease"], event["type"]
        lease = self.leases.get(lease_id) or (self.lapsed.get(lease_id) if step == "voided" else None)
        state = lease.state if lease is not None else self._state_of(lease_id)
        if state is None:
            self.found.fault("state", f"{lease_id[:80]} is {step}, and was never granted")
        elif lease_id.rpartition("~")[0] != self.found.site:
            self.found.fault("state", f"{lease_id} is {step} in the sequence of another site")
        elif lease is None or lease.state not in STEPS[step]:
            self.found.fault("state", f"{lease_id} is {step}, and was {state} already")
        else:
            return lease
        return None

    def _state_of(self, lease_id: str) -> str | None:
        over = self.over.get(lease_id)
        return None if over is None else over.state

    def _confirmed(self, event: dict[str, Any]) -> None:
        lease = self._lease(event)
        if lease is None:
            return
        if lease.hold_until is not None and self.found.now >= lease.hold_until:
            self.found.fault(
                "state", f"{event['lease']} is confirmed after its hold ran out at {instant_text(lease.hold_until)}"
            )
        lease.state = "confirmed"
        lease.billed = True

    def _extended(self, event: dict[str, Any]) -> None:
        lease = self._lease(event)
        if lease is None:
            return
        former = lease.end
        if event["end"] <= former:
            self.found.fault(
                "state", f"{event['lease']} is extended to {instant_text(event['end'])}, no later than it ended"
            )
            return
        lease.end = event["end"]
        self._take(event["lease"], lease, former, lease.end)

    def _released(self, event: dict[str, Any]) -> None:
        lease = self._lease(event)
        if lease is not None:
            self._check_end(event, max(lease.start, min(self.found.now, lease.end)))
            self._stop(event, lease)

    def _expired(self, event: dict[str, Any]) -> None:
        lease = self._lease(event)
        if lease is None or lease.hold_until is None:
            return
        if self.found.now < lease.hold_until:
            self.found.fault(
                "state", f"{event['lease']} is expired before its hold runs out at {instant_text(lease.hold_until)}"
            )
        self._check_end(event, max(lease.start, min(lease.hold_until, lease.end)))
        self._stop(event, lease)

    def _ended(self, event: dict[str, Any]) -> None:
        lease = self._lease(event)
        if lease is None:
            return
        if self.found.now < lease.end:
            self.found.fault("state", f"{event['lease']} is ended before its end, {instant_text(lease.end)}")
        self._stop(event | {"end": lease.end}, lease)

    def _reclaimed(self, event: dict[str, Any]) -> None:
        lease_id, end = event["lease"], event["end"]
        lease = self._lease(event)
        if lease is None:
            return
        if lease.cls != "spot":
            self.found.fault("state", f"{lease_id} is reclaimed, and is {lease.cls}: only spot leases can be")
            return
        if not lease.start <= end <= lease.end:
            self.found.fault("state", f"{lease_id} is reclaimed to {instant_text(end)}, outside its own time")
            return
        if lease.state == "reclaimed" and (end == lease.end or self.found.now >= lease.end):
            self.found.fault("state", f"{lease_id} is reclaimed again, and is over or gets no earlier end")
            return
        if event["by"] != "resize":
            cut = _Displaced(lease_id, lease.end, self.found.pos, event["site"], event["seq"])
            self.displaced[event["by"]].append(cut)
        self._stop(event, lease)

    def _voided(self, event: dict[str, Any]) -> None:
        tenant, key, lease_id = event["tenant"], event["key"], event.get("lease")
        keys, now = self.keys[self.found.source], self.found.now
        granted = keys.known(tenant, key, now)
        keys.enter(tenant, key, now, VOID)
        if lease_id is None:
            if granted:
                self.found.fault("key", f"key {key[:80]!r} of {tenant} is made void without {granted}, its lease")
            return
        lease = self._lease(event)
        if lease is None:
            return
        if (lease.tenant, lease.key) != (tenant, key):
            self.found.fault("key", f"{lease_id} is made void by a key that it was not granted for: {key[:80]!r}")
            return
        lease.billed = False
        event = event | {"end": event.get("end") or 0}
        self._check_end(event, max(lease.start, min(now, lease.end)))
        self._stop(event, lease)

    def _check_end(self, event: dict[str, Any], due: int) -> None:
        if event["end"] != due:
            text = f"{event['lease']} stops at {instant_text(event['end'])}; it should be {instant_text(due)}"
            self.found.fault("state", text)

    def _stop(self, event: dict[str, Any], lease: Lease) -> None:
        """The lease stops at the event's end, for the charge and credit that it states.

        A reclaimed one runs until then and may be cut once more, with new amounts in place of these.
        """
        lease_id, former = event["lease"], lease.end
        lease.end = event["end"]
        lease.state = event["type"]
        self._check_money(event, lease)
        if lease.end != former or lease.state == "reclaimed":
            self._occupy(lease_id, lease)
        if lease.state != "reclaimed" or lease.end <= self.found.now:
            self.leases.pop(lease_id, None)
            self.lapsed.pop(lease_id, None)
            over = _Over(lease.state, lease.tenant)
            self.over[lease_id] = self._overs.setdefault(over, over)
            if lease.state in ("ended", "reclaimed") and lease.key is not None:
                self.lapsed[lease_id] = lease

    def _check_money(self, event: dict[str, Any], lease: Lease) -> None:
        charge, credit = event.get("charge") or 0, event.get("credit") or 0
        seconds = lease.end - lease.start
        charge_due = lease.due(seconds)
        credit_due = min(charge_due, lease.due(min(seconds, event.get("credit_s") or 0)))
        for name, stated, due in (("charge", charge, charge_due), ("credit", credit, credit_due)):
            if stated != due:
                ran = f"it ran {seconds} s at {lease.per_hour} an hour" if lease.billed else NOT_BILLED
                text = f"the {name} of {event['lease']} is {stated} micro-units and should be {due}: {ran}"
                self.found.fault("money", text)
        charged, credited, tenant = self.found.report.charged_micro, self.found.report.credited_micro, lease.tenant
        charged[tenant] = charged.get(tenant, 0) + charge - lease.charge
        credited[tenant] = credited.get(tenant, 0) + credit - lease.credit
        lease.charge, lease.credit = charge, credit

    def _measured(self, event: dict[str, Any]) -> None:
        lease_id = event["lease"]
        if lease_id not in self.leases and lease_id not in self.over:
            self.found.fault("state", f"{lease_id[:80]} is measured, and was never granted")
        elif lease_id.rpartition("~")[0] != self.found.site:
            self.found.fault("state", f"{lease_id} is measured in the sequence of another site")
        else:
            of_month = self.found.report.measured.setdefault(month_text(event["at"]), {})
            for meter, amount in event["meters"].items():
                of_month[meter] = of_month.get(meter, 0) + amount

    def _charged(self, event: dict[str, Any]) -> None:
        lease_id, line = event["lease"], event["line"]
        lease = self.leases.get(lease_id) or self.over.get(lease_id)
        if lease is None:
            self.found.fault("state", f"{lease_id[:80]} is charged, and was never granted")
        elif lease_id.rpartition("~")[0] != self.found.site:
            self.found.fault("state", f"{lease_id} is charged in the sequence of another site")
        elif lease.state not in STEPS["charged"]:
            self.found.fault("state", f"{lease_id} is charged, and is {lease.state}")
        else:
            if (lease_id, line) in self.lines:
                self.found.fault("money", f"{lease_id} is charged a second time for {line[:80]!r}")
            self.lines.add((lease_id, line))
            charged = self.found.report.charged_micro
            charged[lease.tenant] = charged.get(lease.tenant, 0) + event["amount"]
