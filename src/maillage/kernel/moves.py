"""What can be done to a lease after its grant: confirm, extend, release, measure, charge; and what time does to it."""

from maillage.kernel.errors import Invalid, LeaseState, NotFound, UnknownSite
from maillage.kernel.events import Charged, Confirmed, Ended, Expired, Extended, Measured, Released, Voided
from maillage.kernel.grants import make_room
from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.quantities import MICRO, MONEY_MAX
from maillage.kernel.quotas import require
from maillage.kernel.reclaim import reclaim
from maillage.kernel.scribe import Scribe, View
from maillage.kernel.sites import HOLDING
from maillage.kernel.times import FOREVER, HORIZON_S, format_end, format_time

METERS_MAX = 64
LINE_MAX = 200
CHARGED_IN: frozenset[str] = frozenset({"confirmed", "ended", "released", "reclaimed"})
CHARGES_MAX = 2_000
"""One-off charges of a lease: those of 50 years, three a month."""
ENDS_A_BATCH = 2_000
"""Ended leases entered per batch: on the hour thousands end at once, and an ask should not wait for all of them."""


def find_lease(view: View, lease_id: str, tenant: str | None) -> Lease:
    """The lease, if it exists and (where a tenant is given) is the tenant's own; others learn nothing of it."""
    lease = view.ledger.leases.get(lease_id)
    if lease is None or tenant not in (None, lease.tenant):
        raise NotFound(f"there is no lease {lease_id[:100]!r}, or it is not yours")
    return lease


def confirm(scribe: Scribe, lease_id: str, tenant: str | None) -> Lease:
    """Turn a hold into a confirmed lease. Confirming twice is the same as once."""
    lease = find_lease(scribe, lease_id, tenant)
    if lease.state == "confirmed":
        return lease
    _require_active(scribe, lease, "confirmed")
    scribe.record(Confirmed(lease.site, scribe.ledger.next_seq(lease.site), scribe.now, lease.id))
    return lease


def extend(scribe: Scribe, lease_id: str, end: int, tenant: str | None) -> Lease:
    """Move the end of a lease later, at the price it was granted for, where its pools have room."""
    lease = find_lease(scribe, lease_id, tenant)
    if lease.end == end:
        return lease
    _require_active(scribe, lease, "extended")
    _require_not_kept(lease, tenant, "extended")
    if end < lease.end:
        known = format_end(lease.end) or "none, as it is open"
        raise Invalid("end", f"is before the lease's end ({known}); release ends a lease early")
    if scribe.now + HORIZON_S < end < FOREVER:
        raise Invalid("end", "lies more than 50 years ahead; null makes the lease open")
    require(scribe.ledger, scribe.policy.quotas, lease.tenant, lease.needs, lease.end, end)
    pools = scribe.ledger.pools[lease.site]
    displaced = make_room(scribe, pools, lease.needs, lease.cls, lease.end, end, lease.site)
    if displaced:
        reclaim(scribe, displaced, lease.end, lease.id)
    scribe.record(Extended(lease.site, scribe.ledger.next_seq(lease.site), scribe.now, lease.id, end))
    return lease


def release(scribe: Scribe, lease_id: str, tenant: str | None) -> Lease:
    """Give a lease back as of now; one that has not begun is cancelled and costs nothing. Twice is the same as once.

    What a hub holds to sell while the site is out of reach only that hub gives back: it may have sold it on already.
    """
    lease = find_lease(scribe, lease_id, tenant)
    if lease.state == "released":
        return lease
    _require_active(scribe, lease, "released")
    _require_not_kept(lease, tenant, "released")
    if tenant is None and lease.tenant.startswith(HOLDING):
        raise LeaseState(
            f"lease {lease.id} is what hub {lease.tenant[1:]} may sell while {lease.site} is out of reach; without an "
            f"escrow rule for it, it ends by itself at {format_time(lease.end)}",
            lease=lease.id,
            state=lease.state,
            end=format_time(lease.end),
        )
    end = max(lease.start, min(scribe.now, lease.end))
    charge = 0 if lease.state == "held" else charge_micro(lease.per_hour, end - lease.start)
    scribe.record(Released(lease.site, scribe.ledger.next_seq(lease.site), scribe.now, lease.id, end, charge))
    return lease


