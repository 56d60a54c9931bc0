"""``sensing detect``, ``simulate`` and ``score``: anomalies in any series, freezers that fail, how soon it is seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.options import Json

if TYPE_CHECKING:
    from maillage.services.sensing.simulate.files import LabelledUnit, Labels
    from maillage.services.sensing.simulate.run import Run
    from maillage.services.sensing.warning.benchmark import FileScore
    from maillage.services.sensing.warning.scoring import Tally, UnitSeries

Devices = Annotated[int, typer.Option("--devices", help="Cabinets; every third is a chiller, the others freezers.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same run.")]


def detect(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Columns timestamp and value; .gz is unpacked.")],
    as_json: Json = False,
) -> None:
    """Score each row of any series for how unusual it is, by nothing but the rows before it.

    A row at 0.5 or above is an alarm. There is one threshold for every series, and nothing to set.
    """
    from maillage.services.sensing.warning.detect import detect as run_detector
    from maillage.services.sensing.warning.generic import THRESHOLD
    from maillage.services.sensing.warning.series import read_table

    with show.progress("rows") as bars:
        table = read_table(file)
        task = bars.add_task("scoring", total=len(table.at_s))
        found = run_detector(table, advance=lambda rows: bars.advance(task, rows))
    rows = [
        {"timestamp": stamp, "value": None if value != value else value, "score": round(score, 6), "alarm": alarm}
        for stamp, value, score, alarm in zip(
            table.stamps, table.columns["value"], found.scores, found.alarms, strict=True
        )
    ]
    learnt = next((row for row, at in enumerate(table.at_s) if at == found.learnt_from_s), None)
    document = {
        "file": str(file),
        "threshold": THRESHOLD,
        "count": len(rows),
        "alarms": sum(found.alarms),
        "missing": found.missing,
        "late": found.late,
        "interval_s": found.interval_s,
        "block_s": found.block_s,
        "learnt_from": None if learnt is None else table.stamps[learnt],
        "rows": rows,
    }
    show.emit(document, as_json, _print_detection)


def _print_detection(document: dict[str, Any]) -> None:
    interval = document["interval_s"]
    show.print_facts(
        [
            ("rows", f"{document['count']:,}"),
            ("interval", None if interval is None else f"{interval:g} s"),
            ("block", f"{document['block_s']:g} s"),
            ("learnt from", document["learnt_from"] or "too short: seven blocks are learnt before anything is scored"),
            ("missing", f"{document['missing']:,}" if document["missing"] else None),
            ("out of order", f"{document['late']:,}" if document["late"] else None),
            ("alarms", f"{document['alarms']:,}"),
        ]
    )
    if document["alarms"]:
        show.say("")
        show.print_table(
            ("timestamp", "value", "score"),
            [
                (row["timestamp"], f"{row['value']:g}", f"{row['score']:.3f}")
                for row in document["rows"]
                if row["alarm"]
            ],
            right=("value", "score"),
        )


def simulate(
    devices: Devices = 20,
    days: Annotated[int, typer.Option("--days", help="How long, from 2026-01-01 on.")] = 365,
    seed: Seed = 1,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A folder that is new or empty.")] = Path(
        "simulated-units"
    ),
    as_json: Json = False,
) -> None:
    """Simulate freezers and chillers a reading a minute, with faults, as CSV files and labels.json."""
    from maillage.services.sensing.simulate.files import require_new, write_run

    require_new(out)
    run = _run(devices, days, seed)
    with show.progress("files") as bars:
        task = bars.add_task("writing", total=devices)
        labels = write_run(out, run, seed, lambda: bars.advance(task))
    faults = [fault for unit in labels.units for fault in unit.faults]
    document = {
        "folder": str(out),
        "devices": devices,
        "days": days,
        "seed": seed,
        "readings": int((run.value == run.value).sum()),
        "faults": len(faults),
        "food_left_limits": sum(fault.food_left_s is not None for fault in faults),
    }
    show.emit(document, as_json, _print_simulation)


def _print_simulation(document: dict[str, Any]) -> None:
    show.say(
        f"{document['devices']} units for {document['days']} days in {document['folder']}: "
        f"{document['readings']:,} readings, {document['faults']} faults, of which {document['food_left_limits']} took "
        "food out of its limits."
    )


def _run(devices: int, days: int, seed: int) -> "Run":
    from maillage.services.sensing.simulate.run import require_sizes
    from maillage.services.sensing.simulate.run import simulate as run_simulation

    require_sizes(devices, days, seed)
    with show.progress("minutes") as bars:
        task = bars.add_task("simulating", total=days * 1_440)
        return run_simulation(devices, days, seed, lambda minutes: bars.advance(task, minutes))


def score(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A folder of 'sensing simulate', instead of simulating.")
    ] = None,
    devices: Devices = 12,
    days: Annotated[int, typer.Option("--days", help="How long to simulate.")] = 90,
    seed: Seed = 1,
    nab: Annotated[
        Path | None,
        typer.Option("--nab", metavar="DIR", help="Also score 'detect' on NAB's series: CSV files and labels.json."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score the rules' defaults and early warning on simulated faults: what was found before food left its limits."""
    from maillage.services.sensing.simulate.files import label, read_labels
    from maillage.services.sensing.warning.benchmark import score_folder
    from maillage.services.sensing.warning.scoring import score_units

    benchmark = None if nab is None else score_folder(nab)
    if folder is None:
        run = _run(devices, days, seed)
        labels = label(run, seed)
        series = _simulated(run, labels)
    else:
        labels = read_labels(folder)
        series = _recorded(folder, labels)
    with show.progress("units") as bars:
        task = bars.add_task("watching", total=len(labels.units))
        tally = score_units(series, advance=lambda: bars.advance(task))
    show.emit(_report(tally, labels, folder, benchmark), as_json, _print_score)


