"""Running a chain: serve it, show one off, check one."""

import ipaddress
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import folder_faults, home, open_folder
from maillage.faces.cli.failures import REFUSED, own_problem
from maillage.faces.cli.options import Json

if TYPE_CHECKING:
    from maillage.verify import Report

ADMIN_KEY = "MAILLAGE_ADMIN_KEY"
FAULTS_SHOWN = 50

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port to listen on; 0 takes a free one.")]


def up(host: Host = "127.0.0.1", port: Port = 8420, as_json: Json = False) -> None:
    """Serve the chain in MAILLAGE_HOME over HTTP until told to stop."""
    _serve(home(), host, port, show.print_json if as_json else _say_served)


def demo(
    stores: Annotated[Path | None, typer.Option("--stores", metavar="FILE", help="Stores, instead of made up.")] = None,
    population: Annotated[
        Path | None, typer.Option("--population", metavar="FILE", help="Where people live: lat,lon,population.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show it and end, without serving it.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 8420,
    as_json: Json = False,
) -> None:
    """Two days of a chain's life, shown and then served.

    It is built anew in MAILLAGE_HOME/demo, within half a minute; the stores are made up unless given.
    """
    from maillage.demo.run import run_demo

    with folder_faults(home() / "demo"):
        folder = run_demo(home(), stores, population, as_json)
    if not once:
        _serve(folder, host, port, _note_served if as_json else _say_served)


def verify(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="MAILLAGE_HOME if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Check the books of a data folder.

    By a reader that shares no code with the server, and may run beside it. Ends with 1 where it finds a fault.
    """
    from maillage.kernel.errors import Invalid
    from maillage.verify import check

    folder = folder or home()
    try:
        with show.progress("events") as bars:
            task = bars.add_task("checking", total=None)
            report = check(folder, lambda done, total: bars.update(task, completed=done, total=total))
    except FileNotFoundError as fault:
        raise Invalid("folder", str(fault)) from None
    show.emit(_verdict(folder, report), as_json, _print_verdict)
    if not report.ok:
        raise typer.Exit(REFUSED)


def _serve(folder: Path, host: str, port: int, tell: Any) -> None:
    """``tell`` gets ``{"listening", "admin_key"}`` once connections are taken."""
    given = os.environ.get(ADMIN_KEY) or None
    chain = open_folder(folder)
    if given is not None:
        chain.access.first_key(given)
    if not _is_loopback(host):
        show.note(f"warning: {host} can be reached from elsewhere and this is plain HTTP; put TLS in front")
    from maillage.bootstrap import run
    from maillage.faces.http.serve import serve

    def listening(url: str) -> None:
        # Only now: a key that is made before an address is refused would never be shown.
        tell({"listening": url, "admin_key": None if given is not None else chain.access.first_key(None)})

    try:
        run(serve(chain, host, port, listening))
    except OSError as fault:
        raise own_problem("address", f"{host}:{port}: {fault.strerror or fault}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say_served(served: dict[str, str | None]) -> None:
    for line in _served_lines(served):
        typer.echo(line)


def _note_served(served: dict[str, str | None]) -> None:
    for line in _served_lines(served):
        typer.echo(line, err=True)


def _served_lines(served: dict[str, str | None]) -> list[str]:
    lines = [f"listening on {served['listening']}"]
    if served["admin_key"] is not None:
        lines += [f"admin key: {served['admin_key']}", "(shown only this once: keep it)"]
    return lines


def _verdict(folder: Path, report: "Report") -> dict[str, Any]:
    from maillage.kernel.quantities import from_micro

    return {
        "folder": str(folder),
        "ok": report.ok,
        "events": report.events,
        "sites": report.sites,
        "pools": report.pools,
        "leases": report.leases,
        "first_at": _instant(report.first_at),
        "last_at": _instant(report.last_at),
        "charged": {tenant: from_micro(micro) for tenant, micro in sorted(report.charged_micro.items())},
        "credited": {tenant: from_micro(micro) for tenant, micro in sorted(report.credited_micro.items())},
        "faults_total": report.faults_total,
        "faults": [
            {"kind": fault.kind, "event": fault.pos, "site": fault.site, "number": fault.seq, "text": fault.text}
            for fault in report.faults
        ],
    }


def _instant(second: int | None) -> str | None:
    """RFC 3339; as a bare number where a damaged journal states what no calendar has."""
    if second is None:
        return None
    try:
        return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(second)


def _print_verdict(verdict: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("folder", verdict["folder"]),
            ("events", f"{verdict['events']:,}"),
            ("sites", f"{verdict['sites']:,}"),
            ("pools", f"{verdict['pools']:,}"),
            ("leases", f"{verdict['leases']:,}"),
            ("from", verdict["first_at"]),
            ("to", verdict["last_at"]),
        ]
    )
    tenants = sorted({*verdict["charged"], *verdict["credited"]})
    if tenants:
        show.say("")
        rows = [(who, verdict["charged"].get(who, "0.00"), verdict["credited"].get(who, "0.00")) for who in tenants]
        show.print_table(("tenant", "charged", "credited"), rows, right=("charged", "credited"))
    show.say("")
    if verdict["ok"]:
        show.say("No fault: nothing was oversold at any instant, and the books add up.", "bold green")
        return
    faults = verdict["faults"][:FAULTS_SHOWN]
    lines = [(fault["kind"], fault["event"], fault["site"], fault["number"], fault["text"]) for fault in faults]
    show.print_table(("fault", "event", "site", "number", "what is wrong"), lines, right=("event", "number"))
    more = verdict["faults_total"] - len(faults)
    count = "1 fault" if verdict["faults_total"] == 1 else f"{verdict['faults_total']:,} faults"
    show.say(count + (f", {more:,} of them not shown" if more else ""), "bold red")
