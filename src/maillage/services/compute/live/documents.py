"""Sessions as they come in and go out."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from maillage.kernel.asks import Ask
from maillage.kernel.documents import AskDocument, NearDocument, Quantity, ShortText, TimeText, ask_of
from maillage.kernel.errors import Invalid
from maillage.kernel.geo import unit_vector
from maillage.kernel.latency import ACCESS_MS, reach_km
from maillage.kernel.leases import LeaseClass
from maillage.kernel.policy import Policy
from maillage.kernel.quantities import from_micro, from_thousandths
from maillage.kernel.sites import Site
from maillage.kernel.times import format_time, parse_time
from maillage.services.compute.deployment_documents import AppId, PointDocument, VersionText
from maillage.services.compute.follow.policy import Rules
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.follow.sessions import Report, check_device
from maillage.services.compute.follow.stores import km_between
from maillage.services.compute.live.model import Plan
from maillage.services.compute.model import Health, InstanceState, InstanceStatus, RestartPolicy, Settings, Version
from maillage.services.compute.settings_documents import SettingsFields

POSITIONS_MAX = 1_000
AHEAD_S = 60
"""How far a device's clock may be ahead of ours."""


class PositionDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a device was, in WGS84 degrees, and when by its own clock; without ``at`` it is there now."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    at: TimeText | None = None


class PositionsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device reports: the oldest position first. Where the session should be is decided for the last."""

    positions: Annotated[list[PositionDocument], Meta(min_length=1, max_length=POSITIONS_MAX)]


class NewSession(SettingsFields, frozen=True, kw_only=True, rename={"lease_class": "class"}):
    """``device`` is the tenant's own name for what moves; it has one session of an app at a time. The bound is the
    tighter of ``within_km`` and ``within_ms``, 25 km where there is neither."""

    app: AppId
    version: VersionText = "latest"
    device: ShortText
    position: PointDocument
    needs: Annotated[dict[ShortText, Quantity], Meta(examples=[{"cpu": 0.5, "memory": 0.25}])]
    within_km: Annotated[float, Meta(gt=0, le=20_100)] | None = None
    within_ms: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    lease_class: LeaseClass = "firm"
    max_price: Quantity | None = None
    hysteresis_km: Annotated[float, Meta(ge=0, le=1_000)] = Rules().hysteresis_km
    dwell_s: Annotated[int, Meta(ge=0, le=86_400)] = Rules().dwell_s
    silence_s: Annotated[int, Meta(ge=10, le=86_400)] = Rules().silence_s


class SessionDocument(msgspec.Struct, frozen=True, rename={"lease_class": "class"}):
    """A session: what was asked, and where it is. ``instance`` is the id of its instance and of the lease under it,
    ``site`` the store since ``since``; null while no store has room for it, and ``state`` is ``waiting`` then.
    ``position`` is the last that was reported, ``distance_km`` how far the store is from it, null where this server
    has heard of none since it started. ``address`` takes requests that name the session."""

    id: str
    app: str
    tenant: str
    device: str
    version: str
    state: InstanceState | Literal["waiting"]
    detail: str | None
    instance: str | None
    site: str | None
    since: str | None
    address: str
    position: PositionDocument | None
    distance_km: float | None
    created_at: str
    needs: dict[str, int | float]
    lease_class: LeaseClass
    max_price: str | None
    within_km: float | None
    within_ms: float | None
    hysteresis_km: float
    dwell_s: int
    silence_s: int
    config: dict[str, str]
    outbound: list[str]
    health: Health
    restart: RestartPolicy
    grace_s: float
    request_s: float
    port: int
    public: bool


def ask_for(document: NewSession, policy: Policy) -> Ask:
    """What is to be leased for a session, near where it begins; Invalid or UnknownKind naming the field that is
    wrong."""
    check_device(document.device)
    if document.within_ms is not None and reach_km(document.within_ms) <= 0:
        raise Invalid(
            "within_ms", f"the way to a store next door is taken to be {ACCESS_MS:g} ms; more than that works"
        )
    within_km = document.within_km
    if within_km is None and document.within_ms is None:
        within_km = Rules().bound_km
    near = NearDocument(document.position.lat, document.position.lon, within_km, document.within_ms)
    return ask_of(
        AskDocument(needs=document.needs, near=near, lease_class=document.lease_class, max_price=document.max_price),
        policy,
    )


def plan_of(
    document: NewSession, ask: Ask, plan_id: str, tenant: str, version: Version, settings: Settings, now: int
) -> Plan:
    """What was asked, as it is kept. ``ask`` is what ``ask_for`` made of it."""
    if ask.near is None:
        raise ValueError("a session is asked for near a place")
    return Plan(
        plan_id,
        tenant,
        version.app,
        document.device,
        version.digest,
        version.kind,
        version.reference,
        ask.needs,
        ask.cls,
        ask.max_price,
        settings,
        ask.near.within_km,
        ask.near.within_ms,
        document.hysteresis_km,
        document.dwell_s,
        document.silence_s,
        now,
    )


def reports_of(document: PositionsDocument, now: int, silence_s: int) -> list[Report]:
    """The reports that a document means. Invalid where their instants are not in order, or can't be from a device whose
    session goes on."""
    reports: list[Report] = []
    for number, position in enumerate(document.positions):
        field = f"positions[{number}].at"
        if position.at is None and number < len(document.positions) - 1:
            raise Invalid(field, "say when that was; only the last position may leave it out, and is of now then")
        t = now if position.at is None else parse_time(position.at, field)
        if not now - silence_s <= t <= now + AHEAD_S:
            raise Invalid(
                field,
                f"{format_time(t)} is not within {silence_s} s before and {AHEAD_S} s after our time, "
                f"{format_time(now)}; where the device's clock is wrong, send one position without it",
            )
        if reports and t <= reports[-1].t:
            raise Invalid(field, f"{format_time(t)} is not after the position before; send the oldest first")
        reports.append(Report(t, position.lat, position.lon))
    return reports


def session_document(
    plan: Plan, session: Session | None, status: InstanceStatus | None, last: Report | None, site: Site | None
) -> SessionDocument:
    """``status`` is its instance's, ``last`` what its device reported last, ``site`` the store where it is."""
    placed = session is not None and bool(session.lease)
    settings = plan.settings
    return SessionDocument(
        plan.id,
        plan.app,
        plan.tenant,
        plan.device,
        plan.digest,
        ("unknown" if status is None else status.state) if placed else "waiting",
        status.detail or None if placed and status is not None else None,
        session.lease if session is not None and placed else None,
        session.site if session is not None and placed else None,
        format_time(session.since) if session is not None and placed else None,
        f"/run/{plan.app}/",
        None if last is None else PositionDocument(last.lat, last.lon, format_time(last.t)),
        _distance_km(last, site) if placed else None,
        format_time(plan.created_at),
        {kind: from_thousandths(quantity) for kind, quantity in plan.needs.items()},
        plan.lease_class,
        None if plan.max_price is None else from_micro(plan.max_price),
        plan.within_km,
        plan.within_ms,
        plan.hysteresis_km,
        plan.dwell_s,
        plan.silence_s,
        settings.config,
        settings.outbound,
        settings.health,
        settings.restart,
        settings.grace_s,
        settings.request_s,
        settings.port,
        settings.public,
    )


def _distance_km(last: Report | None, site: Site | None) -> float | None:
    if last is None or site is None:
        return None
    return round(km_between(unit_vector(last.lat, last.lon), unit_vector(site.lat, site.lon)), 3)


def page_of(plans: Sequence[Plan], after: str | None, limit: int) -> tuple[list[Plan], str | None]:
    """Those behind the one with the id ``after``, at most ``limit``; and the id to go on from."""
    if after is not None:
        ids = [plan.id for plan in plans]
        if after not in ids:
            raise Invalid("cursor", "is not one that this list gave for these filters, or that one is gone")
        plans = plans[ids.index(after) + 1 :]
    some = list(plans[:limit])
    return some, some[-1].id if len(plans) > limit else None
