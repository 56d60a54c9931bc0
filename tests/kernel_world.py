"""A chain in memory with a clock that is set by hand: what most tests of the kernel act on."""

from collections.abc import Callable
from typing import Any

from maillage.engines.clocks import ManualClock
from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.memory_snapshots import MemorySnapshots
from maillage.kernel.announcer import Announcer
from maillage.kernel.asks import Ask, Near
from maillage.kernel.calendars import CalendarDocument
from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.errors import Refusal
from maillage.kernel.events import Event, decode_events
from maillage.kernel.grants import Order, grant
from maillage.kernel.keeper import Decision, Keeper
from maillage.kernel.leases import Lease, LeaseClass
from maillage.kernel.ledger import Ledger
from maillage.kernel.moves import charge, confirm, extend, measure, release
from maillage.kernel.policy import Policy
from maillage.kernel.pools import Pool
from maillage.kernel.ports import Committed, Journal
from maillage.kernel.prices import PriceBook
from maillage.kernel.quantities import to_micro, to_thousandths
from maillage.kernel.recovery import replay, take_snapshot
from maillage.kernel.sites import Site
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import FOREVER, HOUR_S, parse_time

SITE = "wm-1"
FREE = PriceBook()
"""A book without entries: everything costs nothing."""


def at(text: str) -> int:
    """Seconds UTC of an RFC 3339 instant."""
    return parse_time(text, "at")


NOW = at("2026-12-01T08:00:00Z")
"""A Tuesday, when every world begins."""


