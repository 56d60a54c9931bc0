"""``roof catalogue`` and what it rests on: roofs and their mounts, and where people live."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import REFUSED, own_problem
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Bounded, Cursor, Json, Limit, Near

REJECTIONS_SHOWN = 20
SiteId = Annotated[str, typer.Argument(metavar="SITE")]
Geojson = Annotated[Path | None, typer.Option("--geojson", metavar="FILE", help="Write them into this file, for maps.")]
Country = Annotated[str | None, typer.Option("--country", metavar="CODE", help="Only sites of this country.")]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="Only sites of this region.")]
WithinKm = Annotated[float | None, Bounded("--within-km", "Only so near to --near.", min=0, metavar="KM")]
AboveNeighbours = Annotated[
    float | None,
    Bounded("--above-neighbours", "Its highest mount stands out of all within a mile by so much.", metavar="M"),
]
UnknownHeights = Annotated[
    bool, typer.Option("--unknown-heights", help="Also those of which the neighbours' height is not known.")
]
PowerKw = Annotated[float | None, Bounded("--power-kw", "So much power is free, for the next 90 days.", metavar="KW")]
FibrePairs = Annotated[int | None, typer.Option("--fibre-pairs", min=0, help="So many pairs of fibre are free.")]
FreeMounts = Annotated[int | None, typer.Option("--free-mounts", min=0, help="So many mounts are free.")]
Band = Annotated[str | None, typer.Option("--band", metavar="NAME", help="A link budget such as n78: whom it reaches.")]
PlaceOption = Annotated[
    str | None, typer.Option("--place", metavar="PLACE", help="Reached there: outdoor, indoor_low or indoor_high.")
]
Probability = Annotated[
    float | None, Bounded("--probability", "The chance of a signal that counts as reached; 0.9.", metavar="0..1")
]
ScenarioOption = Annotated[
    str | None, typer.Option("--scenario", metavar="NAME", help="UMa, UMi or RMa; by the antenna's height if left out.")
]


def catalogue(
    near: Near = None,
    within_km: WithinKm = None,
    country: Country = None,
    region: Region = None,
    above_neighbours: AboveNeighbours = None,
    unknown_heights: UnknownHeights = False,
    power_kw: PowerKw = None,
    fibre_pairs: FibrePairs = None,
    free_mounts: FreeMounts = None,
    band: Band = None,
    place: PlaceOption = None,
    probability: Probability = None,
    scenario: ScenarioOption = None,
    people: Annotated[int | None, typer.Option("--people", min=0, help="Reached in the band, at least.")] = None,
    geojson: Geojson = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Roofs, with what is free of them; in a band also whom they would reach."""
    params = {
        "near": near,
        "within_km": within_km,
        "country": country,
        "region": region,
        "above_neighbours_m": above_neighbours,
        "unknown_heights": "true" if unknown_heights else None,
        "power_kw": power_kw,
        "fibre_pairs": fibre_pairs,
        "free_mounts": free_mounts,
        "band": band,
        "place": place,
        "probability": probability,
        "scenario": scenario,
        "people": people,
    }
    require_folder(geojson, "--geojson")
    with Api() as api, show.progress() as bars:
        bars.add_task("looking", total=None)
        found = api.page(path("roofs"), params, limit, cursor, everything)
    if geojson is not None:
        _write_geojson(found, geojson)
    show.emit(found, as_json, _print_roofs)
    if geojson is not None and not as_json:
        show.note(f"written into {geojson}")


def show_roof(site: SiteId, geojson: Geojson = None, as_json: Json = False) -> None:
    """One roof, with its mounts."""
    require_folder(geojson, "--geojson")
    with Api() as api:
        found = api.call("GET", path("roofs", site))
        drawn = None if geojson is None else api.call("GET", path("roofs", site), params={"format": "geojson"})
    if geojson is not None:
        write_json(drawn, geojson)
    show.emit(found, as_json, _print_roof)


