"""``roof choose``: which few of many places serve the most demand, or are nearest to it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from maillage.faces.cli import show
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Bounded, Json

if TYPE_CHECKING:
    from maillage.services.roof.siting.instances.making import Kind
    from maillage.services.roof.siting.plan import Method, Plan
    from maillage.services.roof.siting.problem import Problem

Meant = TypeVar("Meant")
PROBLEMS: dict[str, "Kind"] = {
    "mclp": "mclp",
    "p-median": "p-median",
    "pmedian": "p-median",
    "p-median (weighted)": "p-median",
}
"""Names of the problems, as they are published too."""
METHODS: dict[str, "Method"] = {"greedy": "greedy", "exact": "exact"}
TOLD_FIRST = 12
"""Chosen ones that a person is shown; programs get all."""


def choose(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Sites (CSV, GeoJSON), points with demand, a table of distances, or a p-median graph."
        ),
    ],
    method: Annotated[
        str, typer.Option("--method", metavar="NAME", help="greedy: in seconds, with its gap. exact: the proved best.")
    ] = "greedy",
    problem: Annotated[
        str | None, typer.Option("--problem", metavar="NAME", help="mclp or p-median; by the file unless given.")
    ] = None,
    p: Annotated[
        int | None, typer.Option("--p", metavar="N", help="How many to choose, the fixed ones included.")
    ] = None,
    radius: Annotated[float | None, Bounded("--radius", "The catchment, in metres.", metavar="METRES")] = None,
    miles: Annotated[float | None, Bounded("--miles", "The catchment, in miles.", metavar="N")] = None,
    km: Annotated[float | None, Bounded("--km", "The catchment, in kilometres.", metavar="N")] = None,
    population: Annotated[
        Path | None,
        typer.Option("--population", metavar="FILE", help="For sites: CSV with lat,lon,population; .gz is unpacked."),
    ] = None,
    budget: Annotated[float | None, Bounded("--budget", "What the chosen may cost at most.", metavar="AMOUNT")] = None,
    cost_attribute: Annotated[
        str | None,
        typer.Option("--cost-attribute", metavar="NAME", help="The sites' attribute with their cost, if not 'cost'."),
    ] = None,
    fixed: Annotated[
        list[str] | None, typer.Option("--fixed", metavar="ID", help="This one stands already; repeat it for more.")
    ] = None,
    separation_km: Annotated[
        float, Bounded("--separation-km", "Chosen ones are at least so far apart.", metavar="KM", min=0)
    ] = 0.0,
    time_limit: Annotated[
        float, Bounded("--time-limit", "The exact method ends after so many seconds.", metavar="S")
    ] = 300.0,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the choice into this file.")] = None,
    geojson: Annotated[
        Path | None, typer.Option("--geojson", metavar="FILE", help="Write the chosen sites into this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Choose the few of many places that serve the most people, or are nearest to them."""
    wanted_kind = None if problem is None else _one_of(PROBLEMS, problem, "--problem")
    wanted_method = _one_of(METHODS, method, "--method")
    radius_m = _metres(radius, miles, km)
    for option, path in (("--png", png), ("--geojson", geojson)):
        if path is not None and not path.parent.is_dir():
            raise own_problem("usage", f"{option}: there is no folder {path.parent}")

    from maillage.services.roof.siting.documents import chosen_geojson, plan_document, require_degrees
    from maillage.services.roof.siting.instances.making import Wanted, kind_of, make_problem, radius_of
    from maillage.services.roof.siting.instances.reading import read_instance
    from maillage.services.roof.siting.picture import draw, require_places

    instance = read_instance(file, population, cost_attribute)
    wanted = Wanted(
        kind=wanted_kind or kind_of(instance),
        p=p,
        radius_m=radius_m,
        budget=budget,
        fixed=tuple(fixed or ()),
        separation_km=separation_km,
    )
    if png is not None:
        require_places(instance)
    if geojson is not None:
        require_degrees(instance)
    counted_m = radius_of(instance, wanted)
    made = make_problem(instance, wanted)
    plan = _solve(made, wanted_method, time_limit)
    if png is not None:
        draw(instance, plan, counted_m, png)
    if geojson is not None:
        geojson.write_text(json.dumps(chosen_geojson(instance, plan, counted_m)) + "\n", "utf-8")
    show.emit(plan_document(file.name, wanted, made.p, counted_m, plan), as_json, _print_plan)
    for path, done in ((png, "drawn into"), (geojson, "written into")):
        if path is not None and not as_json:
            show.note(f"{done} {path}")


def _solve(problem: "Problem", method: "Method", time_limit_s: float) -> "Plan":
    from maillage.services.roof.siting.solve import solve

    with show.progress() as bars:
        task = bars.add_task("choosing", total=1.0)

        def told(what: str, share: float) -> None:
            bars.update(task, description=what, completed=share)

        return solve(problem, method, told, time_limit_s)


def _one_of(names: Mapping[str, Meant], text: str, option: str) -> Meant:
    if text.lower() not in names:
        raise typer.BadParameter(f"{text[:40]!r} is not one of {', '.join(names)}", param_hint=f"'{option}'")
    return names[text.lower()]


def _metres(radius: float | None, miles: float | None, km: float | None) -> float | None:
    given = [(radius, 1.0), (miles, 1_609.344), (km, 1_000.0)]
    metres = [number * unit for number, unit in given if number is not None]
    if len(metres) > 1:
        raise own_problem("usage", "--radius, --miles and --km say the same: give one of them")
    return metres[0] if metres else None


def _print_plan(document: dict[str, Any]) -> None:
    chosen, share = document["in_order"], document["covered_share"]
    if document["problem"] == "mclp":
        show.say(
            f"{len(chosen):,} of {document['candidates']:,} cover {document['objective']:,}, {share:.2%} of demand.",
            "bold",
        )
    else:
        show.say(
            f"{len(chosen):,} of {document['candidates']:,} leave a weighted distance of {document['objective']:,}.",
            "bold",
        )
    if document["proved"]:
        worth = "the best there is, proved"
    else:
        side = "more" if document["problem"] == "mclp" else "less"
        worth = f"no choice has {side} than {document['bound']:,}: at most {document['gap']:.3%} from the best"
    radius_m, cost = document["radius_m"], document["cost"]
    show.print_facts(
        [
            ("proof", worth),
            (
                "catchment",
                None if radius_m is None else f"{radius_m / 1_000:,.3f} km ({radius_m / 1_609.344:,.3f} miles)",
            ),
            ("cost", None if cost is None else f"{cost:,}"),
            ("demand", f"{document['demands']:,} places, {document['demands_merged']:,} once equal ones are one"),
            ("taken", f"{document['seconds']:.2f} s, {document['method']}"),
            ("chosen", ", ".join(chosen[:TOLD_FIRST]) or "none: nothing is served by any"),
        ]
    )
    if len(chosen) > TOLD_FIRST:
        show.note(f"and {len(chosen) - TOLD_FIRST:,} more, in order of choice: --json names all.")
