"""Running a chain: serve it, show one off, check one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import folder_faults, home, open_folder
from maillage.faces.cli.failures import REFUSED, own_problem
from maillage.faces.cli.options import Json
from maillage.faces.cli.verdict import print_verdict, verified
from maillage.tenancy.secrets import secret

if TYPE_CHECKING:
    from maillage.bootstrap import Chain
    from maillage.bootstrap.devices import Mqtt

ADMIN_KEY = "MAILLAGE_ADMIN_KEY"

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port to listen on; 0 takes a free one.")]
MqttPort = Annotated[
    int | None,
    typer.Option(
        "--mqtt-port", min=0, max=65_535, help="Have a broker for the stores' devices on this port; 0 takes a free one."
    ),
]
MqttHost = Annotated[str, typer.Option("--mqtt-host", metavar="ADDRESS", help="The address that broker listens on.")]
MqttUrl = Annotated[
    str, typer.Option("--mqtt", metavar="URL", help="Another broker for them, as mqtt://HOST:PORT or mqtts://.")
]


def up(
    host: Host = "127.0.0.1",
    port: Port = 8420,
    mqtt_port: MqttPort = None,
    mqtt_host: MqttHost = "127.0.0.1",
    mqtt: MqttUrl = "",
    as_json: Json = False,
) -> None:
    """Serve the chain in MAILLAGE_HOME over HTTP until told to stop, and its stores' devices over MQTT if asked to."""
    broker = broker_of(mqtt_port, mqtt_host, mqtt)
    serve_chain(
        lambda: open_folder(home(), runs_code=True, devices=True, mqtt=broker),
        host,
        port,
        show.print_json if as_json else say_served,
    )


def demo(
    stores: Annotated[Path | None, typer.Option("--stores", metavar="FILE", help="Stores, instead of made up.")] = None,
    population: Annotated[
        Path | None, typer.Option("--population", metavar="FILE", help="Where people live: lat,lon,population.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show it and end, without serving it.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 8420,
    mqtt_port: MqttPort = None,
    as_json: Json = False,
) -> None:
    """Two days of a chain's life, shown and then served.

    It is built anew in MAILLAGE_HOME/demo, within half a minute; the stores are made up unless given.
    """
    from maillage.demo.run import run_demo

    broker = broker_of(mqtt_port)
    with folder_faults(home() / "demo"):
        folder = run_demo(home(), stores, population, as_json)
    if not once:
        serve_chain(
            lambda: open_folder(folder, runs_code=True, devices=True, mqtt=broker),
            host,
            port,
            _note_served if as_json else say_served,
        )


def verify(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="MAILLAGE_HOME if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Check the books of a data folder.

    By a reader that shares no code with the server, and may run beside it. Ends with 1 where it finds a fault.
    """
    verdict = verified(folder or home())
    show.emit(verdict, as_json, print_verdict)
    if not verdict["ok"]:
        raise typer.Exit(REFUSED)


def broker_of(port: int | None, host: str = "127.0.0.1", url: str = "") -> "Mqtt | None":
    """Which broker the stores' devices have: one of our own, another, or none."""
    if port is None and not url:
        return None
    if port is not None and url:
        raise own_problem("usage", "--mqtt names a broker and --mqtt-port has one made; take one of the two")
    from maillage.bootstrap.devices import Mqtt
    from maillage.faces.http.serve import is_loopback

    if port is None:
        return Mqtt(url)
    if not is_loopback(host):
        show.note(f"warning: {host} can be reached from elsewhere and this is plain MQTT: passwords can be overheard")
    return Mqtt(None, host, port)


def serve_chain(open_it: Callable[[], "Chain"], host: str, port: int, tell: Any) -> None:
    """Serve a chain until told to stop. ``tell`` gets ``{"listening", "mqtt", "admin_key"}`` once connections are
    taken."""
    from maillage.faces.operations.settings import configure_logs, metrics_are_public

    given = secret(ADMIN_KEY)
    configure_logs(os.environ)
    public_metrics = metrics_are_public(os.environ)
    chain = open_it()
    if given is not None:
        chain.access.first_key(given)
    from maillage.bootstrap import run
    from maillage.faces.http.serve import is_loopback, serve

    if not is_loopback(host):
        show.note(f"warning: {host} can be reached from elsewhere and this is plain HTTP; put TLS in front")

    def listening(url: str) -> None:
        # Only now: a key that is made before an address is refused would never be shown.
        key = None if given is not None else chain.access.first_key(None)
        tell({"listening": url, "mqtt": chain.mqtt_name, "admin_key": key})

    try:
        run(serve(chain, host, port, listening, public_metrics))
    except OSError as fault:
        raise own_problem("address", f"{host}:{port}: {fault.strerror or fault}") from None


def say_served(served: dict[str, str | None]) -> None:
    for line in _served_lines(served):
        typer.echo(line)


def _note_served(served: dict[str, str | None]) -> None:
    for line in _served_lines(served):
        typer.echo(line, err=True)


def _served_lines(served: dict[str, str | None]) -> list[str]:
    lines = [f"listening on {served['listening']}"]
    if served["mqtt"] is not None:
        lines += [f"devices speak MQTT to {served['mqtt']}"]
    if served["admin_key"] is not None:
        lines += [f"admin key: {served['admin_key']}", "(shown only this once: keep it)"]
    return lines
