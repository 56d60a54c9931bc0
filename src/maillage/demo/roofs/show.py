"""The demo's roofs, for people who would rather look."""

from rich.console import Console
from rich.table import Table

from maillage.demo.roofs.report import RoofReport


def show_roofs(console: Console, report: RoofReport) -> None:
    """The plan, the leases, and the rent to come."""
    console.print(
        f"\n[bold]Roofs for 5G around {report.city}[/bold]: of {report.offered} roofs the best {len(report.roofs)}"
        f" within {float(report.budget):,.0f} {report.currency} a year reach {report.people:,} people outdoors at"
        f" {report.band} with a chance of {report.probability:.0%}; no choice reaches more than {report.bound:,.0f}."
    )
    table = Table(header_style="dim", box=None, pad_edge=False)
    for name in ("store", "roof lease", "state", "networks"):
        # The name gives way where there is little room: an id with its end cut off can't be asked for.
        table.add_column(name, no_wrap=name != "store")
    for name in ("antennas at m", "people", "a month"):
        table.add_column(name, justify="right")
    for roof in report.roofs:
        table.add_row(
            roof.name,
            roof.lease,
            roof.state,
            ", ".join(roof.networks),
            f"{roof.radiation_centre_m:.1f}",
            f"{roof.people:,}",
            f"{float(roof.rent_per_month):,.2f}",
        )
    console.print(table)
    console.print(
        f"Each is one lease of mounts, power, load, fibre and compute. Rent charged so far:"
        f" {float(report.rent_charged):,.2f} {report.currency}; to come {float(report.rent_committed):,.2f} that is"
        f" certain and {float(report.rent_with_renewals):,.2f} with all renewals, worth"
        f" {float(report.present_value_committed):,.2f} and {float(report.present_value_with_renewals):,.2f} today at"
        f" {report.rate_percent:g} % a year."
    )
    console.print(f"Who comes second is told: {report.refused}", highlight=False)
    console.print(f"A phone on that network asks for a vCPU nearby: {report.breakout}.", highlight=False)
