"""``compute follow``: how sessions would follow tracks over stores, beside always taking the nearest."""

from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.options import Bounded, Json

STATE_KIB_MAX = 65_536


def follow(
    tracks: Annotated[
        Path, typer.Option("--tracks", metavar="FILE", help="CSV with track_id,t,lat,lon; .gz is unpacked.")
    ],
    stores: Annotated[Path, typer.Option("--stores", metavar="FILE", help="A site file: CSV or GeoJSON.")],
    bound_km: Annotated[
        float, Bounded("--bound-km", "How far a session's store may be from its device.", metavar="KM")
    ] = 25,
    bound_ms: Annotated[
        float | None, Bounded("--bound-ms", "The same as an estimated round trip; the tighter one holds.", metavar="MS")
    ] = None,
    hysteresis_km: Annotated[
        float, Bounded("--hysteresis-km", "How much nearer another store has to be.", min=0, metavar="KM")
    ] = 1,
    dwell_s: Annotated[int, typer.Option("--dwell-s", min=0, help="How long a session stays at least.")] = 60,
    predict_s: Annotated[
        int, typer.Option("--predict", min=0, metavar="S", help="Decide for where devices will be so much later.")
    ] = 0,
    within_km: Annotated[
        float, Bounded("--within-km", "Only stores that near to some track.", min=0, metavar="KM")
    ] = 120,
    state_kib: Annotated[
        int, typer.Option("--state-kib", min=0, max=STATE_KIB_MAX, help="State that a session has to hand over.")
    ] = 256,
    compare: Annotated[
        bool, typer.Option("--compare", help="Play it with prediction as well (without, where --predict is given).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Replay tracks over stores: leases on the real ledger, state handed over for real, beside the nearest store.

    A device that is silent for more than 600 s has no session meanwhile.
    """
    import msgspec

    from maillage.bootstrap import run
    from maillage.bootstrap.follow import open_stage
    from maillage.kernel.latency import ACCESS_MS, reach_km
    from maillage.services.compute.follow.policy import Rules
    from maillage.services.compute.follow.replay import contenders, replay, sites_near
    from maillage.services.compute.follow.tracks import read_tracks

    if bound_ms is not None:
        if reach_km(bound_ms) <= 0:
            raise typer.BadParameter(
                f"the way to a store next door is taken to be {ACCESS_MS:g} ms; more than that works"
            )
        bound_km = min(bound_km, reach_km(bound_ms))
    rules = Rules(bound_km, hysteresis_km, dwell_s, predict_s)
    ways = read_tracks(tracks, rules.silence_s)
    sites, rejected = _read_stores(stores)
    near = sites_near(sites, ways, within_km)
    reports = sum(len(way.t) for way in ways) * len(contenders(rules, compare))
    with show.progress("reports") as bars:
        task = bars.add_task("following", total=reports)
        report = run(
            replay(rules, ways, near, open_stage, state_kib * 1024, compare, lambda more: bars.advance(task, more))
        )
    show.emit(msgspec.to_builtins(report) | {"stores_rejected": rejected}, as_json, _print_report)


def _read_stores(path: Path) -> tuple[list[Any], int]:
    from maillage.kernel.errors import Malformed
    from maillage.kernel.site_files import Rejection, form_of, open_site_file, read_sites

    with open_site_file(path) as stream:
        rows = list(read_sites(stream, form_of(path.name)))
    sites = [row for row in rows if not isinstance(row, Rejection)]
    if not sites:
        first = next((row for row in rows if isinstance(row, Rejection)), None)
        why = "" if first is None else f"; line {first.line}: {first.reason}"
        raise Malformed(f"{path.name} has no store in it{why}")
    return sites, len(rows) - len(sites)


ROWS = (
    ("migrations", "migrations", "{:,}"),
    ("an hour and device", "migrations_per_device_hour", "{:.3f}"),
    ("back within 120 s", "returns_within_120_s", "{:,}"),
    ("back within 600 s", "returns_within_600_s", "{:,}"),
    ("time beyond the bound", "share_beyond_bound", "{:.2%}"),
    ("time without a lease", "share_without_lease", "{:.6%}"),
    ("km to the session", "km_to_session", "{:.2f}"),
    ("bytes moved", "bytes_moved", "{:,}"),
    ("reservations", "reservations", "{:,}"),
    ("of them wasted", "reservations_wasted", "{:,}"),
    ("writes lost", "writes_lost", "{:,}"),
    ("leases left over", "leases_left_over", "{:,}"),
)
INTERRUPTIONS = (("interruption p50, ms", "p50_ms"), ("interruption p99, ms", "p99_ms"), ("longest, ms", "max_ms"))


def _print_report(report: dict[str, Any]) -> None:
    outcomes = report["outcomes"]
    show.say(
        f"{report['devices']:,} devices, {report['device_hours']:,.1f} hours in {report['pieces']:,} pieces,"
        f" {report['reports']:,} reports; {report['stores']:,} stores, bound {report['bound_km']:g} km.",
        "bold",
    )
    rows = [(label, *(_cell(form, outcome[name]) for outcome in outcomes)) for label, name, form in ROWS]
    for label, name in INTERRUPTIONS:
        gaps = [outcome["interruption"] for outcome in outcomes]
        rows.append((label, *(_cell("{:.1f}", None if gap is None else gap[name]) for gap in gaps)))
    names = [outcome["name"] for outcome in outcomes]
    show.print_table(("", *names), rows, right=names)
    show.note(
        f"No store at all lies within the bound for {report['nobody_within']:.2%} of the time; the nearest is"
        f" {report['km_to_nearest']:.2f} km away on average."
    )
    if report["stores_rejected"]:
        show.note(f"{report['stores_rejected']:,} rows of the stores' file are no stores and were left out.")


def _cell(form: str, value: Any) -> str:
    return "-" if value is None else form.format(value)
