"""``roof coverage``: whom and what the antennas of roofs reach."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Bounded, Json, parse_place

if TYPE_CHECKING:
    from maillage.services.roof.coverage.station import Station

ScenarioName = Literal["UMi", "RMa", "UMa"]
PlaceName = Literal["outdoor", "indoor_low", "indoor_high"]
MapName = Literal["probability", "power", "sinr", "server"]
AT = "roof"
"""Id of the roof that is given by its place alone."""
WARNINGS_SHOWN = 5
MAP_NAMES = {
    "probability": "coverage probability",
    "power": "received power of the best roof",
    "sinr": "SINR of the best roof",
    "server": "best server",
}
PLACE_NAMES = {"outdoor": "outdoors", "indoor_low": "indoors, low loss", "indoor_high": "indoors, high loss"}


def coverage(
    population: Annotated[
        Path,
        typer.Option(
            "--population", metavar="FILE", help="CSV with lat,lon,population and maybe geoid; .gz is unpacked."
        ),
    ],
    at: Annotated[str | None, typer.Option("--at", metavar="LAT,LON", help="One roof, by its place.")] = None,
    sites: Annotated[
        Path | None, typer.Option("--sites", metavar="FILE", help="The roofs of a site file, CSV or GeoJSON.")
    ] = None,
    height: Annotated[
        float | None,
        Bounded("--height", "Of the antennas above the ground; for sites without roof_height_m.", metavar="M"),
    ] = None,
    band: Annotated[str, typer.Option("--band", metavar="NAME|FILE", help="A link budget: 'roof budgets'.")] = "n78",
    scenario: Annotated[ScenarioName, typer.Option("--scenario", help="The path loss model of TR 38.901.")] = "UMi",
    probability: Annotated[float, Bounded("--probability", "Chance of a signal that counts as coverage.")] = 0.9,
    azimuth: Annotated[
        list[float] | None,
        typer.Option("--azimuth", metavar="DEG", help="A sector that looks there, from north; may be repeated."),
    ] = None,
    tilt: Annotated[
        float | None, Bounded("--tilt", "Of the sectors below the horizon; the budget's unless given.", metavar="DEG")
    ] = None,
    rain: Annotated[
        float | None, Bounded("--rain-mm-h", "Rain to stand; the budget's unless given, which is none.", metavar="MM/H")
    ] = None,
    resolution: Annotated[float, Bounded("--resolution-m", "Side of a cell of the raster.", metavar="M")] = 100,
    reach: Annotated[float, Bounded("--reach-km", "How far from a roof is looked, 5 at most.", metavar="KM")] = 2,
    together: Annotated[
        bool, typer.Option("--together", help="Also all roofs at once: best server, SINR, people counted once.")
    ] = False,
    load: Annotated[
        float | None, Bounded("--load", "How busy the other roofs are, 0 to 1; 0.5 unless given.", metavar="SHARE")
    ] = None,
    quantity: Annotated[MapName, typer.Option("--map", help="What maps show.")] = "probability",
    place: Annotated[PlaceName, typer.Option("--place", help="Where maps show it.")] = "outdoor",
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the map into this file.")] = None,
    geotiff: Annotated[
        Path | None, typer.Option("--geotiff", metavar="FILE", help="Write the map as GeoTIFF, EPSG:4326.")
    ] = None,
    contours: Annotated[
        Path | None, typer.Option("--contours", metavar="FILE", help="Write the map's contours as GeoJSON.")
    ] = None,
    as_json: Json = False,
) -> None:
    """People and land that roofs cover, outdoors and indoors. It works on files: no folder, no server."""
    files = {"--png": png, "--geotiff": geotiff, "--contours": contours}
    drawn = any(file is not None for file in files.values())
    _check_files(files)
    if (at is None) == (sites is None):
        raise own_problem("usage", "name either one roof with --at or several with --sites")
    if drawn and at is None and not together:
        raise own_problem("usage", "a map of several roofs shows them together; add --together")
    if contours is not None and quantity == "server":
        raise own_problem("usage", "who serves where has no contours; --map takes probability, power or sinr as well")
    if load is not None and not (together or (drawn and quantity == "sinr")):
        raise own_problem("usage", "--load says how busy roofs are that stand --together, and means nothing without")

    from maillage.kernel.population import read_population
    from maillage.services.roof.coverage.documents import coverage_document, warnings_of
    from maillage.services.roof.coverage.maps import map_of, write_maps
    from maillage.services.roof.coverage.people import People
    from maillage.services.roof.coverage.roof_figures import figures_of
    from maillage.services.roof.coverage.together import LOAD, checked_load, field_of
    from maillage.services.roof.coverage.together_figures import figures_together
    from maillage.services.roof.radio.budgets import budget as budget_of
    from maillage.services.roof.radio.budgets import in_rain

    share = checked_load(LOAD if load is None else load)
    budget = budget_of(band)
    if rain is not None:
        budget = in_rain(budget, rain)
    stations = _stations(at, sites, height, azimuth or [], tilt)
    people = People(read_population(population))
    in_all = None
    with show.progress() as bars:
        task = bars.add_task("each roof", total=len(stations))
        figures = figures_of(
            people,
            stations,
            budget,
            scenario,
            probability=probability,
            resolution_m=resolution,
            reach_km=reach,
            progress=lambda done: bars.advance(task, done),
        )
        if together or drawn:
            joint = bars.add_task("all at once", total=len(stations))
            field = field_of(
                people,
                stations,
                budget,
                scenario,
                resolution_m=resolution,
                reach_km=reach,
                progress=lambda done: bars.advance(joint, done),
            )
            in_all = figures_together(field, probability, share) if together else None
            if drawn:
                title = f"{budget.id}, {scenario}: {MAP_NAMES[quantity]}, {PLACE_NAMES[place]}"
                write_maps(map_of(field, quantity, place, share), quantity, title, stations, png, geotiff, contours)
    warnings = warnings_of(stations, budget, scenario)
    document = coverage_document(budget, scenario, probability, resolution, reach, figures, in_all, warnings)
    show.emit(document, as_json, _print_coverage)
    if not as_json:
        for file in files.values():
            if file is not None:
                show.note(f"written to {file}")


def _check_files(files: dict[str, Path | None]) -> None:
    for option, file in files.items():
        if file is not None and not file.parent.is_dir():
            raise own_problem("usage", f"{option}: there is no folder {file.parent}")


def _stations(
    at: str | None, sites: Path | None, height_m: float | None, azimuths_deg: list[float], tilt_deg: float | None
) -> "list[Station]":
    from maillage.services.roof.coverage.station import Station
    from maillage.services.roof.coverage.station_files import read_stations

    if sites is not None:
        return read_stations(sites, height_m, azimuths_deg, tilt_deg)
    if height_m is None:
        raise own_problem("usage", "a roof given by --at needs its --height in metres")
    lat, lon = parse_place(at or "")
    azimuths = tuple(azimuths_deg)
    return [Station(id=AT, lat=lat, lon=lon, height_m=height_m, azimuths_deg=azimuths, tilt_deg=tilt_deg)]


def _print_coverage(document: dict[str, Any]) -> None:
    radio, roofs = document["radio"], document["roofs"]
    show.say(
        f"{len(roofs):,} roof{'' if len(roofs) == 1 else 's'}, {radio['band']} at {radio['fc_ghz']:g} GHz,"
        f" {radio['scenario']}; covered is where a signal is enough with a chance of"
        f" {radio['probability']:g}, within {radio['reach_km']:g} km.",
        "bold",
    )
    (_print_roof if len(roofs) == 1 else _print_roofs)(roofs)
    if document["together"] is not None:
        _print_together(document["together"])
    show.note(document["note"])
    show.note(
        f"People by raster: spread over the land, in cells of {radio['resolution_m']:g} m. By tract: all at their"
        " tract's point, which is coarse below 3 km. Expected: each person by their own chance."
    )
    for warning in document["warnings"][:WARNINGS_SHOWN]:
        show.note(warning)


def _print_roof(roofs: list[dict[str, Any]]) -> None:
    columns = ("place", "cell km", "km2", "people", "expected", "by tract", "expected by tract")
    rows = []
    for place, name in PLACE_NAMES.items():
        figures = roofs[0][place]
        people = (figures[key] for key in ("people", "people_expected", "people_by_tract", "people_by_tract_expected"))
        rows.append((name, _cell(figures), f"{figures['km2']:,.2f}", *(f"{each:,.0f}" for each in people)))
    show.print_table(columns, rows, right=columns[1:])


def _print_roofs(roofs: list[dict[str, Any]]) -> None:
    columns = ["roof"]
    for short in ("out", "in low", "in high"):
        columns += [f"{short}: cell km", "km2", "people", "by tract"]
    rows = []
    for roof in roofs:
        row = [roof["id"]]
        for place in PLACE_NAMES:
            figures = roof[place]
            people, by_tract = figures["people"], figures["people_by_tract"]
            row += [_cell(figures), f"{figures['km2']:,.2f}", f"{people:,.0f}", f"{by_tract:,.0f}"]
        rows.append(row)
    show.print_table(columns, rows, right=columns[1:])


def _cell(figures: dict[str, Any]) -> str:
    """A cell that ends only where the model does may be larger."""
    return f">={figures['cell_km']:g}" if figures["cell_capped"] else f"{figures['cell_km']:.3f}"


def _print_together(together: dict[str, Any]) -> None:
    show.say("")
    show.say(
        f"Together: {together['people_in_reach']:,.0f} people on {together['km2_in_reach']:,.1f} km2 are within reach"
        f" of any; each counts once. SINR with the others {together['load']:.0%} busy.",
        "bold",
    )
    columns = ("place", "km2", "people", "expected", "SINR dB: 10 %", "50 %", "90 %", "people at 0 dB", "at 10 dB")
    rows = []
    for place, name in PLACE_NAMES.items():
        figures = together[place]
        above = {each["db"]: f"{each['share']:.1%}" for each in figures["sinr_above"]}
        quantiles = [f"{each:.1f}" for each in figures["sinr_db"]] or ["", "", ""]
        people = f"{figures['people']:,.0f}", f"{figures['people_expected']:,.0f}"
        rows.append((name, f"{figures['km2']:,.2f}", *people, *quantiles, above.get(0.0, ""), above.get(10.0, "")))
    show.print_table(columns, rows, right=columns[1:])
