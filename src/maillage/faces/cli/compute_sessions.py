"""``compute session``: sessions of apps that follow devices."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api
from maillage.faces.cli.compute_deployments import AppId, Config, Health, Outbound, Version, settings_given
from maillage.faces.cli.options import Bounded, Json, parse_needs, parse_place

app = typer.Typer(no_args_is_help=True, help="Sessions that follow a device from store to store.")

SessionId = Annotated[str, typer.Argument(metavar="SESSION")]


@app.command()
def start(
    app_id: AppId,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="What moves, by a name of yours.")],
    at: Annotated[str, typer.Option("--at", metavar="LAT,LON", help="Where it is.")],
    need: Annotated[list[str], typer.Option("--need", metavar="KIND=QUANTITY", help="Of each instance, as cpu=0.5.")],
    version: Version = None,
    within_km: Annotated[
        float | None, Bounded("--within-km", "How far its store may be; 25 without either.", metavar="KM")
    ] = None,
    within_ms: Annotated[
        float | None, Bounded("--within-ms", "The same as an estimated round trip.", metavar="MS")
    ] = None,
    lease_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="firm or spot; house for the shop's own.")
    ] = None,
    max_price: Annotated[
        str | None, typer.Option("--max-price", metavar="AMOUNT", help="The most that an hour may cost.")
    ] = None,
    hysteresis_km: Annotated[
        float | None, Bounded("--hysteresis-km", "How much nearer another store has to be.", metavar="KM")
    ] = None,
    dwell_s: Annotated[int | None, typer.Option("--dwell-s", min=0, help="How long it stays at least.")] = None,
    silence_s: Annotated[int | None, typer.Option("--silence-s", min=10, help="Silent for longer, it ends.")] = None,
    config: Config = None,
    outbound: Outbound = None,
    health: Health = None,
    public: Annotated[bool, typer.Option("--public", help="Whoever knows its id may call it, without a key.")] = False,
    as_json: Json = False,
) -> None:
    """Begin a session at the nearest store within the bound that has room."""
    wanted: dict[str, Any] = {"app": app_id, "version": version, "device": device, "position": _place(at)}
    wanted |= {"needs": parse_needs(need), "within_km": within_km, "within_ms": within_ms, "class": lease_class}
    wanted |= {"max_price": max_price, "hysteresis_km": hysteresis_km, "dwell_s": dwell_s, "silence_s": silence_s}
    wanted |= settings_given(config, outbound, health) | ({"public": True} if public else {})
    with Api(runs_code=True) as api:
        begun = api.begin_session({name: value for name, value in wanted.items() if value is not None})
    show.emit(begun, as_json, _print_session)


@app.command()
def report(
    session: SessionId,
    at: Annotated[str, typer.Argument(metavar="LAT,LON", help="Where its device is.")],
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="When that was: RFC 3339; now if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say where the device is; its session goes where it should be."""
    position = _place(at) | ({} if time is None else {"at": time})
    with Api(runs_code=True) as api:
        found = api.report(session, [position])
    show.emit(found, as_json, _print_session)


@app.command("show")
def show_session(session: SessionId, as_json: Json = False) -> None:
    """Show a session, and where it is."""
    with Api(runs_code=True) as api:
        found = api.session(session)
    show.emit(found, as_json, _print_session)


@app.command("list")
def list_sessions(
    app_id: Annotated[str | None, typer.Option("--app", metavar="APP", help="Only of this app.")] = None,
    as_json: Json = False,
) -> None:
    """List sessions, the oldest first."""
    with Api(runs_code=True) as api:
        found = list(api.sessions(app_id))
    rows = [
        (each["id"], each["app"], each["device"], each["site"] or "-", _km(each["distance_km"]), each["state"])
        for each in found
    ]
    columns = ("session", "app", "device", "site", "km", "state")
    show.emit(
        {"items": found}, as_json, lambda _: show.print_table(columns, rows, right=("km",), empty="There is none.")
    )


@app.command()
def end(session: SessionId, as_json: Json = False) -> None:
    """End a session; what it kept is thrown away."""
    with Api(runs_code=True) as api:
        api.end_session(session)
    show.emit({"id": session, "ended": True}, as_json, lambda _: show.say(f"{session} has ended"))


def _place(text: str) -> dict[str, Any]:
    lat, lon = parse_place(text)
    return {"lat": lat, "lon": lon}


def _km(distance_km: float | None) -> str:
    return "-" if distance_km is None else f"{distance_km:.1f}"


def _print_session(found: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("session", found["id"]),
            ("app", found["app"]),
            ("device", found["device"]),
            ("site", found["site"]),
            ("since", found["since"]),
            ("km away", _km(found["distance_km"])),
            ("instance", found["instance"]),
            ("state", found["state"]),
            ("because", found["detail"]),
            ("address", f"{found['address']} with x-maillage-session: {found['id']}"),
        ]
    )
