"""``robots clean``, ``robots cleanings`` and ``robots give-way``: cleaning, and the proof of it."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Bounded, Cursor, Json, Limit, Site

cleanings = typer.Typer(no_args_is_help=True, help="Cleanings: list, show, evidence, pause, resume, cancel.")

LOOK_S = 1.0
OVER = ("done", "partly", "failed", "cancelled")
SiteId = Annotated[str, typer.Argument(metavar="SITE")]
CleaningId = Annotated[str, typer.Argument(metavar="CLEANING")]


def clean(
    site: SiteId,
    floor: Annotated[str, typer.Argument(metavar="FLOOR")],
    robot: Annotated[str | None, typer.Option("--robot", metavar="ID", help="Any that cleans, if left out.")] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="TIME", help="RFC 3339; now if left out.")] = None,
    end: Annotated[
        str | None, typer.Option("--end", metavar="TIME", help="RFC 3339; twelve hours later if left out.")
    ] = None,
    target: Annotated[float, Bounded("--target", "Share of the floor to be cleaned at least.", metavar="0..1")] = 0.98,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is over; exit 1 where it is not done.")] = False,
    as_json: Json = False,
) -> None:
    """Have a floor cleaned."""
    wanted = {
        "site": site,
        "floor": floor,
        "robot": robot,
        "window": {"start": start, "end": end},
        "order": {"target": target},
    }
    with Api(devices=True) as api:
        found = api.call("POST", "/v1/cleanings", json=wanted)
        if wait:
            found = _waited(api, found)
    show.emit(found, as_json, _print_cleaning)
    if wait and found["state"] != "done":
        raise typer.Exit(1)


def give_way(
    site: SiteId,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="RFC 3339.")] = None,
    minutes: Annotated[int | None, typer.Option("--minutes", min=1, max=10_080, help="For so long from now.")] = None,
    over: Annotated[bool, typer.Option("--over", help="Take it back: robots may clean again.")] = False,
    as_json: Json = False,
) -> None:
    """Call a store's cleaning robots to their docks, and send none for a while: an hour unless told otherwise."""
    if (until is not None) + (minutes is not None) + over > 1:
        raise own_problem("usage", "say one of --until, --minutes and --over")
    if until is None and not over:
        from maillage.kernel.times import format_time

        until = format_time(int(time.time()) + 60 * (minutes or 60))
    with Api(devices=True) as api:
        found = api.call("POST", path("sites", site, "give-way"), json={"until": until})
    show.emit(found, as_json, _print_give_way)