def put_roof(
    site: SiteId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: height_m, mounts and what is optional.")],
    as_json: Json = False,
) -> None:
    """Enter or replace a site's roof, and offer its mounts."""
    wanted = _document(file)
    with Api() as api:
        found = api.call("PUT", path("sites", site, "roof"), json=wanted)
    show.emit(found, as_json, _print_roof)


def drop_roof(site: SiteId, as_json: Json = False) -> None:
    """Forget a site's roof, and offer its mounts no more."""
    with Api() as api:
        api.call("DELETE", path("sites", site, "roof"))
    show.emit({"site": site, "dropped": True}, as_json, lambda _: show.say(f"the roof of {site} is forgotten"))


def import_roofs(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, a mount a line; .gz is unpacked.")],
    as_json: Json = False,
) -> None:
    """Enter the roofs of a file; one with a bad line is rejected with that line, and the others load."""
    from maillage.services.roof.catalogue.roof_file import ReadRoof, RoofRejection, read_roofs

    read = list(read_roofs(_content(file)))
    rejections = [each for each in read if isinstance(each, RoofRejection)]
    roofs = [each for each in read if isinstance(each, ReadRoof)]
    with Api() as api, show.progress("roofs") as bars:
        task = bars.add_task("importing", total=len(roofs))
        for each in roofs:
            reason = _put_or_reason(api, each.site, each.roof)
            if reason is not None:
                rejections.append(RoofRejection(each.line, each.site, reason))
            bars.advance(task)
    rejections.sort(key=lambda rejection: rejection.line)
    report = {
        "imported": len(read) - len(rejections),
        "rejected": len(rejections),
        "rejections": [{"line": each.line, "site": each.site, "reason": each.reason} for each in rejections],
    }
    show.emit(report, as_json, _print_report)
    if report["rejected"] and not report["imported"]:
        raise typer.Exit(REFUSED)


