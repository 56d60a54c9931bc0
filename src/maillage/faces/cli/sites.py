"""``sites``: the stores of the chain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import REFUSED, Problem
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, Json, Limit, Near

app = typer.Typer(no_args_is_help=True, help="The stores: import, list, show.")
HTTP_MAX = 32 << 20
"""Bytes that a server takes of a site file; what it is packed to does not count."""
REJECTIONS_SHOWN = 20
TELL_EVERY_ROWS = 500


@app.command("import")
def import_sites(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or GeoJSON; .gz is unpacked.")],
    as_json: Json = False,
) -> None:
    """Import stores; a bad row is rejected with its line, and the good ones load."""
    from maillage.kernel.site_files import form_of, open_site_file

    form = form_of(file.name)
    with open_site_file(file) as stream, Api() as api:
        if api.chain is None:
            kind = "text/csv" if form == "csv" else "application/geo+json"
            report = api.call("POST", path("sites", "import"), content=_whole(stream), headers={"Content-Type": kind})
        else:
            report = _import_here(api, stream, form, file.stat().st_size)
    show.emit(report, as_json, _print_report)
    if report["rejected"] and not report["imported"] + report["unchanged"]:
        raise typer.Exit(REFUSED)


@app.command("list")
def list_sites(
    near: Near = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """The stores, all or the nearest to a place."""
    with Api() as api:
        if near is None:
            answer = api.page(path("sites"), {}, limit, cursor, everything)
        else:
            answer = api.call("GET", path("sites"), params={"near": near, "limit": limit, "cursor": cursor})
    show.emit(answer, as_json, _print_sites)


@app.command("show")
def show_site(site: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """One store, with all that is known of it."""
    with Api() as api:
        answer = api.call("GET", path("sites", site))
    show.emit(answer, as_json, _print_site)


def _import_here(api: Api, stream: BinaryIO, form: Any, size: int) -> Any:
    """Stream the file into the chain of this process, whatever its size."""
    import msgspec

    from maillage.faces.http.routes.sites import import_stream
    from maillage.kernel.site_files import read_sites

    if api.chain is None:
        raise RuntimeError("there is no chain in this process")
    packed = getattr(stream, "fileobj", stream)  # of a packed file the bytes that were unpacked so far

    def watched() -> Iterator[Any]:
        for number, row in enumerate(read_sites(stream, form)):
            if number % TELL_EVERY_ROWS == 0:
                bars.update(task, completed=packed.tell())
            yield row

    with show.progress("bytes") as bars:
        task = bars.add_task("importing", total=size)
        return msgspec.to_builtins(api.work(import_stream(api.chain.office, watched())))


def _whole(stream: BinaryIO) -> bytes:
    from maillage.kernel.errors import Malformed
    from maillage.kernel.files import BROKEN_GZIP

    try:
        content = stream.read(HTTP_MAX + 1)
    except BROKEN_GZIP as fault:
        raise Malformed(f"the packed file is damaged or was cut short ({fault}); pack it again") from None
    if len(content) > HTTP_MAX:
        from maillage.faces.problems import of_door

        raise Problem(of_door(413, f"The file has more than {HTTP_MAX >> 20} MiB, the most that goes by HTTP."))
    return content


def _print_report(report: dict[str, Any]) -> None:
    show.say(
        f"{report['imported']:,} stores imported, {report['unchanged']:,} unchanged, {report['rejected']:,} rejected"
    )
    shown = report["rejections"][:REJECTIONS_SHOWN]
    if shown:
        rows = [(row["line"], row["id"], row["reason"]) for row in shown]
        show.print_table(("line", "id", "why it was rejected"), rows, right=("line",))
    if report["rejected"] > len(shown):
        show.note(f"{report['rejected'] - len(shown):,} more; --json names the first 1,000")


def _print_sites(answer: dict[str, Any]) -> None:
    near = any("distance_km" in site for site in answer["items"])
    rows = []
    for site in answer["items"]:
        row = [site["id"], site["name"], site["region"], site["lat"], site["lon"], site["tz"]]
        if near:
            row += [f"{site['distance_km']:.3f}", f"{site['round_trip']['ms']:.2f}"]
        rows.append(row)
    columns = ["id", "name", "region", "lat", "lon", "zone", *(["km", "round trip ms"] if near else [])]
    show.print_table(
        columns, rows, ("lat", "lon", "km", "round trip ms"), "No stores; 'maillage sites import' enters some."
    )
    show.note_more(answer)


def _print_site(site: dict[str, Any]) -> None:
    facts = [(name, site[name]) for name in ("id", "name", "lat", "lon", "tz", "country", "region")]
    facts += [
        (name, str(value).lower() if isinstance(value, bool) else value) for name, value in site["attributes"].items()
    ]
    show.print_facts(facts)
