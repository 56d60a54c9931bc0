"""``compute house``: what is kept for a store's own work, and what that leaves to sell."""

import math
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.chart import Step, draw
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Bounded, Json
from maillage.services.compute.harvest import QUANTILE

app = typer.Typer(no_args_is_help=True, help="The shop's own work: set, show, drop, report.")

SiteId = Annotated[str, typer.Argument(metavar="SITE")]


@app.command("set")
def set_house(
    site: SiteId,
    off: Annotated[bool, typer.Option("--off", help="Measure and learn, but lease nothing.")] = False,
    quantile: Annotated[
        float,
        Bounded("--quantile", "Share of hours in which the house is to get all it needs at once.", metavar="Q"),
    ] = QUANTILE,
    headroom: Annotated[
        str, typer.Option("--headroom", metavar="VCPU", help="What it is to have above that at any time.")
    ] = "0",
    horizon_h: Annotated[
        int, typer.Option("--horizon-h", metavar="HOURS", help="How far ahead its leases stand, this hour included.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Have what a store's own work will need leased for it before anybody else. What is left out is as at first."""
    wanted = {"on": not off, "quantile": quantile, "headroom": headroom, "horizon_h": horizon_h}
    with Api(runs_code=True) as api:
        answer = api.call("PUT", path("sites", site, "house"), json=wanted)
    show.emit(answer, as_json, lambda house: show.say(_headline(house)))


@app.command("show")
def show_house(site: SiteId, as_json: Json = False) -> None:
    """What a store's own work uses, what is kept for it, and what is left, now and over the next day."""
    with Api(runs_code=True) as api:
        answer = api.call("GET", path("sites", site, "house"))
    show.emit(answer, as_json, _print_house)


@app.command("drop")
def drop_house(site: SiteId, as_json: Json = False) -> None:
    """Keep nothing for a store's own work any more, and forget what was learnt of it."""
    with Api(runs_code=True) as api:
        api.call("DELETE", path("sites", site, "house"))
    dropped = {"site": site, "dropped": True}
    show.emit(dropped, as_json, lambda _: show.say(f"nothing is kept for the house of {site} any more"))


@app.command("report")
def report_use(
    site: SiteId,
    cpu: Annotated[float, typer.Argument(metavar="VCPU", min=0, help="What the store's own work uses now.")],
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="RFC 3339; now if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what a store's own work uses, as its monitoring has it; it counts for a minute."""
    if not math.isfinite(cpu):
        raise typer.BadParameter("must be a finite number", param_hint="'VCPU'")
    report = {"cpu": cpu} if at is None else {"cpu": cpu, "at": at}
    with Api(runs_code=True) as api:
        answer = api.call("POST", path("sites", site, "house", "use"), json=report)
    show.emit(answer, as_json, lambda use: show.say(f"{site}: {_use(use)}"))


def _headline(house: dict[str, Any]) -> str:
    if not house["on"]:
        return f"{house['site']}: off, {_use(house['use'])} of {house['size']:,} vCPU"
    return (
        f"{house['site']}: {house['kept']:,} of {house['size']:,} vCPU kept for the house, {house['leased']:,} leased; "
        f"{house['left']:,} left to sell"
    )


def _use(use: dict[str, Any]) -> str:
    return "no news of what the house uses" if use["cpu"] is None else f"the house uses {use['cpu']:,} vCPU"


def _print_house(house: dict[str, Any]) -> None:
    show.say(_headline(house), "bold")
    learnt = f"learnt from {house['weeks']} weeks"
    use = house["use"]
    show.print_facts(
        [
            ("use", _use(use)),
            ("of it apps", f"{use['apps']:,}"),
            ("reported", None if use["reported"] is None else f"{use['reported']:,} at {use['reported_at']}"),
            ("profile", learnt if house["profile"] == "learnt" else "learning: it takes two weeks"),
            ("margin", f"{house['margin']:,}"),
            ("headroom", f"{house['headroom']:,}"),
            ("quantile", f"{house['quantile']:g}"),
            ("horizon", f"{house['horizon_h']} h"),
            ("short", f"{house['short']:,}: firm leases stand there" if house["short"] else None),
        ]
    )
    show.say("")
    _print_day(house["day"], house["size"])


def _print_day(day: list[dict[str, Any]], size: float) -> None:
    from maillage.kernel.times import DAY_S, format_time, parse_time

    starts = [parse_time(hour["at"], "at") for hour in day]
    house: list[Step] = [(at, max(hour["kept"], hour["leased"])) for at, hour in zip(starts, day, strict=True)]
    sold: list[Step] = [(at, level + hour["firm"] + hour["spot"]) for (at, level), hour in zip(house, day, strict=True)]
    chart = draw(house, sold, [(starts[0], size)], starts[0] + DAY_S, show.draws_blocks())
    width = len(f"{chart.top:,.10g}")
    for number, line in enumerate(chart.lines):
        label = f"{chart.top:,.10g}" if number == 0 else "0" if number == len(chart.lines) - 1 else ""
        show.say(f"{label:>{width}} {line}", "cyan")
    first, last = format_time(starts[0]), format_time(starts[0] + DAY_S)
    show.say(f"{'':{width}} {first}{last:>{len(chart.lines[0]) - len(first)}}", "dim")
    most, least = max(level for _, level in house), min(hour["left"] for hour in day)
    show.say(
        f"{'':{width}} at most {most:,} for the house (solid), then what is sold (shaded); at least {least:,} is left"
    )
