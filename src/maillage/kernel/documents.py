"""The documents that come in and go out: decimals for quantities, RFC 3339 for instants, the names of the contract.

One set for every face and every carrier, so that an ask means the same by HTTP, on the command line and on a bus.
"""

from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.asks import DEFAULT_LIMIT, HOLD_MAX_S, LIMIT_MAX, NEEDS_MAX, Ask, Near
from maillage.kernel.calendars import CalendarDocument
from maillage.kernel.capacity import PoolPlan
from maillage.kernel.errors import Invalid
from maillage.kernel.latency import RoundTrip
from maillage.kernel.leases import Lease, LeaseClass, LeaseState, charge_micro
from maillage.kernel.network_paths import Path
from maillage.kernel.policy import Policy
from maillage.kernel.pools import Pool
from maillage.kernel.prefixes import address_of
from maillage.kernel.quantities import from_micro, from_thousandths, to_micro, to_thousandths
from maillage.kernel.sites import AttributeValue, check_position, store_of
from maillage.kernel.times import FOREVER, HORIZON_S, format_end, format_time, parse_time

Quantity = int | float | str
ShortText = Annotated[str, Meta(max_length=64)]
TimeText = Annotated[str, Meta(max_length=64, examples=["2026-12-01T08:00:00Z"])]
NOTICE_MAX_S = 30 * 86_400
KEY_MAX = 255
SEVERAL_MAX = 1_000
"""Sites that one ask may want a lease at."""
Count = Annotated[int, Meta(ge=1, le=SEVERAL_MAX, description="At so many sites near the place, or at none.")]
SiteIds = Annotated[
    list[ShortText], Meta(min_length=1, max_length=SEVERAL_MAX, description="At each of these, or at none.")
]


DeviceAddress = Annotated[str, Meta(max_length=64, description="The device's IP address.", examples=["203.0.113.7"])]


class NearDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place in WGS84 degrees, and how far from it a site may be. A site whose roof serves the device comes first."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    within_km: Annotated[float, Meta(ge=0, le=20_100)] | None = None
    within_ms: Annotated[float, Meta(ge=0, le=10_000)] | None = None
    device: DeviceAddress | UnsetType | None = UNSET


class AskDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lease_class": "class"}):
    """What is wanted. Quantities are decimals in the kind's unit; without a start it is now, without an end open.

    Fields that came after version 0.1 are unset and not null where they are left out: then ``digest_of`` says of a body
    what it said in 0.1, and a key that was granted before an upgrade is known after it.
    """

    needs: Annotated[dict[ShortText, Quantity], Meta(examples=[{"cpu": 4, "memory": 16}])]
    start: TimeText | None = None
    end: TimeText | None = None
    site: ShortText | None = None
    near: NearDocument | None = None
    lease_class: LeaseClass = "firm"
    max_price: Quantity | None = None
    attributes: Annotated[dict[ShortText, AttributeValue], Meta(max_length=16)] | None = None
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] = DEFAULT_LIMIT
    hold_s: Annotated[int, Meta(ge=1, le=HOLD_MAX_S)] | None = None
    count: Count | UnsetType | None = UNSET
    sites: SiteIds | UnsetType | None = UNSET


class LeasePrice(msgspec.Struct, frozen=True):
    """``amount`` for the whole interval (null for an open lease), ``per_hour`` as fixed at the grant."""

    amount: str | None
    per_hour: str
    currency: str


class LeaseDocument(msgspec.Struct, frozen=True, rename={"lease_class": "class"}):
    """A lease as of ``as_of``. ``end`` is null while it is open; once over, the instant at which it stopped."""

    id: str
    tenant: str
    site: str
    needs: dict[str, int | float]
    start: str
    end: str | None
    lease_class: LeaseClass
    state: LeaseState
    hold_until: str | None
    price: LeasePrice
    reason: str | None
    as_of: str


class LeasesGrantedDocument(msgspec.Struct, frozen=True):
    """The leases of an ask for several sites."""

    leases: list[LeaseDocument]


class OfferDocument(msgspec.Struct, frozen=True):
    """A site that could meet the ask as of the list's ``as_of``: a hint, never a promise. ``path`` is there where the
    ask named a device."""

    site: str
    name: str
    lat: float
    lon: float
    distance_km: float | None
    round_trip: RoundTrip | None
    price: LeasePrice
    path: Path | UnsetType = UNSET


class OffersDocument(msgspec.Struct, frozen=True):
    """Offers, nearest first, and why nearer sites were passed over. Before the nearest comes the one that serves the
    device which the ask named, where it can meet the ask."""

    as_of: str
    offers: list[OfferDocument]
    passed_over: dict[str, int]


class CapacityPlanDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """What a pool is to be, from an instant (now, if left out) on."""

    size: Quantity
    since: TimeText | None = None
    notice_s: Annotated[int, Meta(ge=0, le=NOTICE_MAX_S)] = 0
    calendar: CalendarDocument | None = None


class CurvePoint(msgspec.Struct, frozen=True):
    """From ``at`` on so much is committed to house and firm, and so much to all classes."""

    at: str
    committed: int | float
    all: int | float