class World:
    """Times are seconds UTC, quantities units, money decimal texts. What the kernel refuses is raised."""

    def __init__(self, book: PriceBook = FREE, journal: Journal | None = None) -> None:
        self.clock = ManualClock(NOW)
        self.journal = journal or MemoryJournal()
        self.snapshots = MemorySnapshots()
        self.announcer = Announcer()
        self.policy = Policy(book=book)
        self.keeper = Keeper(self.journal, self.snapshots, self.clock, self.announcer, self.policy)
        self.heard: list[Committed] = []
        self.announcer.subscribe(self.heard.append)

    @property
    def ledger(self) -> Ledger:
        return self.keeper.ledger

    @property
    def now(self) -> int:
        return self.clock.now()

    @property
    def events(self) -> list[Event]:
        """All that is durable."""
        return [event for batch in self.journal.read() for event in decode_events(batch.body)]

    def do(self, decision: Decision) -> Any:
        """One decision, committed; its answer, or its refusal raised."""
        (answer,) = self.keeper.run(decision)
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def tick(self, seconds: int = 0) -> None:
        """Let time pass, and enter what is due by then."""
        self.clock.advance(seconds)
        self.keeper.run()

    # -- what there is -------------------------------------------------------------------------------------------

    def site(
        self,
        name: str = SITE,
        lat: float = 36.37,
        lon: float = -94.21,
        tz: str = "Etc/UTC",
        region: str = "",
        **attributes: Any,
    ) -> Site:
        site = Site(name, name, lat, lon, tz, region=region, attributes=attributes)
        self.do(lambda scribe: set_site(scribe, site))
        return site

    def pool(
        self,
        kind: str,
        size: float | str,
        site: str = SITE,
        since: int | None = None,
        notice_s: int = 0,
        calendar: CalendarDocument | None = None,
    ) -> Pool:
        """Set a pool; its site comes into being where there is none."""
        if site not in self.ledger.sites:
            self.site(site)
        plan = PoolPlan(kind, to_thousandths(size, "size", minimum=0), since, notice_s, calendar)
        pool: Pool = self.do(lambda scribe: set_capacity(scribe, site, plan))
        return pool

    # -- asking --------------------------------------------------------------------------------------------------

    def lease(
        self,
        needs: dict[str, float | str],
        start: int | None = None,
        end: int | None = None,
        cls: LeaseClass = "firm",
        *,
        site: str | tuple[str, ...] = SITE,
        tenant: str = "acme",
        hold_s: int | None = None,
        max_price: str | None = None,
        attributes: dict[str, Any] | None = None,
        key: str | None = None,
        body: str = "body",
    ) -> Lease:
        """Ask for needs over ``[start, end)``: from now, for ever, unless told otherwise."""
        sites = (site,) if isinstance(site, str) else site
        ask = ask_for(needs, start, end, cls, site=sites[0], hold_s=hold_s, max_price=max_price, attributes=attributes)
        order = Order(tenant, ask, sites, key, None if key is None else body)
        granted: Lease = self.do(lambda scribe: grant(scribe, order))
        return granted

    def hour(self, needs: dict[str, float | str], cls: LeaseClass = "firm", in_s: int = 0, **more: Any) -> Lease:
        """A lease of one hour that begins in some seconds."""
        return self.lease(needs, self.now + in_s, self.now + in_s + HOUR_S, cls, **more)

    def confirm(self, lease: Lease | str, tenant: str | None = None) -> Lease:
        return self._move(lambda scribe: confirm(scribe, _id(lease), tenant))

    def extend(self, lease: Lease | str, end: int, tenant: str | None = None) -> Lease:
        return self._move(lambda scribe: extend(scribe, _id(lease), end, tenant))

    def release(self, lease: Lease | str, tenant: str | None = None) -> Lease:
        return self._move(lambda scribe: release(scribe, _id(lease), tenant))

    def measure(self, lease: Lease | str, meters: dict[str, int]) -> Lease:
        return self._move(lambda scribe: measure(scribe, _id(lease), meters))

    def charge(self, lease: Lease | str, line: str, amount: str) -> Lease:
        return self._move(lambda scribe: charge(scribe, _id(lease), line, to_micro(amount, "amount")))

    def _move(self, decision: Decision) -> Lease:
        moved: Lease = self.do(decision)
        return moved

    # -- looking -------------------------------------------------------------------------------------------------

    def known(self, lease: Lease | str) -> Lease:
        """The lease as the ledger has it now, also after a restart."""
        return self.ledger.leases[_id(lease)]

    def free(
        self, kind: str, start: int | None = None, end: int | None = None, *, spot: bool = True, site: str = SITE
    ) -> float:
        """Units free throughout ``[start, end)``, an instant unless told otherwise."""
        first = self.now if start is None else start
        return self.ledger.pools[site][kind].room(first, first + 1 if end is None else end, spot) / 1_000

    # -- going away and coming back ------------------------------------------------------------------------------

    def restart(self) -> None:
        """As after a crash: whatever was in memory is gone."""
        self.keeper = Keeper(self.journal, self.snapshots, self.clock, self.announcer, self.policy)

    def take_snapshot(self) -> int:
        return take_snapshot(self.journal, self.snapshots)

    def replayed(self) -> Ledger:
        """What the journal alone adds up to."""
        ledger = Ledger()
        replay(ledger, self.journal)
        return ledger

    def check_replay(self) -> None:
        """The ledger in memory is what the journal adds up to, bit for bit."""
        assert encode_ledger(self.ledger) == encode_ledger(self.replayed())


def ask_for(
    needs: dict[str, float | str],
    start: int | None = None,
    end: int | None = None,
    cls: LeaseClass = "firm",
    *,
    site: str | None = SITE,
    near: Near | None = None,
    max_price: str | None = None,
    hold_s: int | None = None,
    attributes: dict[str, Any] | None = None,
    limit: int = 5,
) -> Ask:
    """An ask in units and decimal texts."""
    return Ask(
        {kind: to_thousandths(quantity, "needs") for kind, quantity in needs.items()},
        start,
        FOREVER if end is None else end,
        site if near is None else None,
        near,
        cls,
        None if max_price is None else to_micro(max_price, "max_price"),
        attributes,
        limit,
        hold_s,
    )


def refusal_of(asked: Callable[[], Any]) -> Refusal:
    """The refusal that a call ends in."""
    try:
        answer = asked()
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"granted: {answer}")


def _id(lease: Lease | str) -> str:
    return lease if isinstance(lease, str) else lease.id
