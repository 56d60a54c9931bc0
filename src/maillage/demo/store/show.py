"""The store that looks after itself, for people who would rather look."""

from rich.console import Console
from rich.table import Table

from maillage.demo.braille import curve, ways
from maillage.demo.store.day import StoreTold
from maillage.demo.store.probe import NAME as FREEZER
from maillage.demo.store.probe import WARMEST_C
from maillage.demo.store.report import CleaningReport, FreezerReport
from maillage.demo.store.scrubber import NAME as SCRUBBER
from maillage.kernel.times import parse_time

COLUMNS = 68


def show_store(console: Console, told: StoreTold) -> None:
    """Its freezer's day and its floor."""
    report = told.report
    console.print(
        f"\n[bold]A store that looks after itself: {report.name}[/bold] ({report.site}), 12 hours of its devices,"
        f" {report.messages:,} messages over MQTT"
    )
    _chart(console, report.freezer, told.temperatures)
    _alarm(console, report.freezer)
    _cleaning(console, report.cleaning)
    tracks = [
        feature["geometry"]["coordinates"]
        for feature in told.evidence.geojson["features"]
        if feature["properties"]["kind"] == "track"
    ]
    console.print(ways(tracks), style="green", highlight=False)
    console.print(f"On the event stream: {', '.join(report.notices)}.")
    console.print(f"Once it is served: GET /v1/alarms?site={report.site}, GET /v1/cleanings?site={report.site}")


def _chart(console: Console, freezer: FreezerReport, temperatures: list[float]) -> None:
    rows = curve(temperatures, WARMEST_C, COLUMNS)
    high, low = max(*temperatures, WARMEST_C), min(*temperatures, WARMEST_C)
    at_limit = round((high - WARMEST_C) / max(high - low, 1e-9) * (len(rows) - 1))
    labels = {0: high, at_limit: WARMEST_C, len(rows) - 1: low}
    for number, row in enumerate(rows):
        label = f"{labels[number]:5.1f}" if number in labels else ""
        console.print(f"{label:>5} {row}", style="cyan", highlight=False)
    marks = [" "] * COLUMNS
    first = parse_time(freezer.began_at, "began_at")
    for mark, at in (("S", freezer.failed_at), ("A", freezer.raised_at), ("R", freezer.repaired_at)):
        minute = (parse_time(at, "at") - first) // 60
        marks[min(COLUMNS - 1, minute * COLUMNS // len(temperatures))] = mark
    console.print(f"   °C {''.join(marks).rstrip()}", highlight=False)
    console.print(f"{FREEZER}, a reading a minute: S its compressor stops, A the alarm, R it is repaired.")


def _alarm(console: Console, freezer: FreezerReport) -> None:
    table = Table(title_justify="left", header_style="dim", box=None, pad_edge=False)
    table.add_column("at")
    table.add_column("after", justify="right")
    table.add_column("what happened")
    failed = parse_time(freezer.failed_at, "failed_at")
    for at, what in (
        (freezer.failed_at, "the compressor stops; no sensor says so"),
        (freezer.raised_at, f"{freezer.level} by the rule {freezer.rule}: {freezer.text}"),
        (freezer.acknowledged_at, f"acknowledged by {freezer.acknowledged_by}"),
        (freezer.action_at, f"corrective action by {freezer.action_by}; product: {freezer.disposition}"),
        (freezer.repaired_at, "the compressor runs again"),
        (freezer.recovered_at, "recovered"),
        (freezer.cleared_at, "cleared: it recovered, and all is recorded"),
        (freezer.verified_at, f"verified by {freezer.verified_by}"),
    ):
        minutes = (parse_time(at, "at") - failed) // 60
        table.add_row(at[11:16], f"{minutes // 60}:{minutes % 60:02d}", what)
    console.print(table)
    exposure = f" ({freezer.exposure_min:.0f} min above {WARMEST_C:g} °C)" if freezer.exposure_min else ""
    log = "whole" if freezer.log_ok else "BROKEN"
    console.print(
        f"The air reached {freezer.highest_c} °C{exposure}, the food {freezer.food_c} °C at its warmest."
        f" HACCP log: {freezer.log_entries} entries, {log}."
    )


def _cleaning(console: Console, cleaning: CleaningReport) -> None:
    figures = [f"{cleaning.path_m:,.0f} m of way"]
    if cleaning.m2_per_h is not None:
        figures.append(f"{cleaning.m2_per_h:,.0f} m² an hour")
    if cleaning.water_l is not None:
        figures.append(f"{cleaning.water_l} l of water")
    if cleaning.battery_percent is not None:
        figures.append(f"{cleaning.battery_percent} % of its battery")
    console.print(
        f"\n[bold]{SCRUBBER}[/bold] cleaned {cleaning.cleaned_m2} of {cleaning.reachable_m2} m² in {cleaning.minutes}"
        f" min: {cleaning.share:.2%}, {cleaning.target:.0%} were wanted; {', '.join(figures)}."
    )
