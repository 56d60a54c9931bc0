"""Looking at events of a node before they touch the mirror: what no honest owner would send is never applied.

An honest owner's ledger allows each step only from some states, and so does this. Whether the owner sold more than it
has is its own affair; that the mirror can be read, written down and replayed is not.
"""

from collections.abc import Callable

from maillage.kernel.asks import NEEDS_MAX
from maillage.kernel.calendars import calendar_of
from maillage.kernel.errors import Refusal
from maillage.kernel.events import (
    Charged,
    Confirmed,
    Ended,
    Event,
    Expired,
    Extended,
    Leased,
    Measured,
    Noted,
    Reclaimed,
    Released,
    Resized,
    SiteSet,
    Voided,
)
from maillage.kernel.kinds import KIND_NAME
from maillage.kernel.leases import ACTIVE, Lease
from maillage.kernel.ledger import Ledger
from maillage.kernel.moves import CHARGED_IN, CHARGES_MAX, METERS_MAX, charge_problem
from maillage.kernel.notices import note_problem
from maillage.kernel.quantities import QUANTITY_MAX
from maillage.kernel.sites import HOLDING, checked_site, store_of
from maillage.kernel.times import FOREVER
from maillage.mesh.checks import LAST_S, TEXT_MAX

THOUSANDTHS_MAX = QUANTITY_MAX * 1_000
SUM_MAX = 1 << 62
"""Above every sum of money or of use, and still a number that snapshots can hold."""

_FROM: dict[type, frozenset[str]] = {
    Confirmed: frozenset({"held"}),
    Extended: ACTIVE,
    Released: ACTIVE,
    Expired: frozenset({"held"}),
    Reclaimed: ACTIVE | {"reclaimed"},
    Ended: frozenset({"confirmed"}),
    Voided: ACTIVE | {"ended", "reclaimed"},
    Charged: CHARGED_IN,
}
"""From which states of a lease each step may come."""


class Poisoned(Exception):
    """An event that can't be true, or not be this node's; the text says which and why."""


def inspect(ledger: Ledger, event: Event, owns: Callable[[str], bool]) -> bool:
    """Whether the event is new to the ledger and may be applied next; False for one that it has already.

    Poisoned where the site is not the sender's, its number leaves a gap or is known for another event, or a field
    can't be.
    """
    if not owns(event.site):
        raise Poisoned(f"it speaks for {event.site[:64]!r}, which is not its own")
    known = ledger.seqs.get(event.site, 0)
    if event.seq <= known:
        if not _is_known(ledger, event):
            raise Poisoned(f"event {event.seq} of {event.site} is another than is known here: its past was changed")
        return False
    if event.seq != known + 1:
        raise Poisoned(f"event {event.seq} of {event.site} follows on {known}")
    problem = _problem(ledger, event)
    if problem:
        raise Poisoned(f"event {event.seq} of {event.site} ({type(event).__name__}): {problem}")
    return True


def _is_known(ledger: Ledger, event: Event) -> bool:
    """Whether an event agrees with what came under its number, as far as the ledger tells: what a lease was granted for
    never changes."""
    if isinstance(event, SiteSet | Resized | Noted) or event.lease is None:
        return True
    lease = ledger.leases.get(event.lease)
    if lease is None or lease.site != event.site or not isinstance(event, Leased):
        return lease is not None and lease.site == event.site
    return (lease.tenant, lease.needs, lease.start) == (event.tenant, event.needs, event.start)


def _problem(ledger: Ledger, event: Event) -> str:
    if not 0 <= event.at <= LAST_S:
        return "its time is out of range"
    if isinstance(event, SiteSet):
        return _site_problem(event)
    if event.site not in ledger.sites:
        return "the site has no record yet"
    if isinstance(event, Resized):
        return _size_problem(event)
    if isinstance(event, Leased):
        return _lease_problem(ledger, event)
    if isinstance(event, Noted):
        return note_problem(event.topic, event.about, event.data)
    if isinstance(event, Voided) and not (_is_name(event.tenant) and _is_name(event.key)):
        return "its tenant or its key can't be"
    if isinstance(event, Voided) and event.lease is None:
        return ""
    lease = ledger.leases.get(event.lease or "")
    if lease is None or lease.site != event.site:
        return "it names a lease that the site has not granted"
    if isinstance(event, Measured):
        return _measure_problem(ledger, event)
    if lease.state not in _FROM[type(event)]:
        return f"the lease is {lease.state}"
    if isinstance(event, Charged):
        return _charge_problem(ledger, event)
    return _step_problem(lease, event)


