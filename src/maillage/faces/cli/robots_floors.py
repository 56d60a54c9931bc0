"""``robots floors`` and ``robots schedules``: what is cleaned, and when."""

from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Bounded, Json

floors = typer.Typer(no_args_is_help=True, help="Floors, in metres on the robots' maps: put, list, show, drop.")
schedules = typer.Typer(no_args_is_help=True, help="Cleaning week by week: put, list, show, drop.")

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SiteId = Annotated[str, typer.Argument(metavar="SITE")]
FloorId = Annotated[str, typer.Argument(metavar="FLOOR")]
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE")]


@floors.command("put")
def put_floor(
    site: SiteId,
    floor: FloorId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="GeoJSON in metres, or an occupancy image (.png, .pgm).")
    ],
    map_id: Annotated[
        str, typer.Option("--map", metavar="ID", help="The map that the metres are on, as robots call it.")
    ],
    dock: Annotated[
        list[str] | None, typer.Option("--dock", metavar="X,Y[,THETA]", help="Where a robot charges; repeat for more.")
    ] = None,
    resolution: Annotated[float | None, Bounded("--resolution", "Metres a pixel of an image.", metavar="M")] = None,
    as_json: Json = False,
) -> None:
    """Enter or replace a floor."""
    wanted = {"map_id": map_id, "area": _area(file, resolution), "docks": [_dock(text) for text in dock or ()]}
    with Api(devices=True) as api:
        found = api.call("PUT", path("sites", site, "floors", floor), json=wanted)
    show.emit(found, as_json, lambda each: show.say(_floor_line(each)))


@floors.command("list")
def list_floors(site: SiteId, as_json: Json = False) -> None:
    """List the floors of a site."""
    with Api(devices=True) as api:
        found = api.call("GET", path("sites", site, "floors"))
    rows = [
        (each["id"], each["map_id"], f"{each['area_m2']:,}", f"{each['reachable_m2']:,}", len(each["docks"]))
        for each in found["items"]
    ]
    columns = ("floor", "map", "area m2", "reachable m2", "docks")
    show.emit(found, as_json, lambda _: show.print_table(columns, rows, right=columns[2:], empty="There is none."))


@floors.command("show")
def show_floor(site: SiteId, floor: FloorId, as_json: Json = False) -> None:
    """Show a floor; with --json its GeoJSON too."""
    with Api(devices=True) as api:
        found = api.call("GET", path("sites", site, "floors", floor))
    show.emit(found, as_json, _print_floor)


@floors.command("drop")
def drop_floor(site: SiteId, floor: FloorId, as_json: Json = False) -> None:
    """Forget a floor."""
    with Api(devices=True) as api:
        api.call("DELETE", path("sites", site, "floors", floor))
    show.emit({"site": site, "id": floor, "dropped": True}, as_json, lambda _: show.say(f"{floor} is forgotten"))


