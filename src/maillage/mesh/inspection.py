"""Looking at events of a node before they touch the mirror: what no honest owner would send is never applied."""

from collections.abc import Callable

from maillage.kernel.calendars import calendar_of
from maillage.kernel.errors import Refusal
from maillage.kernel.events import Event, Leased, Reclaimed, Resized, SiteSet, Voided
from maillage.kernel.ledger import Ledger
from maillage.kernel.quantities import QUANTITY_MAX
from maillage.kernel.sites import Site, checked_site
from maillage.kernel.times import FOREVER

THOUSANDTHS_MAX = QUANTITY_MAX * 1_000


class Poisoned(Exception):
    """An event that can't be true, or not be this node's; the text says which and why."""


def inspect(ledger: Ledger, event: Event, owns: Callable[[str], bool]) -> bool:
    """Whether the event is new to the ledger and may be applied next; False for one that it has already.

    Poisoned where the site is not the sender's, its number leaves a gap, or a field can't be.
    """
    if not owns(event.site):
        raise Poisoned(f"it speaks for {event.site[:64]!r}, which is not its own")
    known = ledger.seqs.get(event.site, 0)
    if event.seq <= known:
        return False
    if event.seq != known + 1:
        raise Poisoned(f"event {event.seq} of {event.site} follows on {known}")
    problem = _problem(ledger, event)
    if problem:
        raise Poisoned(f"event {event.seq} of {event.site} ({type(event).__name__}): {problem}")
    return True


def _problem(ledger: Ledger, event: Event) -> str:
    if not 0 <= event.at < FOREVER:
        return "its time is out of range"
    if isinstance(event, SiteSet):
        return _site_problem(event)
    if event.site not in ledger.sites:
        return "the site has no record yet"
    if isinstance(event, Resized):
        return _size_problem(event)
    if isinstance(event, Leased):
        return _lease_problem(ledger, event)
    if isinstance(event, Voided) and event.lease is None:
        return ""
    lease = ledger.leases.get(event.lease or "")
    if lease is None or lease.site != event.site:
        return "it names a lease that the site has not granted"
    if isinstance(event, Reclaimed) and lease.cls != "spot":
        return "only spot leases are reclaimed"
    end = getattr(event, "end", 0)
    return "" if 0 <= end <= FOREVER else "its end is out of range"


def _site_problem(event: SiteSet) -> str:
    if event.record.id != event.site:
        return "it holds the record of another site"
    try:
        # A hub's own holding at a site goes by the site's id with a tilde and the hub's name.
        checked_site(_named(event.record, event.record.id.partition("~")[0]))
    except Refusal as refusal:
        return refusal.detail
    return ""


def _named(site: Site, name: str) -> Site:
    return Site(name, site.name, site.lat, site.lon, site.tz, site.country, site.region, site.attributes)


def _size_problem(event: Resized) -> str:
    if not (0 <= event.size <= THOUSANDTHS_MAX and 0 <= event.since <= FOREVER and event.notice_s >= 0):
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
    if not (0 <= event.start < event.end <= FOREVER and event.per_hour >= 0):
        return "its times or its price are out of range"
    pools = ledger.pools[event.site]
    for kind, quantity in event.needs.items():
        if kind not in pools or not 0 < quantity <= THOUSANDTHS_MAX:
            return f"the site can't have leased {quantity} thousandths of {kind[:40]!r}"
    return ""
