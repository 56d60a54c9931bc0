"""For how long an instance may run: what its lease says, and when it has to leave.

Three ways lead out. A lease that comes to its own end, or is given back, takes no more requests from that instant on,
and those under way have their grace after it. One that is reclaimed at once (house work needs the machine) does the
same, so the shop waits for the grace at the most. One that is reclaimed with notice has to be gone at the instant that
the notice names, for its capacity is leased to somebody else from then on: it takes no more requests for the last
``grace_s`` before it, or, where less is left, from now on, with what is left as its grace.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from maillage.kernel.errors import LeaseState
from maillage.kernel.events import Ended, Event, Extended, Reclaimed, Released, Voided
from maillage.kernel.leases import Lease, LeaseClass
from maillage.kernel.leases import LeaseState as State
from maillage.kernel.scribe import View
from maillage.kernel.times import FOREVER, format_time

WHOLE_SECOND_S = 1
"""Clocks tell whole seconds: who has to be gone at an instant sets out a second early, not a second late."""


class Tenure(msgspec.Struct, frozen=True):
    """A lease as far as it matters to what runs on it; ``needs`` are thousandths, instants seconds UTC. ``noticed``
    says that it was reclaimed with an end that was still to come."""

    lease: str
    tenant: str
    site: str
    needs: dict[str, int]
    start: int
    end: int
    lease_class: LeaseClass
    state: State
    noticed: bool = False

    def is_live(self, now: int) -> bool:
        """Whether something may run on it, now or once it begins."""
        return self.end > now and (self.state == "confirmed" or self.noticed)

    @property
    def why_over(self) -> str:
        """Why nothing runs on it any more, where that is so."""
        return "the lease ended" if self.state in ("confirmed", "ended") else f"the lease was {self.state}"

    def leaves_at(self, grace_s: float) -> float | None:
        """When to take no more requests, None for an open lease."""
        if self.noticed:
            return self.end - grace_s - WHOLE_SECOND_S
        return None if self.end >= FOREVER else self.end

    def grace_left_s(self, grace_s: float, now: int) -> float:
        """How long requests under way may still take from now on."""
        return max(min(grace_s, self.end - now), 0.0) if self.noticed else grace_s

    def require_room(self, now: int) -> None:
        """LeaseState where nothing new may be put on it."""
        if self.is_live(now) and not self.noticed:
            return
        if self.state == "held":
            told, state = "is only held; confirm it first", "held"
        else:
            state = "ended" if self.state == "confirmed" else self.state
            told = f"is {state} as of {format_time(self.end)}; ask for a new one"
        raise LeaseState(f"the lease {self.lease} {told}", lease=self.lease, state=state)

    def after(self, event: Event) -> "Tenure":
        """What becomes of it by an event of its lease."""
        change: dict[str, Any] = {}
        match event:
            case Ended():
                change = {"state": "ended"}
            case Released(end=end):
                change = {"state": "released", "end": end, "noticed": False}
            case Voided(end=end):
                change = {"state": "released", "end": end, "noticed": False}
            case Extended(end=end):
                change = {"end": end}
            case Reclaimed(end=end, at=at):
                change = {"state": "reclaimed", "end": end, "noticed": end > at}
        return msgspec.structs.replace(self, **change)


def tenure_of(lease: Lease, now: int) -> Tenure:
    noticed = lease.state == "reclaimed" and lease.end > now
    needs = dict(lease.needs)
    return Tenure(lease.id, lease.tenant, lease.site, needs, lease.start, lease.end, lease.cls, lease.state, noticed)


def tenures(view: View, lease_ids: Iterable[str]) -> dict[str, Tenure]:
    """Those of the leases that the ledger knows."""
    leases = view.ledger.leases
    return {name: tenure_of(leases[name], view.now) for name in lease_ids if name in leases}
