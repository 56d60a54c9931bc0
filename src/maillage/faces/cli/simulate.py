"""``simulate``: a chain on simulated time, struck by faults, and whether all that must hold did."""

import time
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.failures import REFUSED
from maillage.faces.cli.options import Json

FAULTS_SHOWN = 20


def simulate(
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same history.")] = 1,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Actions of clients.")] = 2_000,
    as_json: Json = False,
) -> None:
    """Live through crashes, cuts and lost messages on simulated time, and check what must hold.

    Ends with 1 when something was found that can't be right, and prints the command that replays it.
    """
    from maillage.simulation.run import simulate as play

    began = time.perf_counter()
    report = play(seed, steps)
    document = {
        "seed": report.seed,
        "steps": report.steps,
        "ok": report.ok,
        "chain": report.chain,
        "counts": report.counts,
        "virtual_s": report.virtual_s,
        "faults": report.faults,
        "digest": report.digest,
        "replay": f"maillage simulate --seed {seed} --steps {steps}",
        "elapsed_s": round(time.perf_counter() - began, 3),
    }
    show.emit(document, as_json, _print_report)
    if not report.ok:
        raise typer.Exit(REFUSED)


def _print_report(report: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("seed", str(report["seed"])),
            ("chain", ", ".join(f"{count} {what}" for what, count in report["chain"].items())),
            ("in the chain", f"{report['virtual_s'] / 86_400:.1f} days"),
            ("here", f"{report['elapsed_s']:.1f} s"),
            ("digest", report["digest"]),
        ]
    )
    show.print_table(
        ("happened", "times"), [(what, f"{n:,}") for what, n in report["counts"].items()], right=("times",)
    )
    show.say("")
    if report["ok"]:
        show.say("No fault: all that must hold did.", "bold green")
        return
    for fault in report["faults"][:FAULTS_SHOWN]:
        show.say(f"- {fault}")
    more = len(report["faults"]) - FAULTS_SHOWN
    show.say(f"{len(report['faults']):,} faults" + (f", {more:,} of them not shown" if more > 0 else ""), "bold red")
    show.say(f"Replay it with: {report['replay']}")
