"""``find`` and ``lease``: who could give it, and having it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import counts
from maillage.faces.cli.options import (
    HOURS_MAX,
    LIMIT_DEFAULT,
    All,
    Bounded,
    Cursor,
    End,
    IdempotencyKey,
    Json,
    Limit,
    Near,
    Site,
    Start,
    Tenant,
    parse_attributes,
    parse_needs,
    parse_place,
)

app = typer.Typer(no_args_is_help=True, help="Leases: create, list, show, confirm, extend, release.")

LAST_INSTANT = 253_402_300_799
"""9999-12-31T23:59:59Z, the last that can be written."""

LeaseClass = Literal["house", "firm", "spot"]
LeaseState = Literal["held", "confirmed", "ended", "released", "reclaimed", "expired"]

LeaseId = Annotated[str, typer.Argument(metavar="ID")]
Need = Annotated[
    list[str], typer.Option("--need", metavar="KIND=QUANTITY", help="What is needed, such as cpu=4; repeat for more.")
]
AskSite = Annotated[str | None, typer.Option("--site", metavar="ID", help="At this site, instead of near a place.")]
AskSites = Annotated[
    list[str] | None,
    typer.Option("--site", metavar="ID", help="At this site, instead of near a place; repeat for a lease at each."),
]
Count = Annotated[
    int | None, typer.Option("--count", min=1, max=1_000, help="A lease at each of so many sites near the place.")
]
WithinKm = Annotated[
    float | None, Bounded("--within-km", "Not further from the place, on the ground.", min=0, metavar="KM")
]
WithinMs = Annotated[
    float | None, Bounded("--within-ms", "Not further from the place, as a round trip.", min=0, metavar="MS")
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="IP", help="The device at the place: the site whose roof serves it comes first."),
]
Hours = Annotated[float | None, Bounded("--hours", "For so long, instead of an end.", metavar="N")]
Class = Annotated[LeaseClass, typer.Option("--class", help="house before firm before spot.")]
MaxPrice = Annotated[
    str | None, typer.Option("--max-price", metavar="AMOUNT", help="For the whole, or an hour of an open lease.")
]
Attribute = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute", metavar="NAME=VALUE", help="Only sites like this, such as has_clinic=true; repeatable."
    ),
]


def find(
    need: Need,
    near: Near = None,
    site: AskSite = None,
    within_km: WithinKm = None,
    within_ms: WithinMs = None,
    device: Device = None,
    start: Start = None,
    end: End = None,
    hours: Hours = None,
    lease_class: Class = "firm",
    max_price: MaxPrice = None,
    attribute: Attribute = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Offers to show.")] = 5,
    as_json: Json = False,
) -> None:
    """Who could meet an ask now: a hint, never a promise."""
    sites = [] if site is None else [site]
    ask = _ask(need, near, sites, within_km, within_ms, device, start, end, hours, lease_class, max_price, attribute)
    with Api() as api:
        answer = api.call("POST", path("offers"), json={**ask, "limit": limit})
    show.emit(answer, as_json, _print_offers)


@app.command("create")
def create(
    need: Need,
    near: Near = None,
    site: AskSites = None,
    count: Count = None,
    within_km: WithinKm = None,
    within_ms: WithinMs = None,
    device: Device = None,
    start: Start = None,
    end: End = None,
    hours: Hours = None,
    lease_class: Class = "firm",
    max_price: MaxPrice = None,
    attribute: Attribute = None,
    hold_s: Annotated[
        int | None, typer.Option("--hold-s", min=1, help="Hold it for so many seconds, to be confirmed within them.")
    ] = None,
    key: IdempotencyKey = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, max=100, help="As for find; changes nothing.")] = None,
    as_json: Json = False,
) -> None:
    """Lease all needs at one site, or nothing; with --count or several --site at each of them, or at none.

    Without --end or --hours it runs until released.
    """
    place = near, site or [], within_km, within_ms, device
    ask = _ask(need, *place, start, end, hours, lease_class, max_price, attribute)
    if count is not None:
        if near is None:
            raise typer.BadParameter(
                "goes with --near; for several sites by name repeat --site", param_hint="'--count'"
            )
        ask["count"] = count
    if hold_s is not None:
        ask["hold_s"] = hold_s
    if limit is not None:
        ask["limit"] = limit
    headers = {} if key is None else {"Idempotency-Key": key}
    with Api() as api:
        answer = api.call("POST", path("leases"), json=ask, headers=headers)
    show.emit(answer, as_json, _print_granted)


@app.command("list")
def list_leases(
    site: Site = None,
    state: Annotated[LeaseState | None, typer.Option("--state", help="Only leases in this state.")] = None,
    tenant: Tenant = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Leases, in order of grant."""
    wanted = {"site": site, "state": state, "tenant": tenant}
    with Api() as api:
        answer = api.page(path("leases"), wanted, limit, cursor, everything)
    show.emit(answer, as_json, _print_leases)


@app.command("show")
def show_lease(lease: LeaseId, as_json: Json = False) -> None:
    """One lease, as it is now."""
    with Api() as api:
        answer = api.call("GET", path("leases", lease))
    show.emit(answer, as_json, _print_lease)


@app.command("confirm")
def confirm(lease: LeaseId, as_json: Json = False) -> None:
    """Make a held lease a confirmed one."""
    _move(lease, "confirm", None, as_json)


