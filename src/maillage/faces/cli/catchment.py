"""``catchment``: how far people live from their nearest store."""

from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import PAGE_MAX, Api, path
from maillage.faces.cli.options import Bounded, Json


def catchment(
    population: Annotated[
        Path,
        typer.Option(
            "--population", metavar="FILE", help="CSV with lat,lon,population and maybe geoid; .gz is unpacked."
        ),
    ],
    miles: Annotated[float, Bounded("--miles", "The distance that the share is given for.", min=0, metavar="N")] = 10,
    territories: Annotated[
        bool, typer.Option("--territories", help="Count Puerto Rico and other island areas (by geoid) too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """How far people live from their nearest store."""
    import msgspec

    from maillage.kernel.catchment import catchment as measure
    from maillage.kernel.geo import KM_PER_MILE
    from maillage.kernel.population import read_population

    people = read_population(population, territories)
    with Api() as api, show.progress() as bars:
        task = bars.add_task("reading the stores", total=None)
        sites = api.page(path("sites"), {}, PAGE_MAX, None, everything=True)["items"]
        bars.update(task, description="measuring")
        answer = measure([site["lat"] for site in sites], [site["lon"] for site in sites], people, miles * KM_PER_MILE)
    show.emit(msgspec.to_builtins(answer), as_json, _print_catchment)


def _print_catchment(answer: dict[str, Any]) -> None:
    show.say(
        f"{answer['share']:.2%} of {answer['people']:,} people ({answer['places']:,} places) have one of"
        f" {answer['sites']:,} stores within {answer['within_miles']:g} miles.",
        "bold",
    )
    show.print_facts(
        [
            ("on average", f"{answer['mean_miles']:.3f} miles ({answer['mean_km']:.3f} km)"),
            ("half of them within", f"{answer['median_miles']:.3f} miles ({answer['median_km']:.3f} km)"),
        ]
    )
    rows = [
        (f"{ring['miles']:g}", f"{ring['people']:,}", f"{ring['share']:.2%}", show.bar(ring["share"]))
        for ring in answer["rings"]
    ]
    show.print_table(("miles", "people", "share", ""), rows, right=("miles", "people", "share"))
    if answer["places_left_out"]:
        show.note(
            f"Left out: {answer['people_left_out']:,} people in {answer['places_left_out']:,} places of Puerto Rico and"
            " other island areas; --territories counts them."
        )
