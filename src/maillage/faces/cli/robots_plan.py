"""``robots plan``: the way of a cleaning robot over a floor."""

from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Bounded, Json


def plan(
    floor: Annotated[
        Path, typer.Argument(metavar="FLOOR", help="GeoJSON in metres, or an occupancy image (.png, .pgm).")
    ],
    width: Annotated[float, Bounded("--width", "What the brush cleans, in metres.", metavar="M")] = 0.7,
    radius: Annotated[
        float | None, Bounded("--radius", "What the robot keeps clear of obstacles; half the width.", metavar="M")
    ] = None,
    dock: Annotated[
        str | None, typer.Option("--dock", metavar="X,Y", help="Begin and end here, in the floor's metres.")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="X,Y", help="Begin here.")] = None,
    resolution: Annotated[float | None, Bounded("--resolution", "Metres a pixel of an image.", metavar="M")] = None,
    speed: Annotated[float, Bounded("--speed", "Metres a second, for the time it takes.", metavar="M/S")] = 0.7,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the plan into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Plan how a robot cleans a floor: a path that its brush covers the floor on, and what it is worth."""
    begins, docks = _place(start, "--start"), _place(dock, "--dock")
    if png is not None and not png.parent.is_dir():
        raise own_problem("usage", f"--png: there is no folder {png.parent}")

    from maillage.services.robots.coverage.documents import plan_document
    from maillage.services.robots.coverage.planner import plan_floor
    from maillage.services.robots.coverage.reading import read_floor

    made = plan_floor(read_floor(floor, resolution), width, radius, dock=docks, start=begins, speed_m_s=speed)
    if png is not None:
        from maillage.services.robots.coverage.picture import draw

        draw(made, png)
    show.emit(plan_document(made), as_json, _print_plan)
    if png is not None and not as_json:
        show.note(f"drawn into {png}")


def _place(text: str | None, option: str) -> tuple[float, float] | None:
    if text is None:
        return None
    from math import isfinite

    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is not X,Y such as 1.5,2", param_hint=f"'{option}'") from None
    if not (isfinite(x) and isfinite(y)):
        raise typer.BadParameter(f"{text[:40]!r} is not two finite numbers", param_hint=f"'{option}'")
    return x, y


def _print_plan(document: dict[str, Any]) -> None:
    figures, robot = document["figures"], document["robot"]
    name = document["floor"]["name"]
    show.say(
        f"{name + ': ' if name else ''}{figures['covered_share']:.2%} of the {figures['reachable_m2']:,.1f} m2"
        f" that can be reached, in {_duration(figures['time_s'])}.",
        "bold",
    )
    show.print_facts(
        [
            ("path", f"{figures['path_m']:,.1f} m at {robot['speed_m_s']:g} m/s, {figures['turns']:,} turns"),
            ("of it without cleaning", f"{figures['transit_m']:,.1f} m"),
            ("ratio", f"{figures['ratio']:.3f} times area / width; {figures['overlap_share']:.1%} cleaned twice"),
            ("missed", f"{figures['missed_m2']:,.2f} m2, {_spots(document['missed'], 'spot')} to see"),
            ("unreachable", f"{figures['unreachable_m2']:,.2f} m2, {_spots(document['unreachable'], 'part')} to see"),
            ("robot", f"cleans {robot['width_m']:g} m, keeps {robot['radius_m']:g} m clear"),
        ]
    )


def _spots(area: dict[str, Any], noun: str) -> str:
    count = len(area["coordinates"])
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
