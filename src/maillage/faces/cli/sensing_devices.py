"""``sensing devices``, ``sensing profiles``, ``sensing readings``: what the stores have that measures, and what it
says."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import REFUSED
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, Json, Limit, Site

devices_app = typer.Typer(no_args_is_help=True, help="Devices that measure: add, import, list, show, change, retire.")
profiles_app = typer.Typer(no_args_is_help=True, help="What devices of one make and use have in common.")

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE")]
ProfileId = Annotated[str, typer.Argument(metavar="PROFILE")]
Name = Annotated[str, typer.Option("--name", metavar="TEXT", help="What people call it; its id if left out.")]
Unit = Annotated[
    str, typer.Option("--unit", metavar="ID", help="What it is built into: a freezer, a room; its id if left out.")
]
REJECTIONS_SHOWN = 20


@devices_app.command("add")
def add_device(
    device: DeviceId,
    site: Annotated[str, typer.Option("--site", metavar="ID", help="The store that it is in.")],
    profile: Annotated[str, typer.Option("--profile", metavar="ID", help="Such as freezer; 'profiles list' has all.")],
    name: Name = "",
    unit: Unit = "",
    as_json: Json = False,
) -> None:
    """Enter a device; from then on what it publishes is taken."""
    wanted = {"id": device, "site": site, "profile": profile, "name": name, "unit": unit}
    with Api(devices=True) as api:
        answer = api.call("POST", path("devices"), json=wanted)
    show.emit(answer, as_json, _print_entered)


@devices_app.command("import")
def import_devices(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: id,site,profile and optional name,unit.")],
    as_json: Json = False,
) -> None:
    """Enter or change the devices of a file; a bad row is rejected with its line, and the good ones are entered."""
    content = file.read_bytes()
    with Api(devices=True) as api:
        report = api.call("POST", path("devices", "import"), content=content, headers={"Content-Type": "text/csv"})
    show.emit(report, as_json, _print_report)
    if report["rejected"] and not report["imported"] + report["unchanged"]:
        raise typer.Exit(REFUSED)


@devices_app.command("list")
def list_devices(
    site: Site = None,
    unit: Annotated[str | None, typer.Option("--unit", metavar="ID", help="Only what is built into this.")] = None,
    retired: Annotated[bool, typer.Option("--retired", help="Also those that are retired.")] = False,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Devices, in the order in which they were entered."""
    params = {"site": site, "unit": unit, "retired": "true" if retired else None}
    with Api(devices=True) as api:
        answer = api.page(path("devices"), params, limit, cursor, everything)
    show.emit(answer, as_json, _print_devices)


@devices_app.command("show")
def show_device(device: DeviceId, as_json: Json = False) -> None:
    """One device, where it publishes, and what it said last."""
    with Api(devices=True) as api:
        answer = api.call("GET", path("devices", device))
    show.emit(answer, as_json, _print_device)