def population(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="CSV with lat,lon,population and maybe geoid, plain or .gz."),
    ] = None,
    territories: Annotated[
        bool, typer.Option("--territories", help="Count Puerto Rico and other island areas (by geoid) too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Enter where people live, in the place of what was known; without a file, show what is known."""
    with Api() as api:
        if file is None:
            found = api.call("GET", path("population"))
        else:
            params = {"name": file.name[:200], "territories": "true" if territories else None}
            content = _bytes(file)
            found = api.call(
                "PUT", path("population"), params=params, content=content, headers={"Content-Type": "text/csv"}
            )
    told = f"{found['people']:,} people in {found['places']:,} places, entered {found['entered_at']}"
    show.emit(found, as_json, lambda _: show.say(f"{found['name'] or 'population'}: {told}"))


def require_folder(file: Path | None, option: str) -> None:
    """Usage where a file could not be written for want of a folder."""
    if file is not None and not file.parent.is_dir():
        raise own_problem("usage", f"{option}: there is no folder {file.parent}")


def write_json(document: Any, file: Path) -> None:
    file.write_text(json.dumps(document) + "\n", "utf-8")


def _put_or_reason(api: Api, site: str, roof: dict[str, Any]) -> str | None:
    """Enter a roof; why it is refused, if it is for its own fault."""
    from maillage.faces.cli.failures import Problem

    try:
        api.call("PUT", path("sites", site, "roof"), json=roof)
    except Problem as problem:
        if problem.document["status"] in (404, 409, 422):
            return str(problem.document["detail"])
        raise
    return None


def _write_geojson(found: dict[str, Any], file: Path) -> None:
    import msgspec

    from maillage.services.roof.catalogue.documents import ListedRoof
    from maillage.services.roof.catalogue.geojson import roofs_geojson

    write_json(roofs_geojson(msgspec.convert(found["items"], list[ListedRoof]), found["next"]), file)


def _document(file: Path) -> Any:
    try:
        document = json.loads(_bytes(file))
    except (ValueError, RecursionError) as fault:
        raise own_problem("usage", f"{file} is not JSON: {fault}") from None
    if not isinstance(document, dict):
        raise own_problem("usage", f"{file} holds no roof: it is not an object")
    return document


def _content(file: Path) -> bytes:
    from maillage.kernel.errors import Malformed
    from maillage.kernel.files import BROKEN_GZIP, open_data_file

    with open_data_file(file) as stream:
        try:
            return stream.read()
        except BROKEN_GZIP as fault:
            raise Malformed(f"the packed file is damaged or was cut short ({fault}); pack it again") from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise own_problem("usage", f"{file} can't be opened: {fault.strerror or fault}") from None


def _print_roofs(found: dict[str, Any]) -> None:
    near = any(roof["distance_km"] is not None for roof in found["items"])
    band = any(roof["coverage"] is not None for roof in found["items"])
    columns = ["site", "name", "region", "antenna m", "above m", "mounts free", "kW free", "pairs free", "rent"]
    rows = []
    for roof in found["items"]:
        row = [roof[name] for name in ("site", "name", "region", "radiation_centre_m", "above_neighbours_m")]
        row += [f"{roof['mounts_free']} of {len(roof['mounts'])}", roof["power_kw"]["free"]]
        row += [roof["fibre_pairs"]["free"], roof["asking_rent"]]
        if near:
            row.append(f"{roof['distance_km']:.3f}")
        if band:
            coverage = roof["coverage"]
            row += [None, None] if coverage is None else [f"{coverage['cell_km']:.3f}", f"{coverage['people']:,}"]
        rows.append(row)
    columns += (["km"] if near else []) + (["cell km", "people"] if band else [])
    show.print_table(
        columns,
        rows,
        columns[3:],
        "No roof fits; where there is none yet, 'maillage roof put' and 'roof import' enter some.",
    )
    show.note_more(found)


def _print_roof(roof: dict[str, Any]) -> None:
    show.say(f"{roof['site']}: {roof['name']}", "bold")
    rent = roof["asking_rent"]
    show.print_facts(
        [
            ("roof", f"{roof['height_m']:g} m above the ground, the highest antenna {roof['radiation_centre_m']:g} m"),
            ("neighbours", _neighbours(roof["above_neighbours_m"])),
            ("mounts", f"{roof['mounts_free']} of {len(roof['mounts'])} free"),
            *((kind, _stock_text(roof[field], unit)) for kind, field, unit in _STOCK),
            ("rent", None if rent is None else f"{rent} {roof['currency']} a mount and month"),
            ("equipment room", None if roof["equipment_room_m2"] is None else f"{roof['equipment_room_m2']:g} m2"),
            ("access", roof["access"] or None),
            ("warranty", roof["warranty"] or None),
        ]
    )
    rows = [
        (
            mount["id"],
            mount["x_m"],
            mount["y_m"],
            mount["radiation_centre_m"],
            mount["azimuth_deg"],
            "yes" if mount["free"] else "no",
        )
        for mount in roof["mounts"]
    ]
    columns = ("mount", "east m", "north m", "antenna m", "azimuth", "free")
    show.print_table(columns, rows, columns[1:5], "It has no mounts.")


_STOCK = (("power", "power_kw", "kW"), ("load", "load_kg", "kg"), ("fibre", "fibre_pairs", "pairs"))


def _neighbours(above_m: float | None) -> str:
    """The tallest thing within a mile."""
    if above_m is None:
        return "not known"
    return f"{abs(above_m):g} m {'below' if above_m >= 0 else 'above'} the highest antenna"


def _stock_text(stock: dict[str, Any], unit: str) -> str | None:
    return f"{stock['free']:g} of {stock['size']:g} {unit} free" if stock["size"] else None


def _print_report(report: dict[str, Any]) -> None:
    show.say(f"{report['imported']:,} roofs imported, {report['rejected']:,} rejected")
    shown = report["rejections"][:REJECTIONS_SHOWN]
    if shown:
        rows = [(row["line"], row["site"], row["reason"]) for row in shown]
        show.print_table(("line", "site", "why it was rejected"), rows, right=("line",))
    if report["rejected"] > len(shown):
        show.note(f"{report['rejected'] - len(shown):,} more; --json names all")
