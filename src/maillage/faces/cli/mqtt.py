"""``mqtt``: who may connect to the stores' broker, be it Maillage's own or a Mosquitto."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import SERVER, Api, home, path
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, Json, Limit, Site

app = typer.Typer(
    no_args_is_help=True, help="The broker of the stores' devices: who may connect, and with which topics."
)
clients_app = typer.Typer(no_args_is_help=True, help="Who may connect: list, add, rotate, revoke.")
app.add_typer(clients_app, name="clients")

ClientId = Annotated[str, typer.Argument(metavar="CLIENT")]


@clients_app.command("list")
def list_clients(
    site: Site = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Who may connect, and with which topics."""
    with Api(devices=True) as api:
        answer = api.page(path("mqtt-clients"), {"site": site}, limit, cursor, everything)
    show.emit(answer, as_json, _print_clients)


@clients_app.command("add")
def add_client(
    client: Annotated[
        str | None, typer.Argument(metavar="[CLIENT]", help="Its user name; the device's or robot's id if left out.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="ID", help="For this device of the registry.")
    ] = None,
    robot: Annotated[str | None, typer.Option("--robot", metavar="ID", help="For this robot.")] = None,
    publish: Annotated[
        list[str] | None, typer.Option("--publish", metavar="FILTER", help="Topics that it may publish to.")
    ] = None,
    subscribe: Annotated[
        list[str] | None, typer.Option("--subscribe", metavar="FILTER", help="Topics that it may receive.")
    ] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="ID", help="The store that it is in.")] = None,
    as_json: Json = False,
) -> None:
    """Let somebody in: a device, a robot, or whoever is given filters. The password is shown this once."""
    wanted: dict[str, Any] = {"id": client, "site": site, "device": device, "robot": robot}
    wanted |= {"publish": publish or None, "subscribe": subscribe or None}
    with Api(devices=True) as api:
        answer = api.call(
            "POST", path("mqtt-clients"), json={name: value for name, value in wanted.items() if value is not None}
        )
    show.emit(answer, as_json, _print_with_password)


@clients_app.command("rotate")
def rotate_client(client: ClientId, as_json: Json = False) -> None:
    """Make a new password; the old one ends at once, and with it the connection."""
    with Api(devices=True) as api:
        answer = api.call("POST", path("mqtt-clients", client, "rotate"))
    show.emit(answer, as_json, _print_with_password)


@clients_app.command("revoke")
def revoke_client(client: ClientId, as_json: Json = False) -> None:
    """Let somebody in no more; the connection ends."""
    with Api(devices=True) as api:
        api.call("DELETE", path("mqtt-clients", client))
    show.emit({"id": client, "revoked": True}, as_json, lambda _: show.say(f"{client} is let in no more"))


@app.command("session")
def session_client(
    session: Annotated[str, typer.Argument(metavar="SESSION")],
    as_json: Json = False,
) -> None:
    """Let the device of a session say where it is by MQTT. The password is shown this once, and the former one ends."""
    if not os.environ.get(SERVER):
        raise own_problem("usage", f"a broker runs only where a server does: set {SERVER} to it")
    with Api() as api:
        answer = api.call("POST", path("sessions", session, "mqtt-client"))
    show.emit(answer, as_json, _print_session_client)


@app.command("mosquitto-config")
def mosquitto_config(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files are to be; made where it is missing.")],
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="What Mosquitto listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="The port that it listens on.")] = 1883,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="In PEM: it then speaks TLS only.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The certificate's key, in PEM.")] = None,
    house: Annotated[
        list[str] | None,
        typer.Option("--house", metavar="NAME", help="A line of our own each; 'maillage' if left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the files by which a Mosquitto lets in the same clients.

    They are made of the records of MAILLAGE_HOME, also beside a server that runs on it. Write them again after a
    change, and have Mosquitto read them again (SIGHUP).
    """
    if os.environ.get(SERVER):
        raise own_problem(
            "usage", f"passwords' hashes go over no network: run this where the data is, without {SERVER}"
        )
    if (certificate is None) != (key is None):
        raise typer.BadParameter("a certificate and its key go together", param_hint="'--certificate'")
    from maillage.bootstrap.mosquitto import write_mosquitto_files
    from maillage.devices.clients import HOUSE

    tls = None if certificate is None or key is None else (certificate, key)
    for file in tls or ():
        if not file.is_file():
            raise typer.BadParameter(f"there is no file {file}", param_hint="'--certificate', '--key'")
    written = write_mosquitto_files(home(), folder, host, port, tls, house or (HOUSE,))
    told = {
        "config": str(written.config),
        "passwords": str(written.passwords),
        "rights": str(written.rights),
        "house": [str(file) for file in written.house],
        "clients": written.clients,
    }
    show.emit(told, as_json, _print_written)


def _print_clients(answer: dict[str, Any]) -> None:
    rows = [
        (each["id"], each["site"] or "", ", ".join(each["publish"]), ", ".join(each["subscribe"]), each["made_at"])
        for each in answer["items"]
    ]
    columns = ("client", "site", "publishes to", "receives", "made")
    show.print_table(columns, rows, empty="Nobody may connect; 'maillage mqtt clients add' lets somebody in.")
    show.note_more(answer)


def _print_with_password(client: dict[str, Any]) -> None:
    facts = [("user name", client["id"]), ("password", client["password"]), ("site", client["site"])]
    facts += [("publishes to", one) for one in client["publish"]]
    facts += [("receives", one) for one in client["subscribe"]]
    show.print_facts(facts)
    show.note("The password is shown only this once: keep it.")


def _print_session_client(client: dict[str, Any]) -> None:
    facts = [("broker", client["broker"]), ("user name", client["id"]), ("password", client["password"])]
    show.print_facts([*facts, ("publishes to", client["topic"])])
    show.note("The password is shown only this once: keep it.")


def _print_written(written: dict[str, Any]) -> None:
    show.say(f"{written['clients']:,} clients may connect; the files are in {Path(written['config']).parent}")
    facts = [(name, written[name]) for name in ("config", "passwords", "rights")]
    show.print_facts([*facts, *(("our own line", file) for file in written["house"])])