def _simulated(run: "Run", labels: "Labels") -> Iterator[tuple["LabelledUnit", "UnitSeries"]]:
    from maillage.services.sensing.warning.scoring import UnitSeries

    times_s = [float(labels.start_s + minute * labels.interval_s) for minute in range(run.value.shape[1])]
    for number, unit in enumerate(labels.units):
        door, defrost = run.door[number].tolist(), run.defrost[number].tolist()
        yield unit, UnitSeries(times_s, run.value[number].tolist(), door, defrost)


def _recorded(folder: Path, labels: "Labels") -> Iterator[tuple["LabelledUnit", "UnitSeries"]]:
    from maillage.services.sensing.warning.scoring import UnitSeries
    from maillage.services.sensing.warning.series import read_table

    for unit in labels.units:
        table = read_table(folder / unit.file, ("value", "door", "defrost"))
        door, defrost = ([each >= 0.5 for each in table.columns[name]] for name in ("door", "defrost"))
        yield unit, UnitSeries(table.at_s, table.columns["value"], door, defrost)


def _report(
    tally: "Tally", labels: "Labels", folder: Path | None, benchmark: "list[FileScore] | None"
) -> dict[str, Any]:
    from statistics import median

    def middle(hours: list[float]) -> float | None:
        return round(median(hours), 2) if hours else None

    months = tally.device_months
    kinds = [
        {
            "kind": kind.value,
            "faults": each.faults,
            "seen": each.seen,
            "harmful": each.harmful,
            "found": each.found,
            "found_by_advice": each.found_by_advice,
            "found_by_pages": each.found_by_page,
            "median_lead_h": middle(each.lead_h),
            "median_delay_h": middle(each.delay_h),
            "said": {said.value: count for said, count in sorted(each.said.items())},
        }
        for kind, each in sorted(tally.kinds.items())
    ]
    return {
        "folder": None if folder is None else str(folder),
        "units": tally.units,
        "days": labels.days,
        "seed": labels.seed,
        "readings": tally.readings,
        "device_months": round(months, 2),
        "harmful": tally.harmful,
        "found": sum(each.found for each in tally.kinds.values()),
        "recall": tally.recall,
        "median_lead_h": None if tally.median_lead_h is None else round(tally.median_lead_h, 2),
        "false_advice_per_device_month": round(tally.false_advice / months, 4) if months else None,
        "false_pages_per_device_month": round(tally.false_pages / months, 4) if months else None,
        "kinds": kinds,
        "missed": [
            {"unit": unit, "kind": fault.kind.value, "start_s": fault.start_s, "food_left_s": fault.food_left_s}
            for unit, fault in tally.missed
        ],
        "nab": None if benchmark is None else [_nab(each) for each in benchmark],
    }


def _nab(each: "FileScore") -> dict[str, Any]:
    return {
        "file": each.file,
        "rows": each.rows,
        "raw": round(each.score.raw, 4),
        "null": each.null,
        "windows": each.score.windows,
        "found": each.score.found,
        "false": each.score.false,
    }


def _print_score(report: dict[str, Any]) -> None:
    recall = "none took food out of its limits" if report["recall"] is None else f"{report['recall']:.1%} recall"
    lead = "" if report["median_lead_h"] is None else f", median lead {report['median_lead_h']:.1f} h"
    show.say(
        f"{report['found']} of {report['harmful']} harmful faults found before food left its limits ({recall}{lead}) "
        f"in {report['device_months']:g} device-months.",
        "bold",
    )
    if report["device_months"]:
        show.say(
            f"Without a cause, per device and month: {report['false_advice_per_device_month']:.2f} advice, "
            f"{report['false_pages_per_device_month']:.2f} pages."
        )
    figures = ("faults", "seen", "harmful", "by advice", "by pages", "lead h", "delay h")
    show.print_table(
        ("kind", *figures, "first said"),
        [
            (
                kind["kind"],
                kind["faults"],
                kind["seen"],
                kind["harmful"],
                kind["found_by_advice"],
                kind["found_by_pages"],
                kind["median_lead_h"],
                kind["median_delay_h"],
                ", ".join(f"{said} {count}" for said, count in kind["said"].items()),
            )
            for kind in report["kinds"]
        ],
        right=figures,
        empty="There were no faults.",
    )
    for missed in report["missed"]:
        show.say(f"missed: {missed['kind']} of {missed['unit']}")
    if report["nab"] is not None:
        show.say("")
        show.print_table(
            ("series", "raw score", "null", "found", "windows", "false"),
            [
                (each["file"], f"{each['raw']:.2f}", each["null"], each["found"], each["windows"], each["false"])
                for each in report["nab"]
            ],
            right=("raw score", "null", "found", "windows", "false"),
        )