def void(scribe: Scribe, site: str, tenant: str, key: str, lease_id: str | None = None) -> None:
    """See to it that a key is granted nothing at this site for the rest of its day, and that what it was granted costs
    nothing, also where it has run its time since. What the tenant itself gave back stays as it was. Twice is the same
    as once.

    ``lease_id`` says what the key was granted where that was so long ago that the ledger has forgotten it.
    """
    if site not in scribe.ledger.sites:
        raise UnknownSite(f"there is no site {site[:64]!r} here", site=site[:64])
    ledger = scribe.ledger
    granted = ledger.granted_key(tenant, key, scribe.now)
    known = lease_id if granted is None else granted.lease
    lease = ledger.leases.get(known) if known else None
    if lease is not None and (lease.is_active or lease.state in ("ended", "reclaimed")):
        # The key may have been granted at another site of this owner: then it stops there, in that site's sequence.
        end = max(lease.start, min(scribe.now, lease.end))
        scribe.record(Voided(lease.site, ledger.next_seq(lease.site), scribe.now, tenant, key, lease.id, end))
    elif granted is None:
        scribe.record(Voided(site, ledger.next_seq(site), scribe.now, tenant, key))


def measure(scribe: Scribe, lease_id: str, meters: dict[str, int]) -> Lease:
    """Add to what a lease is known to have used, per meter, in thousandths."""
    lease = find_lease(scribe, lease_id, None)
    known = scribe.ledger.measured.get(lease_id, {})
    if len(known.keys() | meters.keys()) > METERS_MAX:
        raise Invalid("meters", f"a lease has at most {METERS_MAX} meters")
    scribe.record(Measured(lease.site, scribe.ledger.next_seq(lease.site), scribe.now, lease.id, meters))
    return lease


def charge(scribe: Scribe, lease_id: str, line: str, amount: int) -> Lease:
    """Have a lease cost so many micro-units once, for what ``line`` says, from its confirmation on and also once it is
    over. Twice is the same as once; the same line for another amount is refused."""
    lease = find_lease(scribe, lease_id, None)
    if problem := charge_problem(line, amount):
        raise Invalid("charge", problem)
    known = scribe.ledger.charges.get(lease_id, {})
    if line in known:
        if known[line].amount != amount:
            raise Invalid("amount", f"lease {lease_id} was charged another amount for {line!r}")
        return lease
    if lease.state not in CHARGED_IN:
        raise LeaseState(f"lease {lease_id} is {lease.state} and can't be charged", lease=lease_id, state=lease.state)
    if len(known) >= CHARGES_MAX:
        raise Invalid("line", f"a lease has at most {CHARGES_MAX} charges")
    scribe.record(Charged(lease.site, scribe.ledger.next_seq(lease.site), scribe.now, lease.id, line, amount))
    return lease


def charge_problem(line: str, amount: int) -> str:
    """Why something can't be charged, or nothing."""
    if not 1 <= len(line) <= LINE_MAX or "\n" in line:
        return f"what it is for takes 1 to {LINE_MAX} characters on one line"
    return "" if 1 <= amount <= MONEY_MAX * MICRO else f"goes from a micro-unit to {MONEY_MAX}"


def expire_holds(scribe: Scribe) -> None:
    """Let every hold go whose time has come. Done before anything else is decided at an instant."""
    ledger = scribe.ledger
    for lease_id in ledger.holds.pop_due(scribe.now, most=1 << 62):
        lease = ledger.leases[lease_id]
        if lease.state == "held" and lease.hold_until is not None and lease.hold_until <= scribe.now:
            end = max(lease.start, min(lease.hold_until, lease.end))
            scribe.record(Expired(lease.site, ledger.next_seq(lease.site), scribe.now, lease.id, end))


def end_leases(scribe: Scribe) -> None:
    """Enter the leases that have come to their end; their capacity was free from then on anyway."""
    ledger = scribe.ledger
    for lease_id in ledger.ends.pop_due(scribe.now, most=ENDS_A_BATCH):
        lease = ledger.leases[lease_id]
        if lease.state == "confirmed" and lease.end <= scribe.now:
            charge = charge_micro(lease.per_hour, lease.end - lease.start)
            scribe.record(Ended(lease.site, ledger.next_seq(lease.site), scribe.now, lease.id, charge))


def _require_not_kept(lease: Lease, tenant: str | None, step: str) -> None:
    if lease.kept_by and tenant is not None:
        raise LeaseState(
            f"lease {lease.id} is a part of {lease.kept_by} and is {step} with that only",
            lease=lease.id,
            state=lease.state,
            kept_by=lease.kept_by,
        )


def _require_active(scribe: Scribe, lease: Lease, step: str) -> None:
    ended = lease.end <= scribe.now  # perhaps not entered yet, where very many end at once
    if ended or not lease.is_active:
        at, state = format_time(lease.end), "ended" if lease.is_active else lease.state
        raise LeaseState(
            f"lease {lease.id} is {state} as of {at} and can't be {step}; ask for a new one",
            lease=lease.id,
            state=state,
            end=at,
        )