@devices_app.command("change")
def change_device(
    device: DeviceId,
    profile: Annotated[str | None, typer.Option("--profile", metavar="ID", help="As it is if left out.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="As it is if left out.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", metavar="ID", help="As it is if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Have a device otherwise; one that was retired is in service again."""
    said = {"profile": profile, "name": name, "unit": unit}
    with Api(devices=True) as api:
        known = api.call("GET", path("devices", device))
        wanted = {field: known[field] if value is None else value for field, value in said.items()}
        answer = api.call("PUT", path("devices", device), json=wanted)
    show.emit(answer, as_json, _print_entered)


@devices_app.command("retire")
def retire_device(device: DeviceId, as_json: Json = False) -> None:
    """Take a device out of service; its readings stay."""
    with Api(devices=True) as api:
        api.call("DELETE", path("devices", device))
    retired = {"id": device, "retired": True}
    show.emit(retired, as_json, lambda _: show.say(f"{device} is retired; its readings stay"))


@profiles_app.command("list")
def list_profiles(as_json: Json = False) -> None:
    """All profiles, those that came with Maillage first."""
    with Api(devices=True) as api:
        answer = api.call("GET", path("profiles"))
    show.emit(answer, as_json, _print_profiles)


@profiles_app.command("show")
def show_profile(profile: ProfileId, as_json: Json = False) -> None:
    """One profile: what its devices measure, and when that is alarming."""
    with Api(devices=True) as api:
        answer = api.call("GET", path("profiles", profile))
    show.emit(answer, as_json, _print_profile)


@profiles_app.command("set")
def set_profile(
    profile: ProfileId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, as 'profiles show --json' prints it.")],
    as_json: Json = False,
) -> None:
    """Enter a profile, or have it otherwise from now on."""
    wanted = _document(file)
    with Api(devices=True) as api:
        answer = api.call("PUT", path("profiles", profile), json=wanted)
    show.emit(answer, as_json, _print_profile)


@profiles_app.command("drop")
def drop_profile(profile: ProfileId, as_json: Json = False) -> None:
    """Forget a profile that no device has; one that came with Maillage is as it was."""
    with Api(devices=True) as api:
        api.call("DELETE", path("profiles", profile))
    dropped = {"id": profile, "dropped": True}
    show.emit(dropped, as_json, lambda _: show.say(f"{profile} is forgotten, or as it came"))


def _document(file: Path) -> Any:
    """What a file has to say of a profile; what only answers have is left out."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise typer.BadParameter(f"{file} is not JSON in UTF-8: {fault}", param_hint="'FILE'") from None
    if isinstance(document, dict):
        return {name: value for name, value in document.items() if name not in ("id", "shipped", "devices")}
    return document


def _print_entered(device: dict[str, Any]) -> None:
    show.say(f"{device['id']} at {device['site']}, a {device['profile']}, publishes to {', '.join(device['topics'])}")


def _print_report(report: dict[str, Any]) -> None:
    show.say(
        f"{report['imported']:,} devices imported, {report['unchanged']:,} unchanged, {report['rejected']:,} rejected"
    )
    shown = report["rejections"][:REJECTIONS_SHOWN]
    if shown:
        rows = [(row["line"], row["id"], row["reason"]) for row in shown]
        show.print_table(("line", "id", "why it was rejected"), rows, right=("line",))
    if report["rejected"] > len(shown):
        show.note(f"{report['rejected'] - len(shown):,} more; --json names the first 1,000")


def _print_devices(answer: dict[str, Any]) -> None:
    rows = [
        (each["id"], each["site"], each["profile"], each["unit"], each["name"], each["retired_at"] or "")
        for each in answer["items"]
    ]
    columns = ["id", "site", "profile", "unit", "name", "retired"]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]  # type: ignore[misc]
    show.print_table(columns, rows, empty="No devices; 'maillage sensing devices add' enters one.")
    show.note_more(answer)


def _print_device(device: dict[str, Any]) -> None:
    facts = [(name, device[name]) for name in ("id", "site", "profile", "name", "unit", "created_at", "retired_at")]
    facts += [("publishes to", topic) for topic in device["topics"]]
    facts += [
        (measure, f"{last['value']:,} {last['unit'] or ''} at {last['at']}") for measure, last in device["last"].items()
    ]
    show.print_facts(facts if device["last"] else [*facts, ("last seen", "never")])


def _print_profiles(answer: dict[str, Any]) -> None:
    rows = [
        (
            each["id"],
            each["name"],
            ", ".join(f"{measure['name']} {measure['unit']}" for measure in each["measures"]),
            len(each["rules"]),
            each["devices"],
        )
        for each in answer["items"]
    ]
    show.print_table(("id", "name", "measures", "rules", "devices"), rows, right=("rules", "devices"))


def _print_profile(profile: dict[str, Any]) -> None:
    show.say(f"{profile['id']}: {profile['name']}", "bold")
    facts = [
        ("topic", profile["topic"]),
        ("format", profile["format"]),
        ("devices", profile["devices"]),
        ("interval", f"{profile['interval_s']} s, silent after {profile['silent_after']} of them"),
    ]
    show.print_facts(facts)
    show.say("")
    measures = [
        (each["name"], each["unit"], each["role"], each["path"], each["minimum"], each["maximum"], each["resolution"])
        for each in profile["measures"]
    ]
    figures = ("minimum", "maximum", "resolution", "for s", "clear s", "dead band")
    show.print_table(("measure", "unit", "role", "path", *figures[:3]), measures, figures)
    if profile["rules"]:
        show.say("")
        rules = [
            (
                each["id"],
                f"{each['measure']} {each['side']} {each['limit']:g}",
                each["severity"],
                each["dwell_s"],
                each["dead_band"],
                each["clear_s"],
            )
            for each in profile["rules"]
        ]
        show.print_table(("rule", "alarming", "severity", "for s", "dead band", "clear s"), rules, figures)
