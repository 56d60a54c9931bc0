"""``capacity``: what a store offers of each kind, and how much of it is leased."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.chart import Step, draw
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Json, Start

app = typer.Typer(no_args_is_help=True, help="What a store offers: set, show.")
WEEK_S = 7 * 86_400

SiteId = Annotated[str, typer.Argument(metavar="SITE")]


@app.command("set")
def set_capacity(
    site: SiteId,
    kind: Annotated[str, typer.Argument(metavar="KIND")],
    size: Annotated[str, typer.Argument(metavar="SIZE", help="In the kind's unit; 0 closes the pool.")],
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="RFC 3339; now if left out.")] = None,
    notice_s: Annotated[
        int,
        typer.Option("--notice-s", min=0, help="Seconds that spot leases are warned before firm takes their place."),
    ] = 0,
    calendar: Annotated[
        str | None,
        typer.Option(
            "--calendar",
            metavar="FILE_OR_JSON",
            help='Weekly hours in the site\'s time, such as {"mon": [["08:00", "20:00"]]}; always open if left out.',
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a pool its size, notice and calendar, all three at once."""
    plan: dict[str, Any] = {"size": size, "notice_s": notice_s}
    if since is not None:
        plan["from"] = since
    if calendar is not None:
        plan["calendar"] = _calendar(calendar)
    with Api() as api:
        answer = api.call("PUT", path("sites", site, "capacity", kind), json=plan)
    show.emit(answer, as_json, lambda pool: show.say(f"{site}: {_headline(pool)}"))


@app.command("show")
def show_capacity(
    site: SiteId,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only this kind.")] = None,
    start: Start = None,
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="RFC 3339; a week after the start.")] = None,
    as_json: Json = False,
) -> None:
    """The pools of a store over time: what is committed, what all classes take, and what there is."""
    with Api() as api:
        answer = api.call("GET", path("sites", site, "capacity"), params={"kind": kind, "start": start, "end": end})
    show.emit(answer, as_json, lambda document: _print_pools(site, document, end))


def _calendar(text: str) -> Any:
    hint = "'--calendar'"
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text("utf-8")
        except OSError as fault:
            raise typer.BadParameter(f"{text[:80]} can't be read: {fault.strerror or fault}", param_hint=hint) from None
        except UnicodeDecodeError:
            raise typer.BadParameter("the file is not UTF-8", param_hint=hint) from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise typer.BadParameter(f"is not JSON: {fault}", param_hint=hint) from None


def _print_pools(site: str, document: dict[str, Any], end: str | None) -> None:
    pools = document.get("items", [document])
    if not pools:
        show.say(f"{site} offers nothing yet; 'maillage capacity set' declares what it has.")
    for number, pool in enumerate(pools):
        if number:
            show.say("")
        show.say(_headline(pool), "bold")
        _print_curve(pool, end)


def _headline(pool: dict[str, Any]) -> str:
    parts = [f"{pool['kind']}: {pool['size']:,} {pool['unit']}"]
    parts += [f"{size:,} from {at}" for at, size in pool["sizes"]]
    if pool["notice_s"]:
        parts.append(f"{pool['notice_s']} s notice")
    if pool["calendar"] is not None:
        days = (f"{day} {' '.join('-'.join(window) for window in open_)}" for day, open_ in pool["calendar"].items())
        parts.append("open " + ", ".join(days))
    return ", ".join(parts)


def _print_curve(pool: dict[str, Any], end: str | None) -> None:
    from maillage.kernel.times import format_time, parse_time

    committed: list[Step] = [(parse_time(point["at"], "at"), point["committed"]) for point in pool["curve"]]
    everything: list[Step] = [(parse_time(point["at"], "at"), point["all"]) for point in pool["curve"]]
    start = committed[0][0]
    beyond = start + WEEK_S if end is None else parse_time(end, "end")
    sizes = [(start, pool["size"]), *((parse_time(at, "at"), size) for at, size in pool["sizes"])]
    chart = draw(committed, everything, sizes, beyond, show.draws_blocks())
    top, width = f"{chart.top:,.10g}", len(f"{chart.top:,.10g}")
    for number, line in enumerate(chart.lines):
        label = top if number == 0 else "0" if number == len(chart.lines) - 1 else ""
        show.say(f"{label:>{width}} {line}", "cyan")
    first, last = format_time(start), format_time(beyond)
    show.say(f"{'':{width}} {first}{last:>{len(chart.lines[0]) - len(first)}}", "dim")
    firm, used = max(level for _, level in committed), max(level for _, level in everything)
    show.say(
        f"{'':{width}} committed {committed[0][1]:,} at the start and at most {firm:,};"
        f" with spot {everything[0][1]:,} and at most {used:,}"
    )
