"""A demo's report for people who would rather look: a map, and a table for each question."""

from rich.console import Console
from rich.table import Table

from maillage.demo.braille import scatter
from maillage.demo.report import DemoReport
from maillage.demo.roofs.show import show_roofs
from maillage.demo.store.day import StoreTold
from maillage.demo.store.show import show_store
from maillage.kernel.catchment import Catchment
from maillage.kernel.sites import Site


def show(console: Console, report: DemoReport, sites: list[Site], told: StoreTold) -> None:
    console.print(f"\n[bold]A chain of {report.stores:,} stores in {report.regions} regions[/bold]")
    if report.rejected_rows:
        console.print(f"{report.rejected_rows} rows of the file were rejected; 'maillage sites import' names them")
    console.print(scatter([site.lat for site in sites], [site.lon for site in sites]), style="cyan", highlight=False)
    if report.catchment is not None:
        _catchment(console, report.catchment)
    _offered(console, report)
    _sold(console, report)
    _refused(console, report)
    _owed(console, report)
    if report.offers is not None and report.offers.offers:
        best = report.offers.offers[0]
        console.print(
            f"\nAsk for 4 vCPU and 16 GiB where most people are: the nearest of {len(report.offers.offers)} offers is"
            f" {best.name} ({best.site}), {best.distance_km} km away,"
            f" {best.price.per_hour} {best.price.currency} an hour."
        )
    show_roofs(console, report.roofs)
    show_store(console, told)
    spent = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in report.seconds.items())
    console.print(f"\n{report.events:,} events are in the journal of {report.folder} ({spent}).")
    console.print(f"Check them with an independent reader: [bold]maillage verify {report.folder}[/bold]")


def _catchment(console: Console, catchment: Catchment) -> None:
    console.print(
        f"\n[bold]Who lives near[/bold]: {catchment.share:.2%} of {catchment.people:,} people"
        f" ({catchment.places:,} places) have a store within {catchment.within_miles:g} miles;"
        f" on average {catchment.mean_miles:.3f} miles,"
        f" half of them within {catchment.median_miles:.3f}."
    )
    if catchment.places_left_out:
        console.print(f"Left out: {catchment.places_left_out:,} places in Puerto Rico and other island areas.")


def _offered(console: Console, report: DemoReport) -> None:
    table = _table("What the chain offers, and how much of it is leased now", "kind", "unit")
    for name in ("stores", "size", "leased", "%"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in report.kinds:
        bar = "█" * round(row.leased_percent / 5) or "▏" * bool(row.leased)
        table.add_row(
            row.kind, row.unit, f"{row.stores:,}", f"{row.size:,}", f"{row.leased:,}", f"{row.leased_percent:.1f}", bar
        )
    console.print(table)


def _sold(console: Console, report: DemoReport) -> None:
    table = _table("What was asked, granted and refused in 48 hours", "tenant", "who")
    for name in ("asked", "granted", "refused"):
        table.add_column(name, justify="right")
    for row in report.tenants:
        table.add_row(row.tenant, row.name, f"{row.asked:,}", f"{row.granted:,}", f"{row.refused:,}")
    console.print(table)
    states = ", ".join(f"{count:,} {state}" for state, count in report.leases.items())
    classes = ", ".join(f"{count:,} {name}" for name, count in report.classes.items())
    console.print(f"Leases by class: {classes}; by state: {states}.")


def _refused(console: Console, report: DemoReport) -> None:
    table = _table("Why asks were refused", "reason")
    table.add_column("asks", justify="right")
    for reason, count in report.refused.items():
        table.add_row(reason, f"{count:,}")
    console.print(table)


def _owed(console: Console, report: DemoReport) -> None:
    table = _table("What each tenant owes, up to now (USD)", "tenant", "month")
    for name in ("leases", "amount", "credit for reclaims", "total"):
        table.add_column(name, justify="right")
    for row in report.invoices:
        money = (f"{float(text):,.2f}" for text in (row.amount, row.credit, row.total))
        table.add_row(row.tenant, row.month, f"{row.leases:,}", *money)
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table
