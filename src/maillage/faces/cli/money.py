"""``usage``, ``invoice`` and ``price``: what was used, what is owed, and by which prices."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, End, Json, Limit, Site, Tenant

price_app = typer.Typer(no_args_is_help=True, help="The price book: show, set.")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def usage(
    start: Annotated[
        str | None, typer.Option("--start", metavar="TIME", help="RFC 3339; the first of this month if left out.")
    ] = None,
    end: End = None,
    tenant: Tenant = None,
    site: Site = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """What leases reserved, and were measured to use, within a time."""
    wanted = {"start": start, "end": end, "tenant": tenant, "site": site}
    with Api() as api:
        answer = api.page(path("usage"), wanted, limit, cursor, everything)
    show.emit(answer, as_json, _print_usage)


def invoice(
    month: Annotated[str | None, typer.Argument(metavar="[YYYY-MM]", help="This month (UTC) if left out.")] = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """What is owed for a month; an operator sees all tenants."""
    month = month or datetime.now(UTC).strftime("%Y-%m")
    with Api() as api:
        answer = api.call("GET", path("invoices", month), params={"tenant": tenant})
    show.emit(answer, as_json, _print_invoices)


@price_app.command("show")
def show_prices(as_json: Json = False) -> None:
    """The price book; with --json it can be changed and set again."""
    with Api() as api:
        answer = api.call("GET", path("prices"))
    show.emit(answer, as_json, _print_book)


@price_app.command("set")
def set_prices(file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON.")], as_json: Json = False) -> None:
    """Replace the price book for leases granted from now on."""
    from maillage.kernel.files import open_data_file

    with open_data_file(file) as stream:
        body = stream.read()
    with Api() as api:
        answer = api.call("PUT", path("prices"), content=body, headers={"Content-Type": "application/json"})
    show.emit(answer, as_json, _print_book)


def _print_usage(answer: dict[str, Any]) -> None:
    lines = answer["items"]
    rows = [
        (
            line["lease"],
            line["tenant"],
            line["class"],
            line["state"],
            f"{line['seconds'] / 3_600:,.2f}",
            show.needs_text({kind: round(amount, 2) for kind, amount in line["reserved"].items()}),
            show.needs_text(line["measured"]),
            line["amount"],
        )
        for line in lines
    ]
    columns = ("lease", "tenant", "class", "state", "hours", "reserved unit-hours", "measured", "amount")
    show.print_table(columns, rows, ("hours", "amount"), "Nothing was used in that time.")
    if lines:
        show.say(f"{len(lines):,} leases, {sum(Decimal(line['amount']) for line in lines):,} in all", "bold")
    show.note_more(answer)


def _print_invoices(answer: dict[str, Any]) -> None:
    invoices = answer.get("items", [answer])
    owing = [one for one in invoices if one["lines"]]
    if "items" in answer and len(owing) != 1:
        rows = [
            (
                one["tenant"],
                one["month"],
                one["status"],
                len(one["lines"]),
                one["amount"],
                one["credit"],
                one["total"],
                one["currency"],
            )
            for one in invoices
        ]
        columns = ("tenant", "month", "status", "leases", "amount", "credit", "total", "")
        show.print_table(columns, rows, ("leases", "amount", "credit", "total"), "No tenants.")
        show.note("--tenant ID shows the lines of one.")
        return
    for one in owing or invoices:
        _print_invoice(one)


def _print_invoice(one: dict[str, Any]) -> None:
    show.say(f"{one['tenant']}, {one['month']} ({one['status']})", "bold")
    rows = [
        (
            line["lease"],
            line["class"],
            line["state"],
            show.needs_text(line["needs"]),
            f"{line['seconds'] / 3_600:,.2f}",
            line["per_hour"],
            line["amount"],
            line["credit"],
        )
        for line in one["lines"]
    ]
    columns = ("lease", "class", "state", "needs", "hours", "an hour", "amount", "credit")
    show.print_table(columns, rows, ("hours", "an hour", "amount", "credit"), "Nothing is owed.")
    once = [
        (line["lease"], each["line"], each["at"], each["amount"]) for line in one["lines"] for each in line["charges"]
    ]
    if once:
        show.say("")
        show.print_table(("lease", "of the amount, charged once for", "at", "amount "), once, right=("amount ",))
    measured = [(line["lease"], show.needs_text(line["measured"])) for line in one["lines"] if line["measured"]]
    if measured:
        show.say("")
        show.print_table(("lease", "measured in the month"), measured)
        show.say("")
    show.say(f"{one['amount']} less {one['credit']} credit: {one['total']} {one['currency']}", "bold")


def _print_book(book: dict[str, Any]) -> None:
    rows = [
        (
            entry["kind"],
            entry.get("class", "firm"),
            entry["per_unit_hour"],
            f"site {entry['site']}" if entry.get("site") else entry.get("region") or "everywhere",
            ", ".join(f"{_hour(first)} to {_hour(beyond)}" for first, beyond in entry.get("hours", [])) or "always",
        )
        for entry in book["entries"]
    ]
    columns = ("kind", "class", f"{book['currency']} per unit and hour", "where", "when")
    show.print_table(columns, rows, columns[2:3], "No prices: everything is free.")
    show.say(f"the last {book['reclaim_credit_s']} s of a reclaimed lease are given back", "dim")


def _hour(hour_of_week: int) -> str:
    """``Mon 17:00``; the end of the week is ``Sun 24:00``."""
    day, hour = divmod(hour_of_week, 24)
    return f"{DAYS[day]} {hour:02d}:00" if day < 7 else "Sun 24:00"
