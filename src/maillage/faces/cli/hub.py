"""``hub``: serve a chain whose ledgers are in its stores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import folder_faults, home
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Json
from maillage.faces.cli.run import Host, Port, say_served, serve_chain

if TYPE_CHECKING:
    from maillage.bootstrap.hub import HubChain

app = typer.Typer(invoke_without_command=True, help="Serve a chain whose ledgers are in its stores, over HTTP.")

Servers = Annotated[
    str, typer.Option("--nats", metavar="URL,...", help="Where the bus is; nats://127.0.0.1:4222 unless set once.")
]
NodeServers = Annotated[
    str, typer.Option("--nats-for-nodes", metavar="URL,...", help="What nodes are told of it, if that differs.")
]


@app.callback()
def hub(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8420,
    nats: Servers = "",
    nats_for_nodes: NodeServers = "",
    as_json: Json = False,
) -> None:
    """Serve the hub in MAILLAGE_HOME over HTTP until told to stop.

    Nodes join it with tokens of 'maillage enrolment create'. The records are in the folder, or where
    MAILLAGE_DATABASE_URL says: several hubs may share them.
    """
    if context.invoked_subcommand is not None:
        return
    servers, node_servers = urls(nats), urls(nats_for_nodes)
    from maillage.bootstrap import open_hub

    def opened() -> "HubChain":
        with folder_faults(home()):
            return open_hub(home(), servers, node_servers, runs_code=True)

    serve_chain(opened, host, port, show.print_json if as_json else say_served)


@app.command("nats-config")
def nats_config(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="For hubs and nodes.")
    ] = "127.0.0.1:4222",
    leaf: Annotated[
        str, typer.Option("--leaf", metavar="HOST:PORT", help="For the stores' servers.")
    ] = "127.0.0.1:7422",
    advertise: Annotated[
        str, typer.Option("--advertise", metavar="HOST:PORT", help="The leaf address as the stores reach it.")
    ] = "",
    store: Annotated[Path | None, typer.Option("--store", metavar="FOLDER", help="Where messages are kept.")] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", metavar="FILE", help="TLS, in PEM.")] = None,
    private_key: Annotated[Path | None, typer.Option("--private-key", metavar="FILE", help="TLS, in PEM.")] = None,
    as_json: Json = False,
) -> None:
    """Print the configuration of the hub's nats-server, and from now on admit only who the chain has signed.

    The signing keys are made in MAILLAGE_HOME/nats the first time. Print it again after revoking a node, and have the
    server read it: nats-server --signal reload.
    """
    from maillage.bootstrap.bus_config import hub_bus_config

    if (certificate is None) != (private_key is None):
        raise own_problem("usage", "--certificate and --private-key go together")
    with folder_faults(home()):
        text = hub_bus_config(
            home(), store, host_and_port(listen), host_and_port(leaf), advertise or None, certificate, private_key
        )
    show.emit({"config": text}, as_json, lambda _: typer.echo(text, nl=False))


def urls(text: str) -> list[str]:
    """The addresses of ``nats://a:1,nats://b:2``."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    for url in found:
        if not url.startswith(("nats://", "tls://")):
            raise own_problem("usage", f"{url!r} is no address of the bus; they look like nats://hub.example:4222")
    return found


def host_and_port(text: str) -> tuple[str, int]:
    """The two parts of an address."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65_536):
        raise own_problem("usage", f"{text!r} is not HOST:PORT, such as 127.0.0.1:4222")
    return host, int(port)
