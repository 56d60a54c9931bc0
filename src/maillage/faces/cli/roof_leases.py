"""``roof lease``: from an inquiry to the day when the roof is as it was."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import (
    LIMIT_DEFAULT,
    All,
    Bounded,
    Cursor,
    Json,
    Limit,
    Site,
    Tenant,
    parse_needs,
)

app = typer.Typer(no_args_is_help=True, help="Roof leases: inquire, apply, sign, be on air, end.")

LeaseId = Annotated[str, typer.Argument(metavar="LEASE")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What is to be remembered of it.")]
Rent = Annotated[str | None, typer.Option("--rent", metavar="AMOUNT", help="A month, in the first year.")]
TermYears = Annotated[int, typer.Option("--term-years", help="Length of a term.")]
Renewals = Annotated[int, typer.Option("--renewals", help="Further terms.")]
Escalator = Annotated[str, typer.Option("--escalator", metavar="PERCENT", help="By which the rent rises.")]
Every = Annotated[Literal["year", "term"], typer.Option("--every", help="How often it rises.")]
NoticeMonths = Annotated[int, typer.Option("--notice-months", help="Before the end of a term.")]
EarlyMonths = Annotated[
    int, typer.Option("--early-termination-months", help="Of rent, for ending before a term is over.")
]
ANTENNA = "MOUNT,BAND,EIRP,HEIGHT,WEIGHT,WIND[,AZIMUTH[,TILT]]"
_FIGURES = ("eirp_dbm", "height_m", "weight_kg", "wind_area_m2", "azimuth_deg", "tilt_deg")


@app.command()
def inquire(
    site: Annotated[str, typer.Argument(metavar="SITE")],
    antenna: Annotated[
        list[str],
        typer.Option(
            "--antenna", metavar=ANTENNA, help="In dBm, m, kg, m2, degrees: m1,n78,68,0.9,40,0.4,120; repeat for more."
        ),
    ],
    start: Annotated[str, typer.Option("--start", metavar="DAY", help="At the site, such as 2027-01-01.")],
    need: Annotated[
        list[str] | None,
        typer.Option("--need", metavar="KIND=QUANTITY", help="Besides, such as roof_power=2; repeat for more."),
    ] = None,
    rent: Rent = None,
    term_years: TermYears = 5,
    renewals: Renewals = 5,
    escalator: Escalator = "3",
    every: Every = "year",
    notice_months: NoticeMonths = 12,
    early_termination_months: EarlyMonths = 12,
    exclusion_zone: Annotated[
        float | None, Bounded("--exclusion-zone", "Nobody nearer; from the power if left out.", metavar="M")
    ] = None,
    clause: Annotated[
        str | None,
        typer.Option("--interference-clause", metavar="TEXT", help="In the place of first in time."),
    ] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="ID", help="For whom an operator inquires.")] = None,
    as_json: Json = False,
) -> None:
    """Inquire about mounts on a roof. The rent is what the chain asks, unless another is offered."""
    antennas = [_antenna(text) for text in antenna]
    wanted = {
        "site": site,
        "start": start,
        "mounts": list(dict.fromkeys(each["mount"] for each in antennas)),
        "antennas": antennas,
        "needs": parse_needs(need or []),
        "terms": {
            "rent_per_month": rent,
            "term_years": term_years,
            "renewals": renewals,
            "escalator_percent": escalator,
            "escalator_every": every,
            "notice_months": notice_months,
            "early_termination_months": early_termination_months,
        },
        "exclusion_zone_m": exclusion_zone,
        "interference_clause": clause,
        "tenant": tenant,
    }
    with Api() as api:
        found = api.call("POST", path("roof-leases"), json=wanted)
    show.emit(found, as_json, _print_lease)


@app.command("list")
def list_leases(
    site: Site = None,
    tenant: Tenant = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """List roof leases, the newest first."""
    params = {"site": site, "tenant": tenant, "state": state}
    with Api() as api:
        found = api.page(path("roof-leases"), params, limit, cursor, everything)
    show.emit(found, as_json, _print_leases)


@app.command("show")
def show_lease(lease: LeaseId, as_json: Json = False) -> None:
    """Show a roof lease: what is next and whose turn it is, what is due, what was done."""
    with Api() as api:
        found = api.call("GET", path("roof-leases", lease))
    show.emit(found, as_json, _print_lease)


@app.command()
def apply(lease: LeaseId, as_json: Json = False) -> None:
    """Have all that a lease needs granted as one, for the whole time (the tenant)."""
    _move(lease, "apply", None, as_json)


@app.command()
def review(lease: LeaseId, note: Note = "", as_json: Json = False) -> None:
    """Begin the structural review (an operator)."""
    _move(lease, "review", {"note": note}, as_json)


@app.command()
def approve(lease: LeaseId, note: Note = "", as_json: Json = False) -> None:
    """Say that the structure bears it; takes a structural_certificate (an operator)."""
    _move(lease, "approve", {"note": note}, as_json)


@app.command()
def sign(
    lease: LeaseId,
    rent: Annotated[
        str | None, typer.Option("--rent", metavar="AMOUNT", help="A month, where another was agreed than asked for.")
    ] = None,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Enter that a lease was signed; takes a permit and an agreement (an operator)."""
    with Api() as api:
        wanted: dict[str, Any] = {"note": note}
        if rent is not None:
            wanted["terms"] = {**api.call("GET", path("roof-leases", lease))["terms"], "rent_per_month": rent}
        found = api.call("POST", path("roof-leases", lease, "sign"), json=wanted)
    show.emit(found, as_json, _print_lease)