@app.command("extend")
def extend(
    lease: LeaseId,
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="The later end, RFC 3339.")] = None,
    open_end: Annotated[bool, typer.Option("--open", help="No end: until released.")] = False,
    as_json: Json = False,
) -> None:
    """Move the end of a lease later."""
    if (end is None) != open_end:
        raise typer.BadParameter("give either the later end or --open", param_hint="'--end'")
    _move(lease, "extend", {"end": end}, as_json)


@app.command("release")
def release(lease: LeaseId, as_json: Json = False) -> None:
    """Give a lease back as of now."""
    _move(lease, "release", None, as_json)


def _move(lease: str, step: str, body: dict[str, Any] | None, as_json: bool) -> None:
    with Api() as api:
        answer = api.call("POST", path("leases", lease, step), json=body)
    show.emit(answer, as_json, _print_lease)


def _ask(
    need: list[str],
    near: str | None,
    sites: list[str],
    within_km: float | None,
    within_ms: float | None,
    device: str | None,
    start: str | None,
    end: str | None,
    hours: float | None,
    lease_class: str,
    max_price: str | None,
    attribute: list[str] | None,
) -> dict[str, Any]:
    """The ask as the API takes it."""
    if (near is None) == (not sites):
        raise typer.BadParameter("say either --near a place or --site, one of them", param_hint="'--near'")
    if len(set(sites)) < len(sites):
        raise typer.BadParameter("names a site twice; it gives one lease", param_hint="'--site'")
    about = {"within_km": within_km, "within_ms": within_ms, "device": device}
    said = {name: value for name, value in about.items() if value is not None}
    if near is None and said:
        raise typer.BadParameter("--within-km, --within-ms and --device go with --near", param_hint="'--site'")
    if hours is not None and end is not None:
        raise typer.BadParameter("give either --end or --hours", param_hint="'--hours'")
    if hours is not None and not 0 < hours <= HOURS_MAX:
        raise typer.BadParameter("is more than 0, and no more than 50 years have", param_hint="'--hours'")
    ask: dict[str, Any] = {"needs": parse_needs(need), "class": lease_class}
    if near is not None:
        lat, lon = parse_place(near)
        ask["near"] = {"lat": lat, "lon": lon, **said}
    more = {
        "site": sites[0] if len(sites) == 1 else None,
        "sites": sites if len(sites) > 1 else None,
        "start": start,
        "end": end if hours is None else _end(start, hours),
        "max_price": max_price,
        "attributes": parse_attributes(attribute) if attribute else None,
    }
    return ask | {name: value for name, value in more.items() if value is not None}


def _end(start: str | None, hours: float) -> str:
    from maillage.kernel.times import format_time, parse_time

    first = int(datetime.now(UTC).timestamp()) if start is None else parse_time(start, "start")
    last = first + max(round(hours * 3_600), 1)
    if last > LAST_INSTANT:
        raise typer.BadParameter("leads beyond the year 9999", param_hint="'--hours'")
    return format_time(last)


def _print_offers(answer: dict[str, Any]) -> None:
    rows = []
    routed = any("path" in offer for offer in answer["offers"][:1])
    for offer in answer["offers"]:
        km, trip = offer["distance_km"], offer["round_trip"]
        rows.append(
            (
                offer["site"],
                offer["name"],
                "" if km is None else f"{km:.3f}",
                "" if trip is None else f"{trip['ms']:.2f} {_basis(trip)}",
                offer["price"]["per_hour"],
                offer["price"]["amount"],
                offer["price"]["currency"],
                *((offer["path"]["basis"],) if routed else ()),
            )
        )
    columns = ("site", "name", "km", "round trip ms", "an hour", "in all", "", *(("path",) if routed else ()))
    show.print_table(columns, rows, ("km", "an hour", "in all"), "No site can meet this ask.")
    if routed:
        show.say(f"path: {answer['offers'][0]['path']['reason']}", "dim")
    if answer["passed_over"]:
        show.say(f"passed over: {counts(answer['passed_over'])}", "dim")
    show.note(f"As of {answer['as_of']}: a hint that nobody keeps for you; 'maillage lease create' makes it yours.")


def _basis(trip: dict[str, Any]) -> str:
    return "/".join(sorted({part["basis"] for part in trip["parts"]}))


def _print_leases(answer: dict[str, Any]) -> None:
    rows = [
        (
            lease["id"],
            lease["tenant"],
            show.needs_text(lease["needs"]),
            lease["start"],
            lease["end"] or "open",
            lease["class"],
            lease["state"],
            show.money(lease["price"]),
        )
        for lease in answer["items"]
    ]
    columns = ("id", "tenant", "needs", "start", "end", "class", "state", "price")
    show.print_table(columns, rows, ("price",), "No leases.")
    show.note_more(answer)


def _print_granted(answer: dict[str, Any]) -> None:
    """A lease, or the several of an ask for several sites."""
    if "leases" in answer:
        _print_leases({"items": answer["leases"], "next": None})
    else:
        _print_lease(answer)


def _print_lease(lease: dict[str, Any]) -> None:
    price = lease["price"]
    show.print_facts(
        [
            ("lease", lease["id"]),
            ("state", lease["state"] + (f", {lease['reason']}" if lease["reason"] else "")),
            ("hold until", lease["hold_until"]),
            ("site", lease["site"]),
            ("tenant", lease["tenant"]),
            ("needs", show.needs_text(lease["needs"])),
            ("class", lease["class"]),
            ("start", lease["start"]),
            ("end", lease["end"] or "open: until released"),
            ("an hour", f"{price['per_hour']} {price['currency']}"),
            ("in all", None if price["amount"] is None else f"{price['amount']} {price['currency']}"),
        ]
    )
