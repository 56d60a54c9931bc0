"""Prices: a book of rates per unit and hour, and what a lease costs by it on the day it is granted.

The most specific entry wins: one for the site over one for its region over one for everywhere, and among those one
for the hour of the week over one for all hours. A kind without an entry costs nothing. The entries of class ``spot``
are floors: the spot rate moves from its floor at an empty pool to the firm rate at a full one.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.leases import LeaseClass
from maillage.kernel.pools import Pool
from maillage.kernel.quantities import to_micro
from maillage.kernel.sites import Site, store_of, zone_info
from maillage.kernel.times import FOREVER, HOUR_S, WEEK_S

HOURS_A_WEEK = 168
ENTRIES_MAX = 10_000
FLAT_KEPT = 10_000
"""Prices kept of needs whose rates don't depend on the time: the same needs are asked for again and again."""


class PriceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``per_unit_hour`` is a decimal text in the book's currency; ``hours`` are half-open ranges of hours of the
    week in the site's time zone, 0 being Monday 00:00 (``[[8, 20], [32, 44]]``); none means all."""

    kind: str
    per_unit_hour: str
    cls: LeaseClass = msgspec.field(default="firm", name="class")
    region: str | None = None
    site: str | None = None
    hours: list[tuple[int, int]] = []


class PriceBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``reclaim_credit_s``: the last seconds of a reclaimed lease that are given back; an hour unless set."""

    currency: str = "USD"
    entries: list[PriceEntry] = []
    reclaim_credit_s: int = HOUR_S


_DEFAULT_RATES: dict[str, tuple[str, str]] = {
    "cpu": ("0.042", "0.0126"),
    "memory": ("0.0056", "0.0017"),
    "gpu": ("0.95", "0.285"),
    "disk": ("0.00011", "0.00004"),
    "roof_mount": ("0.82", "0.41"),
    "roof_power": ("0.16", "0.12"),
    "roof_load": ("0.0002", "0.0001"),
    "fibre_pair": ("0.05", "0.025"),
    "pallet_ambient": ("0.025", "0.012"),
    "pallet_chilled": ("0.055", "0.027"),
    "pallet_frozen": ("0.068", "0.034"),
    "dock": ("28", "14"),
    "pick_minutes": ("0.55", "0.38"),
    "pickup_slot": ("1.20", "0.60"),
    "delivery_slot": ("3.50", "1.75"),
    "visit": ("36", "18"),
    "robot": ("11", "4.40"),
}
DEFAULT_BOOK = PriceBook(
    entries=[PriceEntry(kind, firm, "firm") for kind, (firm, _) in _DEFAULT_RATES.items()]
    + [PriceEntry(kind, spot, "spot") for kind, (_, spot) in _DEFAULT_RATES.items()]
)
"""A starting point of our own making, of the order of public cloud, warehouse and labour prices."""


class _Rate(NamedTuple):
    """Micro-units per unit and hour: ``flat``, or by hour of the week."""

    flat: int
    by_hour: tuple[int, ...] | None


class Pricing:
    """A book made ready to be asked; refuses (Invalid) a book that can't be."""

    def __init__(self, book: PriceBook) -> None:
        if len(book.entries) > ENTRIES_MAX:
            raise Invalid("entries", f"at most {ENTRIES_MAX} entries")
        if not (len(book.currency) == 3 and book.currency.isalpha() and book.currency.isupper()):
            raise Invalid("currency", f"{book.currency[:8]!r} is not an ISO 4217 code such as USD")
        if not 0 <= book.reclaim_credit_s <= 30 * 24 * HOUR_S:
            raise Invalid("reclaim_credit_s", "goes from 0 to 30 days")
        self.book = book
        self._entries: dict[tuple[str, str], list[tuple[PriceEntry, int]]] = {}
        self._sites = {entry.site for entry in book.entries if entry.site}
        self._flat: dict[tuple[tuple[tuple[str, int], ...], str, str, str], int] = {}
        self._rates: dict[tuple[str, str, str, str], _Rate] = {}
        for number, entry in enumerate(book.entries):
            field = f"entries[{number}]"
            for first, beyond in entry.hours:
                if not 0 <= first < beyond <= HOURS_A_WEEK:
                    raise Invalid(f"{field}.hours", f"[{first}, {beyond}] is not a range of hours within 0 to 168")
            micro = to_micro(entry.per_unit_hour, f"{field}.per_unit_hour")
            self._entries.setdefault((entry.kind, entry.cls), []).append((entry, micro))

    def per_hour(
        self, needs: dict[str, int], cls: LeaseClass, site: Site, pools: dict[str, Pool], start: int, end: int
    ) -> int:
        """Micro-units an hour for all needs: the mean of the rates over the interval (over a week, if it is open)."""
        name = (tuple(needs.items()), cls, site.region, self._own_name(site))
        flat = self._flat.get(name)
        if flat is not None:
            return flat
        total, is_flat = 0, cls != "spot"
        for kind, quantity in needs.items():
            by_book = self._rate(kind, cls, site)
            is_flat = is_flat and by_book.by_hour is None
            rate = self._mean(by_book, site, start, end)
            if cls == "spot":
                size = pools[kind].size_at(start)
                if size:
                    listed = self._mean(self._rate(kind, "firm", site), site, start, end)
                    used = min(max(size - pools[kind].room(start, end, spot=True), 0), size)
                    rate += max(listed - rate, 0) * used // size
            total += quantity * rate
        per_hour = (total + 500) // 1_000
        if is_flat and len(self._flat) < FLAT_KEPT:
            self._flat[name] = per_hour
        return per_hour

    def _own_name(self, site: Site) -> str:
        """The store's id where it has prices of its own."""
        return store_of(site.id) if self._sites and store_of(site.id) in self._sites else ""

    def _rate(self, kind: str, cls: str, site: Site) -> _Rate:
        name = (kind, cls, site.region, self._own_name(site))
        rate = self._rates.get(name)
        if rate is None:
            rate = self._rates[name] = self._resolve(kind, cls, site)
        return rate

    def _resolve(self, kind: str, cls: str, site: Site) -> _Rate:
        best = [(-1, 0)] * HOURS_A_WEEK
        for entry, micro in self._entries.get((kind, cls), ()):
            if entry.site not in (None, store_of(site.id)) or entry.region not in (None, site.region):
                continue
            rank = 4 * (entry.site is not None) + 2 * (entry.region is not None) + bool(entry.hours)
            for first, beyond in entry.hours or [(0, HOURS_A_WEEK)]:
                for hour in range(first, beyond):
                    if rank >= best[hour][0]:  # of equals the later entry
                        best[hour] = (rank, micro)
        by_hour = tuple(micro for _, micro in best)
        return _Rate(by_hour[0], None if len(set(by_hour)) == 1 else by_hour)

    @staticmethod
    def _mean(rate: _Rate, site: Site, start: int, end: int) -> int:
        """Time-weighted mean of a rate; whole weeks are taken at the weekly mean, the rest hour by hour."""
        if rate.by_hour is None:
            return rate.flat
        weekly = sum(rate.by_hour)
        if end >= FOREVER:
            return (weekly + HOURS_A_WEEK // 2) // HOURS_A_WEEK
        weeks, rest = divmod(end - start, WEEK_S)
        total = weeks * weekly * HOUR_S
        zone, at, last = zone_info(site.tz), end - rest, end
        while at < last:
            local = datetime.fromtimestamp(at, UTC).astimezone(zone)
            until = min(last, at + HOUR_S - local.minute * 60 - local.second)
            total += (until - at) * rate.by_hour[local.weekday() * 24 + local.hour]
            at = until
        return (total + (end - start) // 2) // (end - start)
