"""``sensing readings``: what a device measured, as a chart, a picture, CSV or JSON."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Json

_HOUR_S, _DAY_S = 3_600, 86_400
STEPS_S = (1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, *(hours * _HOUR_S for hours in (1, 2, 3, 6, 12)), _DAY_S)
"""Steps that a chart may have: each column or pixel of it takes one or a few."""
_SPAN = re.compile(r"(\d{1,6})(m|h|d)")
_SPAN_S = {"m": 60, "h": 3_600, "d": 86_400}


def readings(
    device: Annotated[str, typer.Argument(metavar="DEVICE")],
    measure: Annotated[str | None, typer.Option("--measure", metavar="NAME", help="If it has several.")] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="TIME", help="RFC 3339, with its zone.")] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="RFC 3339; now if left out.")] = None,
    last: Annotated[str | None, typer.Option("--last", metavar="SPAN", help="90m, 24h, 30d: up to the end.")] = None,
    step_s: Annotated[
        int | None, typer.Option("--step-s", min=1, help="Smallest, mean and greatest of each so many seconds.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Also write a picture.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """What a device measured: the last 24 hours, unless told otherwise.

    A chart has steps that fit it; --csv and --json give each reading, or with --step-s steps of that length.
    """
    from maillage.kernel.times import format_time, parse_time

    if start is not None and last is not None:
        raise typer.BadParameter("goes without --start: it says where the range begins", param_hint="'--last'")
    span_s = _span_s(last or "24h")
    with Api(devices=True) as api:
        beyond = _now(api) + 1 if end is None else parse_time(end, "end")
        first = beyond - span_s if start is None else parse_time(start, "start")
        params = {"measure": measure, "start": format_time(max(first, 0)), "end": format_time(beyond)}
        draws = not as_csv and not as_json
        chosen_s = step_s if step_s is not None or not (draws or png) else _step_s(beyond - first, png is not None)
        document = api.call("GET", path("devices", device, "readings"), params={**params, "step_s": chosen_s})
    if png is not None:
        _write_picture(png, document, first, beyond)
    if as_csv:
        sys.stdout.write("".join(_csv(document)))
    else:
        show.emit(document, as_json, lambda _: _print_chart(document, first, beyond))
    if png is not None and draws:
        show.note(f"the picture is in {png}")


def _span_s(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text[:40]!r} is not a span such as 90m, 24h or 30d", param_hint="'--last'")
    return int(found[1]) * _SPAN_S[found[2]]


def _now(api: Api) -> int:
    """By the clock of the chain, where it is in this process."""
    import time

    return int(time.time()) if api.chain is None else api.chain.clock.now()


def _step_s(span_s: int, fine: bool) -> int:
    """The step of which a chart or picture of so long a time has place for all."""
    from maillage.faces.cli.sensing_chart import COLUMNS

    most = 1_100 if fine else 2 * COLUMNS
    return next((step for step in STEPS_S if span_s / step <= most), -(-span_s // most // _DAY_S) * _DAY_S)


def _csv(document: dict[str, Any]) -> list[str]:
    columns = ("at", "value") if document["step_s"] is None else ("at", "low", "mean", "high", "count")
    lines = [",".join(str(item[name]) for name in columns) + "\r\n" for item in document["items"]]
    return [",".join(columns) + "\r\n", *lines]


def _bands(document: dict[str, Any]) -> list[tuple[float, float, float, float]]:
    from datetime import datetime

    return [
        (
            datetime.fromisoformat(item["at"]).timestamp(),
            item.get("low", item.get("value")),
            item.get("mean", item.get("value")),
            item.get("high", item.get("value")),
        )
        for item in document["items"]
    ]


def _title(document: dict[str, Any]) -> str:
    return f"{document['measure']} of {document['device']}, {document['unit'] or 'no unit known'}"


def _print_chart(document: dict[str, Any], first: int, beyond: int) -> None:
    from maillage.faces.cli.sensing_chart import COLUMNS, Band, draw
    from maillage.kernel.times import format_time

    bands = _bands(document)
    if not bands:
        show.say(f"{document['device']} has no {document['measure']} from {document['start']} to {document['end']}.")
        return
    show.say(_title(document), "bold")
    chart = draw([Band(at, low, high) for at, low, _, high in bands], first, beyond, show.draws_blocks())
    labels = {0: f"{chart.top:,.10g}", len(chart.lines) - 1: f"{chart.bottom:,.10g}"}
    width = max(map(len, labels.values()))
    for number, line in enumerate(chart.lines):
        show.say(f"{labels.get(number, ''):>{width}} {line}", "cyan")
    left, right = format_time(first), format_time(beyond)
    show.say(f"{'':{width}} {left}{right:>{COLUMNS - len(left)}}", "dim")
    items = document["items"]
    count = sum(item.get("count", 1) for item in items)
    mean = sum(item.get("mean", item.get("value")) * item.get("count", 1) for item in items) / count
    show.say(f"{'':{width}} {chart.bottom:,.10g} to {chart.top:,.10g}, mean {mean:,.6g}, {count:,} readings")
    if document["full_since"] is not None and document["start"] < document["full_since"]:
        show.note(f"before {document['full_since']} there are sums by the hour only")


def _write_picture(png: Path, document: dict[str, Any], first: int, beyond: int) -> None:
    from maillage.faces.cli.failures import own_problem
    from maillage.faces.cli.sensing_picture import Point, picture

    points = [Point(*band) for band in _bands(document)]
    if not points:
        raise own_problem("usage", f"{document['device']} measured nothing then, so there is no picture to draw")
    gap_s = 3 * (document["step_s"] or max(60.0, (beyond - first) / 500))
    picture(png, _title(document), points, first, beyond, gap_s)
