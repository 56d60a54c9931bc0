"""``roof rent`` and ``roof rentroll``: what a roof lease costs over its years, and what rent is to come."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import PAGE_MAX, Api, path
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Bounded, Json, Site, Tenant

YEARS_MAX = 100


def rent(
    amount: Annotated[str, typer.Option("--rent", metavar="AMOUNT", help="A month, in the first year.")],
    escalator: Annotated[
        str | None,
        typer.Option("--escalator", metavar="PERCENT", help="By which it rises; 3 a year or 15 a term if left out."),
    ] = None,
    every: Annotated[Literal["year", "term"], typer.Option("--every", help="How often it rises.")] = "year",
    term_years: Annotated[int, typer.Option("--term-years", help="Length of a term.")] = 5,
    renewals: Annotated[int, typer.Option("--renewals", help="Further terms.")] = 5,
    start: Annotated[
        str | None, typer.Option("--start", metavar="DAY", help="Such as 2027-01-01; today if left out.")
    ] = None,
    rate: Annotated[
        float | None,
        Bounded("--rate", "Also say what it is worth at the start, discounted by this a year.", metavar="PERCENT"),
    ] = None,
    as_json: Json = False,
) -> None:
    """What a lease costs year by year, beside what it would by 3 % a year and by 15 % a term. Needs no chain."""
    import msgspec

    from maillage.services.roof.rent.comparison import USUAL, compare
    from maillage.services.roof.rent.terms import Terms

    terms = Terms(
        rent_per_month=_decimal(amount, "--rent"),
        term_years=term_years,
        renewals=renewals,
        escalator_percent=USUAL[every] if escalator is None else _decimal(escalator, "--escalator"),
        escalator_every=every,
        notice_months=0,
    )
    document = msgspec.to_builtins(compare(terms, _day(start), rate))
    show.emit(document, as_json, _print_comparison)


def rentroll(
    rate: Annotated[float, Bounded("--rate", "Percent a year, effective, to discount at.", metavar="PERCENT")] = 8.0,
    years: Annotated[
        int | None, typer.Option("--years", min=1, max=YEARS_MAX, help="Show so many; all if left out.")
    ] = None,
    prospects: Annotated[bool, typer.Option("--prospects", help="Also leases that are not signed yet.")] = False,
    site: Site = None,
    tenant: Tenant = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Also draw the years.")] = None,
    as_json: Json = False,
) -> None:
    """The rent to come of roof leases, committed and with all renewals, and what it is worth today."""
    if png is not None and not png.parent.is_dir():
        raise own_problem("usage", f"--png: there is no folder {png.parent}")
    wanted = {"rate": rate, "site": site, "tenant": tenant, "prospects": prospects}
    with Api() as api:
        roll = api.call("GET", path("roof-rent-roll"), params={**wanted, "limit": PAGE_MAX})
        while roll["next"] is not None:
            page = {**wanted, "limit": PAGE_MAX, "cursor": roll["next"]}
            following = api.call("GET", path("roof-rent-roll"), params=page)
            roll = {**following, "items": roll["items"] + following["items"]}
    if png is not None:
        _draw(roll, years, png)
    show.emit(roll, as_json, lambda _: _print_roll(roll, years))
    if png is not None and not as_json:
        show.note(f"drawn into {png}")


def _decimal(text: str, option: str) -> Any:
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text[:40]!r} is not a decimal number, such as 12.50", param_hint=option) from None


def _day(text: str | None) -> Any:
    from datetime import UTC, date, datetime

    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is not a day such as 2027-01-01", param_hint="'--start'") from None


def _print_comparison(document: dict[str, Any]) -> None:
    models = document["models"]
    terms = 1 + document["renewals"]
    show.say(
        f"{show.grouped(document['rent_per_month'])} a month from {document['start']} to {document['end']}, "
        f"{terms} term{'' if terms == 1 else 's'} of {document['term_years']} years",
        "bold",
    )
    columns = ["year", "from"]
    for model in models:
        columns += [f"{model['name']}: a month", "in the year"]
    rows = [
        (first["year"], first["start"], *(cell for model in models for cell in _cells(model["years"][number])))
        for number, first in enumerate(models[0]["years"])
    ]
    show.print_table(columns, rows, right=[name for name in columns if name != "from"])
    show.say("")
    show.print_facts((model["name"], f"{show.grouped(model['total'])} in all{_worth(model)}") for model in models)
    if document["rate_percent"] is not None:
        show.say(f"worth at the start, discounted by {document['rate_percent']:g} % a year", "dim")


def _worth(model: dict[str, Any]) -> str:
    return "" if model["present_value"] is None else f", worth {show.grouped(model['present_value'])}"


def _cells(year: dict[str, Any]) -> tuple[str, str]:
    return show.grouped(year["rent_per_month"]), show.grouped(year["rent"])


def _print_roll(roll: dict[str, Any], years: int | None) -> None:
    rows = [
        (
            each["lease"],
            each["tenant"],
            each["site"],
            each["state"],
            show.grouped(each["rent_per_month"]),
            _rise(each["next_escalation"], each["time_zone"]),
            each["notice_by"] and _local_day(each["notice_by"], each["time_zone"]),
            _local_day(each["committed_until"], each["time_zone"]),
            show.grouped(each["committed"]),
            show.grouped(each["with_renewals"]),
        )
        for each in roll["items"]
    ]
    figures = ("committed", "with renewals")
    columns = ("lease", "tenant", "site", "state", "a month", "rises", "notice by", "committed until", *figures)
    show.print_table(columns, rows, ("a month", *figures), "No roof is let.")
    if not rows:
        return
    show.say("")
    _print_years(roll["years"], years)
    show.say("")
    currency, left = roll["currency"], roll["remaining_years"]
    show.print_facts(
        [
            ("leases", f"{len(rows):,}, {show.grouped(roll['rent_per_month'])} {currency} a month"),
            ("years left", None if left is None else f"{left:g}, weighted by rent"),
            ("committed", f"{show.grouped(roll['committed'])} {currency}"),
            ("with renewals", f"{show.grouped(roll['with_renewals'])} {currency}"),
            (
                f"worth now at {roll['rate_percent']:g} %",
                f"{show.grouped(roll['present_value_committed'])} {currency}, with renewals "
                f"{show.grouped(roll['present_value_with_renewals'])} {currency}",
            ),
        ]
    )


def _print_years(years: list[dict[str, Any]], most: int | None) -> None:
    """With ``most`` so many, and in one line what comes later."""
    from decimal import Decimal

    shown, later = years[:most], years[len(years[:most]) :]
    highest = max(float(each["with_renewals"]) for each in shown) if shown else 1.0
    rows: list[tuple[object, ...]] = [
        (
            each["year"],
            show.grouped(each["committed"]),
            show.grouped(each["with_renewals"]),
            show.bar(float(each["with_renewals"]) / highest),
        )
        for each in shown
    ]
    if later:
        sums = [sum(Decimal(each[name]) for each in later) for name in ("committed", "with_renewals")]
        rows.append(("later", *(f"{amount:,}" for amount in sums), ""))
    columns = ("year", "committed", "with renewals", "")
    show.print_table(columns, rows, columns[1:3], "No rent is to come.")


def _rise(escalation: dict[str, Any] | None, zone: str) -> str:
    if escalation is None:
        return ""
    return f"{_local_day(escalation['at'], zone)} to {show.grouped(escalation['rent_per_month'])}"


def _local_day(instant: str, zone: str) -> str:
    """The day that an instant lies in at the store: in UTC its midnight may be the day before."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)).date().isoformat()


def _draw(roll: dict[str, Any], years: int | None, png: Path) -> None:
    from maillage.faces.cli.roof_rent_picture import Bar, picture

    if not roll["years"]:
        raise own_problem("usage", "--png: no rent is to come, so there is nothing to draw")
    bars = [Bar(str(each["year"]), float(each["committed"]), float(each["with_renewals"])) for each in roll["years"]]
    picture(png, f"Roof rent by year, {roll['currency']}, as of {roll['as_of'][:10]}", bars[:years])
