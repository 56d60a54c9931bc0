"""``roof plan``: which roofs are best."""

from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import PAGE_MAX, Api, path
from maillage.faces.cli.options import Bounded, Json, Near, parse_place
from maillage.faces.cli.roof_catalogue import (
    AboveNeighbours,
    Band,
    Country,
    FibrePairs,
    FreeMounts,
    Geojson,
    PlaceOption,
    PowerKw,
    Probability,
    Region,
    ScenarioOption,
    UnknownHeights,
    WithinKm,
    require_folder,
    write_json,
)

ROWS_SHOWN = 25


def plan(
    count: Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="At most so many roofs.")] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="AMOUNT", help="At most this for a year's asking rent of a mount.")
    ] = None,
    catchment_km: Annotated[
        float | None, Bounded("--catchment-km", "A roof serves all who live so near to it.", metavar="KM")
    ] = None,
    band: Band = None,
    place: PlaceOption = None,
    probability: Probability = None,
    scenario: ScenarioOption = None,
    problem: Annotated[
        str | None, typer.Option("--problem", metavar="NAME", help="cover (the most people) or p-median (the nearest).")
    ] = None,
    country: Country = None,
    region: Region = None,
    near: Near = None,
    within_km: WithinKm = None,
    above_neighbours: AboveNeighbours = None,
    unknown_heights: UnknownHeights = False,
    power_kw: PowerKw = None,
    fibre_pairs: FibrePairs = None,
    free_mounts: FreeMounts = None,
    fixed: Annotated[
        list[str] | None, typer.Option("--fixed", metavar="SITE", help="In the plan in any case; repeat for more.")
    ] = None,
    separation_km: Annotated[float | None, Bounded("--separation-km", "No two nearer than this.", metavar="KM")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Prove that no other plan is better, if time suffices.")
    ] = False,
    time_limit: Annotated[float | None, Bounded("--time-limit", "Seconds for --exact; 60.", metavar="S")] = None,
    uniform: Annotated[bool, typer.Option("--uniform", help="Every roof costs 1, whatever its rent.")] = False,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the plan into this file.")] = None,
    geojson: Geojson = None,
    as_json: Json = False,
) -> None:
    """Choose the best roofs: for the most people, or the nearest to them."""
    for file, option in ((png, "--png"), (geojson, "--geojson")):
        require_folder(file, option)
    wanted = {
        "by": {"catchment_km": catchment_km, "band": band, "place": place, "probability": probability}
        | {"scenario": scenario},
        "count": count,
        "budget": budget,
        "problem": problem,
        "country": country,
        "region": region,
        "near": _near(near, within_km),
        "min_above_neighbours_m": above_neighbours,
        "unknown_heights": unknown_heights,
        "power_kw": power_kw,
        "fibre_pairs": fibre_pairs,
        "free_mounts": free_mounts,
        "fixed": fixed or [],
        "separation_km": separation_km,
        "method": "exact" if exact else "greedy",
        "time_limit_s": time_limit,
        "cost": "uniform" if uniform else "asking_rent",
    }
    with Api() as api, show.progress() as bars:
        bars.add_task("planning", total=None)
        found = api.call("POST", path("roof-plans"), json=_said(wanted))
        params = {"country": country, "region": region, "near": near, "within_km": within_km}
        roofs = [] if png is None else api.page(path("roofs"), params, PAGE_MAX, None, everything=True)["items"]
    _write(found, roofs, png, geojson)
    show.emit(found, as_json, _print_plan)
    if not as_json:
        for file in (png, geojson):
            if file is not None:
                show.note(f"written into {file}")


def _said(wanted: dict[str, Any]) -> dict[str, Any]:
    """Only what was said: the server knows what the rest is."""
    return {
        name: _said(value) if isinstance(value, dict) else value for name, value in wanted.items() if value is not None
    }


def _near(near: str | None, within_km: float | None) -> dict[str, float] | None:
    if near is None and within_km is None:
        return None
    if near is None or within_km is None:
        raise typer.BadParameter("--near and --within-km go together in a plan", param_hint="'--near'")
    lat, lon = parse_place(near)
    return {"lat": lat, "lon": lon, "within_km": within_km}


def _write(found: dict[str, Any], roofs: list[dict[str, Any]], png: Path | None, geojson: Path | None) -> None:
    if png is None and geojson is None:
        return
    import msgspec

    from maillage.services.roof.catalogue.geojson import plan_geojson
    from maillage.services.roof.catalogue.plan_documents import PlanDocument
    from maillage.services.roof.catalogue.plan_picture import draw

    plan = msgspec.convert(found, PlanDocument)
    if png is not None:
        chosen = {roof.site for roof in plan.roofs}
        draw(plan, [(roof["lat"], roof["lon"]) for roof in roofs if roof["site"] not in chosen], png)
    if geojson is not None:
        write_json(plan_geojson(plan), geojson)


def _print_plan(found: dict[str, Any]) -> None:
    by = found["by"]
    reached = f"live within {by['catchment_km']:g} km" if by["band"] is None else f"are reached by {by['band']}"
    where = "" if by["band"] is None else f" {_WHERE[by['place']]}"
    count = len(found["roofs"])
    show.say(
        f"{_roofs(count)}: {found['people']:,} of {found['population']:,} people"
        f" ({found['share']:.2%}) {reached}{where}.",
        "bold",
    )
    passed_over = ", ".join(f"{number:,} by {reason}" for reason, number in found["passed_over"].items())
    without = found["sites_without_roof"]
    show.print_facts(
        [
            ("on average", _mean(found)),
            ("a year's rent of a mount each", _rent(found)),
            ("quality", _quality(found)),
            ("chosen from", f"{_roofs(found['candidates'])} in {found['seconds']:.2f} s, {found['method']}"),
            ("passed over", passed_over or None),
            ("sites without a roof record", f"{without:,}" if without else None),
        ]
    )
    rows = [
        (
            number,
            roof["site"],
            roof["name"],
            f"{roof['people']:,}",
            None if roof["cell_km"] is None else f"{roof['cell_km']:.3f}",
            None if roof["rent_per_year"] is None else show.grouped(roof["rent_per_year"]),
            "fixed" if roof["fixed"] else None,
        )
        for number, roof in enumerate(found["roofs"][:ROWS_SHOWN], 1)
    ]
    columns = ("no.", "site", "name", "people", "cell km", "rent a year", "")
    show.print_table(columns, rows, ("no.", "people", "cell km", "rent a year"))
    if count > ROWS_SHOWN:
        show.note(f"{count - ROWS_SHOWN:,} more; --json and --geojson have all")


_WHERE = {"outdoor": "outdoors", "indoor_low": "behind light walls", "indoor_high": "behind heavy walls"}


def _mean(found: dict[str, Any]) -> str | None:
    if found["mean_km"] is None:
        return None
    far = f"{found['by']['catchment_km']:g} km"
    return f"{found['mean_km']:.3f} km to the nearest of them; whoever has none within {far} counts with {far}"


def _rent(found: dict[str, Any]) -> str | None:
    return None if found["cost"] is None else f"{show.grouped(found['cost'])} {found['currency']}"


def _roofs(count: int) -> str:
    return f"{count:,} roof{'' if count == 1 else 's'}"


def _quality(found: dict[str, Any]) -> str:
    if found["proved"]:
        return "no other plan is better"
    return f"no plan can be better by more than {found['gap']:.3%}"