class CapacityDocument(msgspec.Struct, frozen=True):
    """A pool over a time: ``size`` holds at the start of the curve, ``sizes`` lists planned changes."""

    kind: str
    unit: str
    size: int | float
    sizes: list[tuple[str, int | float]]
    notice_s: int
    calendar: CalendarDocument | None
    curve: list[CurvePoint]


class SiteDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A site to enter: without a time zone it gets the one of its place."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    tz: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    country: Annotated[str, Meta(max_length=2)] = ""
    region: Annotated[str, Meta(max_length=64)] = ""
    attributes: Annotated[dict[ShortText, AttributeValue], Meta(max_length=64)] = {}


class MetersDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a lease really used since the last report, per meter (a name of the reporter's choice)."""

    meters: Annotated[dict[ShortText, Quantity], Meta(min_length=1, max_length=64)]


_canonical = msgspec.json.Encoder(order="deterministic")


def digest_of(document: msgspec.Struct) -> str:
    """What stands for a body: equal for bodies that mean the same, whatever their spaces and order of fields."""
    return blake2b(_canonical.encode(document), digest_size=12).hexdigest()


def ask_of(document: AskDocument, policy: Policy) -> Ask:
    """The ask that a document means; Invalid or UnknownKind naming the field that is wrong."""
    if not 1 <= len(document.needs) <= NEEDS_MAX:
        raise Invalid("needs", f"an ask has 1 to {NEEDS_MAX} kinds, not {len(document.needs)}")
    needs = {}
    for kind, quantity in document.needs.items():
        if kind not in policy.kinds:
            policy.require_kind(kind)
        needs[kind] = to_thousandths(quantity, "needs")
    sites, count = document.sites or None, document.count or None
    if sum(place is not None for place in (document.site, sites, document.near)) != 1:
        raise Invalid("site", "say either a site, or sites, or near a place: one of the three")
    if count is not None and document.near is None:
        raise Invalid("count", "goes with near a place; for several sites by name say sites")
    if sites is not None and len(set(sites)) < len(sites):
        raise Invalid("sites", "names a site twice")
    near = None
    if document.near is not None:
        place = document.near
        check_position(place.lat, place.lon)
        device = _device(place.device) if isinstance(place.device, str) else None
        near = Near(place.lat, place.lon, place.within_km, place.within_ms, device)
    return Ask(
        needs,
        None if document.start is None else parse_time(document.start, "start"),
        FOREVER if document.end is None else parse_time(document.end, "end"),
        document.site,
        near,
        document.lease_class,
        None if document.max_price is None else to_micro(document.max_price, "max_price"),
        document.attributes,
        document.limit,
        document.hold_s,
        count,
        None if sites is None else tuple(sites),
    )


def _device(text: str) -> str:
    try:
        return str(address_of(text))
    except ValueError:
        raise Invalid("near.device", f"{text[:64]!r} is no IP address such as 203.0.113.7 or 2001:db8::7") from None


def plan_of(kind: str, document: CapacityPlanDocument, now: int) -> PoolPlan:
    """The pool plan that a document means."""
    since = None if document.since is None else parse_time(document.since, "from")
    if since is not None and since > now + HORIZON_S:
        raise Invalid("from", "lies more than 50 years ahead")
    size = to_thousandths(document.size, "size", minimum=0)
    return PoolPlan(kind, size, since, document.notice_s, document.calendar)


def price_document(per_hour: int, start: int, end: int, currency: str) -> LeasePrice:
    amount = None if end >= FOREVER else from_micro(charge_micro(per_hour, end - start))
    return LeasePrice(amount, from_micro(per_hour), currency)


def lease_document(lease: Lease, now: int, currency: str) -> LeaseDocument:
    """A lease as it is at this instant; a value that later changes of the lease don't touch."""
    return LeaseDocument(
        lease.id,
        lease.tenant,
        store_of(lease.site),
        {kind: from_thousandths(quantity) for kind, quantity in lease.needs.items()},
        format_time(lease.start),
        format_end(lease.end),
        lease.cls,
        lease.state,
        None if lease.hold_until is None else format_time(lease.hold_until),
        price_document(lease.per_hour, lease.start, lease.end, currency),
        lease.reason or None,
        format_time(now),
    )


def capacity_document(pool: Pool, unit: str, start: int, end: int) -> CapacityDocument:
    """A pool's curve over ``[start, end)``, one point wherever one of its two levels changes."""
    committed = pool.committed.segments(start, end)
    everything = pool.all.segments(start, end)
    instants = sorted({at for at, _, _ in committed} | {at for at, _, _ in everything})
    curve = [
        CurvePoint(
            format_time(at),
            from_thousandths(pool.committed.peak(at, at + 1)),
            from_thousandths(pool.all.peak(at, at + 1)),
        )
        for at in instants
    ]
    sizes = pool.size_segments(start, end)
    return CapacityDocument(
        pool.kind,
        unit,
        from_thousandths(sizes[0][2]),
        [(format_time(at), from_thousandths(size)) for at, _, size in sizes[1:]],
        pool.notice_s,
        None if pool.calendar is None else pool.calendar.document(),
        curve,
    )