@schedules.command("put")
def put_schedule(
    site: SiteId,
    schedule: ScheduleId,
    floor: Annotated[str, typer.Option("--floor", metavar="ID")],
    window: Annotated[
        list[str],
        typer.Option(
            "--window", metavar="[DAY=]FROM-TO", help="Such as 21:30-06:30, or sat=20:00-08:00; repeat for more."
        ),
    ],
    robot: Annotated[str | None, typer.Option("--robot", metavar="ID", help="Any that cleans, if left out.")] = None,
    every_days: Annotated[int, typer.Option("--every-days", min=1, max=28, help="How often.")] = 1,
    carry_windows: Annotated[
        int, typer.Option("--carry-windows", min=0, max=14, help="Further windows for what one was too short for.")
    ] = 2,
    target: Annotated[float, Bounded("--target", "Share of the floor to be cleaned at least.", metavar="0..1")] = 0.98,
    off: Annotated[bool, typer.Option("--off", help="Keep it, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Have a floor cleaned week by week, with robots leased for it a week ahead. Times are the store's own."""
    wanted = {
        "floor": floor,
        "windows": _windows(window),
        "robot": robot,
        "every_days": every_days,
        "carry_windows": carry_windows,
        "on": not off,
        "order": {"target": target},
    }
    with Api(devices=True) as api:
        found = api.call("PUT", path("sites", site, "cleaning-schedules", schedule), json=wanted)
    show.emit(found, as_json, _print_schedule)


@schedules.command("list")
def list_schedules(site: SiteId, as_json: Json = False) -> None:
    """List the cleaning schedules of a site."""
    with Api(devices=True) as api:
        found = api.call("GET", path("sites", site, "cleaning-schedules"))
    rows = [
        (
            each["id"],
            each["floor"],
            each["robot"] or "any",
            f"every {each['every_days']} days" if each["on"] else "off",
            each["coming"][0]["start"] if each["coming"] else None,
        )
        for each in found["items"]
    ]
    columns = ("schedule", "floor", "robot", "how often", "next")
    show.emit(found, as_json, lambda _: show.print_table(columns, rows, empty="There is none."))


@schedules.command("show")
def show_schedule(site: SiteId, schedule: ScheduleId, as_json: Json = False) -> None:
    """Show a schedule, and what is leased for it ahead."""
    with Api(devices=True) as api:
        found = api.call("GET", path("sites", site, "cleaning-schedules", schedule))
    show.emit(found, as_json, _print_schedule)


@schedules.command("drop")
def drop_schedule(site: SiteId, schedule: ScheduleId, as_json: Json = False) -> None:
    """Forget a schedule; what was leased for it ahead is given back."""
    with Api(devices=True) as api:
        api.call("DELETE", path("sites", site, "cleaning-schedules", schedule))
    show.emit({"site": site, "id": schedule, "dropped": True}, as_json, lambda _: show.say(f"{schedule} is forgotten"))


def _area(file: Path, resolution: float | None) -> Any:
    """A floor's GeoJSON; what an image shows as free is made into polygons."""
    if file.suffix.lower() in (".png", ".pgm"):
        from maillage.services.robots.coverage.documents import area_document
        from maillage.services.robots.coverage.reading import read_floor

        return area_document(read_floor(file, resolution).area)
    if resolution is not None:
        raise own_problem("usage", "--resolution: only images have pixels; GeoJSON is in metres")
    import json

    try:
        area = json.loads(file.read_bytes())
    except OSError as fault:
        raise own_problem("usage", f"{file} can't be opened: {fault.strerror or fault}") from None
    except (ValueError, RecursionError) as fault:
        raise own_problem("usage", f"{file} is no GeoJSON: {fault}") from None
    if not isinstance(area, dict):
        raise own_problem("usage", f"{file} is no GeoJSON: it holds no object")
    return area


def _dock(text: str) -> dict[str, float]:
    import math

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        raise typer.BadParameter(f"{text[:40]!r} is not X,Y or X,Y,THETA such as 0.5,1.2", param_hint="'--dock'")
    return dict(zip(("x", "y", "theta"), numbers, strict=False))


def _windows(texts: list[str]) -> dict[str, list[list[str]]]:
    """``[DAY=]FROM-TO`` each; those without a day are for all days that none names."""
    of_day: dict[str, list[list[str]]] = {}
    for text in texts:
        day, equals, span = text.rpartition("=")
        opens, dash, closes = span.partition("-")
        if not dash or (equals and day not in DAYS):
            raise typer.BadParameter(
                f"{text[:40]!r} is not FROM-TO or DAY=FROM-TO such as sat=20:00-08:00", param_hint="'--window'"
            )
        of_day.setdefault(day, []).append([opens.strip(), closes.strip()])
    every = of_day.pop("", [])
    return {day: of_day.get(day, every) for day in DAYS if of_day.get(day, every)}


def _floor_line(floor: dict[str, Any]) -> str:
    reachable_m2, docks = floor["reachable_m2"], len(floor["docks"])
    return (
        f"{floor['id']} of {floor['site']}: {floor['area_m2']:,} m2 on map {floor['map_id']}, {reachable_m2:,} m2 "
        f"of it within reach, {docks} dock{'' if docks == 1 else 's'}"
    )


def _print_floor(floor: dict[str, Any]) -> None:
    show.say(_floor_line(floor), "bold")
    for dock in floor["docks"]:
        whose = f" for {dock['robot']}" if dock["robot"] else ""
        show.say(f"dock {dock['name']} at {dock['x']:g}, {dock['y']:g}{whose}".replace("  ", " "))
    show.print_facts([("keep out", len(floor["keep_out"]) or None), ("revision", floor["revision"])])


def _print_schedule(schedule: dict[str, Any]) -> None:
    state = f"every {schedule['every_days']} days" if schedule["on"] else "off"
    show.say(f"{schedule['id']}: {schedule['floor']} of {schedule['site']}, {state}", "bold")
    rows = [
        (each["start"], each["end"], each["leased_from"], each["leased_until"], each["lease"] or "no room")
        for each in schedule["coming"]
    ]
    columns = ("window from", "to", "leased from", "to ", "lease")
    show.print_table(columns, rows, empty="Nothing comes within a week.")