@cleanings.command("list")
def list_cleanings(
    site: Site = None,
    floor: Annotated[str | None, typer.Option("--floor", metavar="ID", help="Only this floor.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """List cleanings, the newest first."""
    with Api(devices=True) as api:
        params = {"site": site, "floor": floor, "state": state}
        found = api.page("/v1/cleanings", params, limit, cursor, everything)
    show.emit(found, as_json, _print_cleanings)


@cleanings.command("show")
def show_cleaning(cleaning: CleaningId, as_json: Json = False) -> None:
    """Show a cleaning, and how it does."""
    with Api(devices=True) as api:
        found = api.call("GET", path("cleanings", cleaning))
    show.emit(found, as_json, _print_cleaning)


@cleanings.command()
def evidence(
    cleaning: CleaningId,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write the picture into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was cleaned; with --json as GeoJSON too."""
    if png is not None and not png.parent.is_dir():
        raise own_problem("usage", f"--png: there is no folder {png.parent}")
    with Api(devices=True) as api:
        found = api.call("GET", path("cleanings", cleaning, "evidence"))
        if png is not None:
            try:
                png.write_bytes(api.send("GET", path("cleanings", cleaning, "evidence.png"), None, {}).body)
            except OSError as fault:
                raise own_problem("usage", f"{png} can't be written: {fault.strerror or fault}") from None
    show.emit(found, as_json, _print_evidence)
    if png is not None and not as_json:
        show.note(f"drawn into {png}")


@cleanings.command()
def pause(cleaning: CleaningId, as_json: Json = False) -> None:
    """Have the robot stop where it is."""
    _move(cleaning, "pause", None, as_json)


@cleanings.command()
def resume(
    cleaning: CleaningId,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="For what one left that ended: until when it may go on."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Go on with one that is paused, or with what one left that ended."""
    _move(cleaning, "resume", {"until": until}, as_json)


@cleanings.command()
def cancel(cleaning: CleaningId, as_json: Json = False) -> None:
    """Call a cleaning off; its robot goes to its dock."""
    _move(cleaning, "cancel", None, as_json)


def _move(cleaning: str, what: str, body: dict[str, Any] | None, as_json: bool) -> None:
    with Api(devices=True) as api:
        found = api.call("POST", path("cleanings", cleaning, what), json=body)
    show.emit(found, as_json, _print_cleaning)


def _waited(api: Api, cleaning: dict[str, Any]) -> dict[str, Any]:
    if api.chain is not None:
        raise own_problem("usage", "--wait needs a server that hears the robots: 'maillage up', and MAILLAGE_SERVER")
    with show.progress("waypoints") as bars:
        bar = bars.add_task(cleaning["state"], total=None)
        while cleaning["state"] not in OVER:
            told = cleaning["state"] + (f": {cleaning['detail']}" if cleaning["detail"] else "")
            bars.update(bar, description=told[:60], total=cleaning["waypoints"], completed=cleaning["reached"] or 0)
            time.sleep(LOOK_S)
            cleaning = api.call("GET", path("cleanings", cleaning["id"]))
    return cleaning


def _print_cleanings(found: dict[str, Any]) -> None:
    rows = [
        (each["id"], each["site"], each["floor"], each["state"], each["reason"], _share(each), each["created_at"])
        for each in found["items"]
    ]
    columns = ("cleaning", "site", "floor", "state", "reason", "cleaned", "asked for")
    show.print_table(columns, rows, right=("cleaned",), empty="There is none.")
    show.note_more(found)


def _share(cleaning: dict[str, Any]) -> str | None:
    return f"{cleaning['share']:.1%}" if cleaning["runs"] else None


def _print_cleaning(cleaning: dict[str, Any]) -> None:
    why = f" ({cleaning['reason']})" if cleaning["reason"] else ""
    show.say(f"{cleaning['id']}: {cleaning['floor']} of {cleaning['site']}, {cleaning['state']}{why}", "bold")
    reached = None if cleaning["reached"] is None else f"{cleaning['reached']:,} of {cleaning['waypoints']:,} waypoints"
    left = cleaning["left_m2"]
    show.print_facts(
        [
            ("detail", cleaning["detail"] or None),
            (
                "cleaned",
                None if left is None else f"{_share(cleaning)}, {cleaning['cleaned_m2']:,} m2; {left:,} m2 left",
            ),
            ("under way", reached),
            ("schedule", cleaning["schedule"]),
            ("window", " to ".join(cleaning["windows"][-1])),
        ]
    )
    rows = [
        (each["number"], each["robot"], each["state"], each["why"], each["started_at"], f"{each['gained_m2']:,}")
        for each in cleaning["runs"]
    ]
    if rows:
        show.print_table(("run", "robot", "state", "why", "from", "m2"), rows, right=("run", "m2"))


def _print_evidence(found: dict[str, Any]) -> None:
    figures = found["figures"]
    told = f"{figures['share']:.1%} of {figures['reachable_m2']:,} m2 cleaned"
    show.say(f"{found['cleaning']}: {told}, {figures['target']:.0%} wanted", "bold")
    largest_m2, spots = figures["largest_missed_m2"], figures["missed_spots"]
    missed = f"{figures['missed_m2']:,} m2 in {spots} spots, the largest {largest_m2:,} m2"
    battery, water = figures["battery_used"], figures["water_l"]
    show.print_facts(
        [
            ("missed", missed),
            ("driven", f"{figures['path_m']:,} m in {figures['cleaning_s'] / 60:,.0f} min of cleaning"),
            ("not seen", f"{figures['gaps']} gaps: what was not seen does not count" if figures["gaps"] else None),
            ("battery", None if battery is None else f"{battery:g} %"),
            ("water", None if water is None else f"{water:g} l"),
            ("assists", figures["assists"]),
        ]
    )
    for each in found["assists"]:
        took = "not resolved" if each["resolved_s"] is None else f"resolved in {each['resolved_s']:,} s"
        show.say(f"  {each['at']}  {each['robot']}: {each['cause']} {each['detail']}, {took}")


def _print_give_way(found: dict[str, Any]) -> None:
    if found["until"] is None:
        show.say(f"the robots of {found['site']} may clean again")
        return
    called = f"; called back from {', '.join(found['cleanings'])}" if found["cleanings"] else ""
    show.say(f"the robots of {found['site']} give way until {found['until']}{called}")
