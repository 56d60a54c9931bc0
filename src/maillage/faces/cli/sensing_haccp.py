"""``sensing haccp``: the record that food was kept safe, for those who ask for it."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import REFUSED, own_problem
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Bounded, Cursor, Json, Limit

haccp_app = typer.Typer(no_args_is_help=True, help="The HACCP log of a site: show, export, verify, check.")

SiteId = Annotated[str, typer.Argument(metavar="SITE")]
Start = Annotated[str | None, typer.Option("--start", metavar="TIME", help="From then on; RFC 3339, with its zone.")]
End = Annotated[str | None, typer.Option("--end", metavar="TIME", help="Up to then; RFC 3339, with its zone.")]


@haccp_app.command("show")
def show_log(
    site: SiteId,
    start: Start = None,
    end: End = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """The log of a site, the oldest entry first."""
    with Api(devices=True) as api:
        answer = api.page(path("haccp", site), {"start": start, "end": end}, limit, cursor, everything)
    show.emit(answer, as_json, _print_entries)


@haccp_app.command()
def export(
    site: SiteId,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Every entry, with its hash.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="For an inspector.")] = None,
    start: Start = None,
    end: End = None,
    as_json: Json = False,
) -> None:
    """Write the log of a period to a file: all of it as CSV, or the last 31 days as PDF, unless a period is given."""
    if csv is None and pdf is None:
        raise typer.BadParameter("give one of --csv FILE and --pdf FILE, or both")
    written = []
    with Api(devices=True) as api:
        for form, file in (("csv", csv), ("pdf", pdf)):
            if file is not None:
                body = _fetched(api, site, {"start": start, "end": end, "format": form})
                file.write_bytes(body)
                written.append({"file": str(file), "format": form, "bytes": len(body)})
    done = {"site": site, "files": written}
    show.emit(done, as_json, _print_written)


@haccp_app.command()
def verify(
    site: Annotated[str | None, typer.Argument(metavar="[SITE]", help="Its log, held against its journal.")] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="An exported file, by itself; needs no server.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that a log is whole: nothing changed, taken out or cut off.

    Ends with 1 where it is not, and names the first entry that is wrong.
    """
    if (site is None) == (csv is None):
        raise typer.BadParameter("give either a SITE or --csv FILE")
    if csv is not None:
        verdict = _verdict_on(csv)
    else:
        with Api(devices=True) as api:
            verdict = api.call("GET", path("haccp", str(site), "verify"))
    show.emit(verdict, as_json, _print_verdict)
    if not verdict["ok"]:
        raise typer.Exit(REFUSED)


@haccp_app.command()
def check(
    site: SiteId,
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="The freezer, the room.")],
    measured: Annotated[float, typer.Argument(metavar="CELSIUS", help="What was measured; -- before one below 0.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who did it.")],
    calibration: Annotated[
        bool, typer.Option("--calibration", help="A device held against a reference thermometer.")
    ] = False,
    reference: Annotated[
        float | None, Bounded("--reference", "What the reference thermometer says.", metavar="CELSIUS")
    ] = None,
    tolerance: Annotated[
        float, Bounded("--tolerance", "How far off it may be; 0.5 if left out.", metavar="KELVIN")
    ] = 0.5,
    device: Annotated[str, typer.Option("--device", metavar="ID", help="The device that was checked.")] = "",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What there is to say about it.")] = "",
    as_json: Json = False,
) -> None:
    """Enter a temperature that was taken by hand, or a calibration."""
    body: dict[str, Any] = {
        "kind": "calibration" if calibration else "manual_check",
        "unit": unit,
        "by": by,
        "measured": measured,
        "device": device,
        "tolerance": tolerance,
        "note": note,
    }
    if reference is not None:
        body["reference"] = reference
    with Api(devices=True) as api:
        answer = api.call("POST", path("haccp", site), json=body)
    show.emit(answer, as_json, lambda entry: show.say(f"entry {entry['seq']} of {entry['site']}: {entry['text']}"))


def _fetched(api: Api, site: str, wanted: dict[str, str | None]) -> bytes:
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    answer = api.send("GET", f"{path('haccp', site)}?{query}", None, {})
    if answer.status != 200:
        raise own_problem("no-maillage", f"what answers there answered {answer.status} with no log")
    return answer.body


def _verdict_on(file: Path) -> dict[str, Any]:
    import msgspec

    from maillage.services.sensing.coldchain.haccp.csv_file import check_csv

    with file.open(encoding="utf-8", newline="") as lines:
        verdict: dict[str, Any] = msgspec.to_builtins(check_csv(lines))
    return verdict


def _print_entries(answer: dict[str, Any]) -> None:
    rows = [
        (one["seq"], one["at"], one["kind"].replace("_", " "), one["unit"], one["by"], one["text"])
        for one in answer["items"]
    ]
    show.print_table(("entry", "at", "what", "unit", "by", "text"), rows, right=("entry",), empty="No entry.")
    show.note_more(answer)


def _print_written(done: dict[str, Any]) -> None:
    for one in done["files"]:
        show.say(f"{one['file']}: {one['bytes']:,} bytes")


def _print_verdict(verdict: dict[str, Any]) -> None:
    if not verdict["ok"]:
        show.say(f"entry {verdict['broken']} is wrong: {verdict['problem']}", "bold red")
        return
    if not verdict["last"]:
        show.say("whole: it has no entry")
        return
    anchored = f", known to the store's journal up to {verdict['anchored']}" if verdict["anchored"] else ""
    show.say(f"whole: entries {verdict['first']} to {verdict['last']}{anchored}")
    show.print_facts([("hash of the last", verdict["head"])])