def _step_problem(lease: Lease, event: Event) -> str:
    if isinstance(event, Extended):
        return "" if lease.end < event.end and _is_end(event.end) else "its end is out of range"
    if isinstance(event, Voided) and event.tenant != lease.tenant:
        return "the lease is another tenant's"
    if isinstance(event, Reclaimed):
        if lease.cls != "spot" or len(event.by) > TEXT_MAX:
            return "only spot leases are reclaimed, for a lease or a resize"
        if not (0 <= event.credit <= SUM_MAX and 0 <= event.credit_s <= LAST_S):
            return "its credit is out of range"
    if not 0 <= getattr(event, "charge", 0) <= SUM_MAX:
        return "its charge is out of range"
    end = getattr(event, "end", lease.end)
    return "" if lease.start <= end <= lease.end else "its end does not lie within the lease"


def _site_problem(event: SiteSet) -> str:
    site, store = event.record, store_of(event.record.id)
    if site.id != event.site:
        return "it holds the record of another site"
    if any(isinstance(value, int) and abs(value) > SUM_MAX for value in site.attributes.values()):
        return "an attribute is too large a number"
    try:
        # A hub's own holding at a site goes by the site's id with a tilde and the hub's name.
        checked_site(type(site)(store, *(getattr(site, name) for name in site.__struct_fields__[1:])))
    except Refusal as refusal:
        return refusal.detail
    return "" if store == site.id or site.id.count(HOLDING) == 1 else "its id can't be"


def _size_problem(event: Resized) -> str:
    if not KIND_NAME.fullmatch(event.kind):
        return "no kind has such a name"
    if not (0 <= event.size <= THOUSANDTHS_MAX and 0 <= event.since <= LAST_S and 0 <= event.notice_s <= LAST_S):
        return "size, instant or notice is out of range"
    if event.calendar is not None:
        try:
            calendar_of(event.calendar)
        except Refusal as refusal:
            return refusal.detail
    return ""


def _lease_problem(ledger: Ledger, event: Leased) -> str:
    if event.lease != f"{event.site}~{event.seq}":
        return "the lease is not named after its event"
    if not (0 <= event.start < event.end and event.start <= LAST_S and _is_end(event.end)):
        return "its times are out of range"
    if not (0 <= event.per_hour <= SUM_MAX and (event.hold_until is None or 0 <= event.hold_until <= LAST_S)):
        return "its price or its hold is out of range"
    texts = (event.key, event.digest, event.kept_by)
    if not (_is_name(event.tenant) and all(text is None or _is_name(text, 0) for text in texts)):
        return "its tenant or its key can't be"
    if not 1 <= len(event.needs) <= NEEDS_MAX:
        return f"a lease has 1 to {NEEDS_MAX} kinds"
    pools = ledger.pools[event.site]
    for kind, quantity in event.needs.items():
        if kind not in pools or not 0 < quantity <= THOUSANDTHS_MAX:
            return f"the site can't have leased {quantity} thousandths of {kind[:40]!r}"
    return ""


def _measure_problem(ledger: Ledger, event: Measured) -> str:
    known = ledger.measured.get(event.lease, {})
    if len(known.keys() | event.meters.keys()) > METERS_MAX or not all(1 <= len(name) <= 64 for name in event.meters):
        return "no lease has such meters"
    sums = (abs(known.get(name, 0) + amount) for name, amount in event.meters.items())
    return "" if all(total <= SUM_MAX for total in sums) else "an amount is out of range"


def _charge_problem(ledger: Ledger, event: Charged) -> str:
    known = ledger.charges.get(event.lease, {})
    if event.line in known or len(known) >= CHARGES_MAX:
        return "it was charged that before, or too often"
    return charge_problem(event.line, event.amount)


def _is_end(end: int) -> bool:
    return end <= LAST_S or end == FOREVER


def _is_name(text: str, least: int = 1) -> bool:
    """Line breaks end names in a ledger."""
    return least <= len(text) <= TEXT_MAX and "\n" not in text
