"""``node``: the owner of some sites, in their store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import TIMEOUT_S, folder_faults, home
from maillage.faces.cli.failures import Problem, own_problem
from maillage.faces.cli.hub import host_and_port, urls
from maillage.faces.cli.mesh import site_ids
from maillage.faces.cli.options import Json
from maillage.faces.cli.run import Host, MqttHost, MqttPort, MqttUrl, broker_of, say_served, serve_chain
from maillage.tenancy.secrets import secret

if TYPE_CHECKING:
    from maillage.bootstrap.node import NodeChain, NodeSettings
    from maillage.mesh.enrolment import Joined

NAMED = 10
"""So many sites are named in a line."""
TOKEN = "MAILLAGE_ENROLMENT_TOKEN"  # noqa: S105  the name of the variable

app = typer.Typer(invoke_without_command=True, help="Own the ledgers of some sites, in their store, and serve them.")


@app.callback()
def node(
    context: typer.Context,
    hub: Annotated[str, typer.Option("--hub", metavar="URL", help="The hub to join; once is enough.")] = "",
    sites: Annotated[str, typer.Option("--sites", metavar="ID,...", help="The sites to own; once is enough.")] = "",
    nats: Annotated[
        str, typer.Option("--nats", metavar="URL,...", help="The bus, where it is not as the hub said: a leaf server.")
    ] = "",
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="The port to listen on; 0 takes a free one.")
    ] = 8421,
    mqtt_port: MqttPort = None,
    mqtt_host: MqttHost = "127.0.0.1",
    mqtt: MqttUrl = "",
    as_json: Json = False,
) -> None:
    """Serve the sites of the node in MAILLAGE_HOME, with a hub or without one, until told to stop.

    The first time it joins the chain of --hub with the token in MAILLAGE_ENROLMENT_TOKEN. Later it needs no hub to
    start: what it owns is in its folder.
    """
    if context.invoked_subcommand is not None:
        return
    servers = urls(nats)
    broker = broker_of(mqtt_port, mqtt_host, mqtt)
    with folder_faults(home()):
        settings = _joined(home(), hub.rstrip("/"), sites)
    from maillage.bootstrap import open_node

    def opened() -> "NodeChain":
        with folder_faults(home()):
            return open_node(home(), settings, servers, broker)

    serve_chain(opened, host, port, show.print_json if as_json else say_served)


@app.command("nats-config")
def nats_config(
    hub_leaf: Annotated[str, typer.Option("--hub-leaf", metavar="URL,...", help="The hub's leaf address.")],
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="In the store.")] = "127.0.0.1:4222",
    ca: Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="Who signs the hub's certificate.")] = None,
    as_json: Json = False,
) -> None:
    """Print the configuration of the store's nats-server: a leaf of the hub's, bounded to what this node may say."""
    from maillage.bootstrap.bus_config import node_bus_config

    with folder_faults(home()):
        text = node_bus_config(home(), urls(hub_leaf), host_and_port(listen), ca)
    show.emit({"config": text}, as_json, lambda _: typer.echo(text, nl=False))


def _joined(folder: Path, hub: str, sites: str) -> "NodeSettings":
    from maillage.bootstrap.node import keep_settings, own_key, settings_for

    wanted = site_ids(sites) if sites else []
    known = settings_for(folder, hub or None, wanted)
    if known is not None:
        return known
    token = secret(TOKEN)
    if not (hub and wanted and token):
        raise own_problem(
            "usage",
            f"this node has not joined yet: it needs --hub, --sites, and in {TOKEN} a token of 'enrolment create'",
        )
    import msgspec

    from maillage.mesh.enrolment import Joined

    document = {"token": token, "public_key": own_key(folder)[1], "sites": wanted}
    joined = msgspec.convert(_call(hub, document), Joined)
    show.note(f"joined {hub} as {joined.node}, for {_some(joined)}")
    return keep_settings(folder, hub, joined)


def _some(joined: "Joined") -> str:
    """The sites that it joined for, as far as they fit a line."""
    names = [site.id for site in joined.sites]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _call(hub: str, document: dict[str, Any]) -> Any:
    import httpx

    from maillage.tenancy.authority import trust

    parts = urlsplit(hub)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise own_problem("usage", f"--hub is {hub!r}; it should look like http://127.0.0.1:8420")
    trusted = trust()
    try:
        answer = httpx.post(f"{hub}/enrol", json=document, timeout=TIMEOUT_S, verify=trusted)
    except httpx.HTTPError as fault:
        raise own_problem("unreachable", f"{hub}: {fault or type(fault).__name__}; the token is still good") from None
    told = answer.headers.get("content-type", "").partition(";")[0]
    if told == "application/problem+json":
        raise Problem(answer.json())
    if answer.status_code != 201:
        raise own_problem("no-maillage", f"{hub} answered {answer.status_code} with {told or 'nothing'}")
    return answer.json()