@app.command("on-air")
def on_air(lease: LeaseId, note: Note = "", as_json: Json = False) -> None:
    """Say that the antennas radiate (the tenant)."""
    _move(lease, "on-air", {"note": note}, as_json)


@app.command()
def notice(
    lease: LeaseId,
    ends: Annotated[
        str | None,
        typer.Option("--ends", metavar="DAY|TIME", help="The end of a rent month, before the term is over: at a fee."),
    ] = None,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Give notice for the end of the first term that it is in time for, or for sooner (the tenant, an operator)."""
    _move(lease, "notice", {"ends": ends, "note": note}, as_json)


@app.command()
def decommission(lease: LeaseId, note: Note = "", as_json: Json = False) -> None:
    """Say that the antennas are gone, and what was restored (the tenant, an operator)."""
    _move(lease, "decommission", {"note": note}, as_json)


@app.command()
def withdraw(lease: LeaseId, note: Note = "", as_json: Json = False) -> None:
    """Withdraw a lease that was not signed (the tenant)."""
    _move(lease, "withdraw", {"note": note}, as_json)


@app.command()
def decline(
    lease: LeaseId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the tenant sees it.")],
    as_json: Json = False,
) -> None:
    """Decline a lease that was not signed (an operator)."""
    _move(lease, "decline", {"note": reason}, as_json)


@app.command()
def attach(
    lease: LeaseId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of any type, up to 1 MiB.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="structural_certificate, permit, agreement, or another word.")
    ],
    media_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Such as application/pdf; by its name if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Attach a document to a roof lease."""
    import mimetypes

    if not file.is_file():
        raise own_problem("usage", f"there is no file {file}")
    sent_as = media_type or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    with Api() as api:
        found = api.call(
            "POST",
            path("roof-leases", lease, "documents"),
            content=file,
            params={"kind": kind, "name": file.name},
            headers={"Content-Type": sent_as},
        )
    show.emit(found, as_json, lambda each: show.say(f"{each['id']}: {each['name']}, {each['size_bytes']:,} bytes"))


@app.command()
def document(
    lease: LeaseId,
    paper: Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id; 'show' lists them.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    as_json: Json = False,
) -> None:
    """Fetch a document of a roof lease, as it was sent."""
    if not out.parent.is_dir():
        raise own_problem("usage", f"--out: there is no folder {out.parent}")
    with Api() as api:
        body = api.send("GET", path("roof-leases", lease, "documents", paper), None, {}).body
    out.write_bytes(body)
    found = {"lease": lease, "id": paper, "file": str(out), "size_bytes": len(body)}
    show.emit(found, as_json, lambda each: show.say(f"{each['file']}: {each['size_bytes']:,} bytes"))


@app.command()
def networks(
    lease: LeaseId,
    network: Annotated[
        list[str] | None, typer.Argument(metavar="NETWORK...", help="Such as 203.0.113.0/24; none for none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whose addresses a roof serves: these ranges and no others (the tenant, an operator)."""
    with Api() as api:
        found = api.call(
            "PUT", path("roof-leases", lease, "subscriber-networks"), json={"networks": list(network or ())}
        )
    show.emit(found, as_json, _print_lease)


@app.command()
def rent(lease: LeaseId, as_json: Json = False) -> None:
    """Show what a roof lease costs, month by month."""
    with Api() as api:
        found = api.call("GET", path("roof-leases", lease, "rent"))
    show.emit(found, as_json, _print_rent)


def _move(lease: str, act: str, body: dict[str, Any] | None, as_json: bool) -> None:
    with Api() as api:
        found = api.call("POST", path("roof-leases", lease, act), json=body)
    show.emit(found, as_json, _print_lease)


def _antenna(text: str) -> dict[str, Any]:
    import math

    mount, _, rest = text.partition(",")
    band, _, figures = rest.partition(",")
    try:
        numbers = [float(part) for part in figures.split(",")]
    except ValueError:
        numbers = []
    if not (4 <= len(numbers) <= len(_FIGURES) and all(map(math.isfinite, numbers)) and mount.strip() and band.strip()):
        raise typer.BadParameter(f"{text[:60]!r} is not {ANTENNA}", param_hint="'--antenna'")
    return {"mount": mount.strip(), "band": band.strip(), **dict(zip(_FIGURES, numbers, strict=False))}


def _print_leases(found: dict[str, Any]) -> None:
    rows = [
        (
            each["id"],
            each["tenant"],
            each["site"],
            ", ".join(each["mounts"]),
            each["state"],
            each["terms"]["rent_per_month"],
            each["start"][:10],
            _due(each),
        )
        for each in found["items"]
    ]
    columns = ("lease", "tenant", "site", "mounts", "state", "a month", "start", "due")
    show.print_table(columns, rows, right=("a month",), empty="There is none.")
    show.note_more(found)


def _due(lease: dict[str, Any]) -> str | None:
    return f"{lease['due'][0]['what']} {lease['due'][0]['at'][:10]}" if lease["due"] else None


def _print_lease(lease: dict[str, Any]) -> None:
    mounts = ", ".join(lease["mounts"])
    show.say(f"{lease['id']}: {mounts} of {lease['site']} for {lease['tenant']}, {lease['state']}", "bold")
    terms = lease["terms"]
    rises = f"{terms['escalator_percent']} % more every {terms['escalator_every']}"
    load = "" if lease["load"] == "leased" else "; the weight is for a person to judge"
    show.print_facts(
        [
            ("needs", show.needs_text(lease["needs"]) + load),
            ("lease", lease["lease"]),
            ("rent", f"{terms['rent_per_month']} a month, {rises}"),
            ("runs", f"{lease['start'][:10]} to {lease['runs_until'][:10]}, with all renewals"),
            ("ends", lease["ends"] and f"{lease['ends'][:10]}, fee {lease['fee']}"),
            ("rent paid until", lease["rent_paid_until"] and lease["rent_paid_until"][:10]),
            ("exclusion zone", f"{lease['exclusion_zone_m']:g} m"),
            ("serves", ", ".join(lease["subscriber_networks"]) or None),
        ]
    )
    for due in lease["due"]:
        show.say(f"  {due['at'][:10]}  {due['what'].replace('_', ' ')}")
    if lease["documents"]:
        rows = [(each["id"], each["kind"], each["name"], each["by"]) for each in lease["documents"]]
        show.print_table(("document", "kind", "name", "by"), rows)
    if lease["next"]:
        steps = [(each["act"], " or ".join(each["by"]), ", ".join(each["missing"])) for each in lease["next"]]
        show.print_table(("next", "by", "lacks"), steps)
    history = [(each["at"], each["by"], each["act"], each["note"]) for each in lease["history"]]
    show.print_table(("at", "by", "did", "note"), history)


def _print_rent(found: dict[str, Any]) -> None:
    rows = [
        (each["from"], each["to"], each["amount"], "charged" if each["charged"] else None) for each in found["periods"]
    ]
    show.print_table(("from", "to", "rent", ""), rows, right=("rent",))
    fee = "" if float(found["fee"]) == 0 else f", with a fee of {found['fee']}"
    show.say(f"{found['total']} {found['currency']} until {found['ends'][:10]}{fee}", "bold")
