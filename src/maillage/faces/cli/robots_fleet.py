"""``robots``: which robots the stores have, how each does, and having them stop, go on and drop what they are at."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, Json, Limit, Site

RobotId = Annotated[str, typer.Argument(metavar="ROBOT")]
DOING = {"paused": "stands still", "resumed": "goes on", "cancelling": "drops what it is at"}


def list_robots(
    site: Site = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """List robots, and those on the broker that nobody has registered."""
    with Api(devices=True) as api:
        found = api.page("/v1/robots", {"site": site}, limit, cursor, everything)
        strangers = api.call("GET", "/v1/robots", params={"limit": 1})["unregistered"]
    found |= {"unregistered": strangers}
    show.emit(found, as_json, _print_robots)


def show_robot(robot: RobotId, as_json: Json = False) -> None:
    """Show a robot, how it does, and what it is at."""
    with Api(devices=True) as api:
        found = api.call("GET", path("robots", robot))
    show.emit(found, as_json, _print_robot)


def register(
    robot: RobotId,
    site: Annotated[str, typer.Option("--site", metavar="ID", help="The store that it is in.")],
    manufacturer: Annotated[str, typer.Option("--manufacturer", metavar="NAME", help="As in its MQTT topics.")],
    serial: Annotated[str, typer.Option("--serial", metavar="NUMBER", help="As in its MQTT topics.")],
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="For people; its id if left out.")] = None,
    clean_width_m: Annotated[
        float | None, typer.Option("--clean-width-m", metavar="M", help="How wide it cleans.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Register a robot; one more of its store's robots can be leased from then on."""
    wanted: dict[str, Any] = {"id": robot, "site": site, "manufacturer": manufacturer, "serial": serial, "name": name}
    wanted |= {"clean_width_m": clean_width_m}
    with Api(devices=True) as api:
        found = api.call("POST", "/v1/robots", json={key: value for key, value in wanted.items() if value is not None})
    show.emit(found, as_json, _print_robot)


def remove(robot: RobotId, as_json: Json = False) -> None:
    """Forget a robot and its missions."""
    with Api(devices=True) as api:
        api.call("DELETE", path("robots", robot))
    show.emit({"id": robot, "removed": True}, as_json, lambda _: show.say(f"{robot} is forgotten"))


def pause(robot: RobotId, as_json: Json = False) -> None:
    """Have a robot stop where it is."""
    _move(robot, "pause", as_json)


def resume(robot: RobotId, as_json: Json = False) -> None:
    """Have a robot go on."""
    _move(robot, "resume", as_json)


def cancel(robot: RobotId, as_json: Json = False) -> None:
    """Have a robot drop its mission, or whatever else it is at."""
    _move(robot, "cancel", as_json)


def actions(robot: RobotId, as_json: Json = False) -> None:
    """Show which actions a robot says it knows."""
    with Api(devices=True) as api:
        found = api.call("GET", path("robots", robot))
    known = (found["facts"] or {}).get("actions")
    rows = [(each["type"], ", ".join(each["scopes"])) for each in known or []]
    empty = "Its factsheet does not say." if known is None else "None."
    show.emit(
        {"robot": robot, "actions": known},
        as_json,
        lambda _: show.print_table(("action", "where"), rows, empty=empty),
    )


def missions(
    robot: RobotId,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """List the missions of a robot, the newest first."""
    with Api(devices=True) as api:
        found = api.page(path("robots", robot, "missions"), {}, limit, cursor, everything)
    show.emit(found, as_json, _print_missions)


def _move(robot: str, what: str, as_json: bool) -> None:
    with Api(devices=True) as api:
        done = api.call("POST", path("robots", robot, what))
    mission = f", on mission {done['mission']['id']}" if done["mission"] else ""
    show.emit(done, as_json, lambda _: show.say(f"{robot} {DOING[done['done']]}{mission}"))


def _print_robots(found: dict[str, Any]) -> None:
    rows = [
        (
            each["id"],
            each["site"],
            each["connection"],
            each["mode"],
            _percent(each["battery"]),
            _place(each["position"]),
            _doing(each),
        )
        for each in found["items"]
    ]
    columns = ("robot", "site", "connection", "mode", "battery", "position", "doing")
    show.print_table(columns, rows, right=("battery",), empty="There is none.")
    show.note_more(found)
    for each in found["unregistered"]:
        show.note(f"{each['manufacturer']}/{each['serial']} is on the broker and not registered")


def _print_robot(found: dict[str, Any]) -> None:
    facts, order = found["facts"] or {}, found["order"]
    show.print_facts(
        [
            ("robot", found["id"]),
            ("name", found["name"]),
            ("site", found["site"]),
            ("topics", f"{found['manufacturer']}/{found['serial']}"),
            ("series", facts.get("series")),
            ("speaks", found["version"]),
            ("cleans", None if found["clean_width_m"] is None else f"{found['clean_width_m']:g} m wide"),
            ("connection", found["connection"]),
            ("last seen", found["last_seen"]),
            ("mode", found["mode"]),
            ("position", _place(found["position"])),
            ("battery", _percent(found["battery"])),
            ("order", None if order is None else f"{order['id']}, {order['nodes_left']} nodes left"),
            ("doing", _doing(found)),
            *(("error", f"{each['level']} {each['type']}: {each['description']}") for each in found["errors"]),
            *(("violations", f"{each['count']}, the last: {each['last']}") for each in [found["violations"]] if each),
        ]
    )


def _print_missions(found: dict[str, Any]) -> None:
    rows = [
        (each["id"], each["created_at"], each["state"], f"{each['reached'] + 1}/{each['waypoints']}", each["purpose"])
        for each in found["items"]
    ]
    show.print_table(("mission", "since", "state", "reached", "purpose"), rows, right=("reached",), empty="None.")
    show.note_more(found)


def _percent(battery: float | None) -> str:
    return "-" if battery is None else f"{battery:.0f} %"


def _place(position: dict[str, Any] | None) -> str:
    return "-" if position is None else f"{position['x']:.1f}, {position['y']:.1f} on {position['map']}"


def _doing(robot: dict[str, Any]) -> str:
    mission = robot["mission"]
    if mission is None:
        return "-"
    return f"{mission['purpose'] or mission['id']}: {mission['state']}, {mission['reached'] + 1}/{mission['waypoints']}"
