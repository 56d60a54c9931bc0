"""``compute harvest``: what a store's profile of its own needs lets others buy, replayed on recorded load."""

from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.options import Bounded, Json
from maillage.services.compute.harvest import QUANTILE

SWEEP = (0.9, 0.99, 0.999, QUANTILE, 0.99999)


def harvest(
    load: Annotated[
        Path,
        typer.Option("--load", metavar="FILE", help="CSV: slot, then a machine's mean percent each; .gz is unpacked."),
    ],
    maxima: Annotated[
        Path | None,
        typer.Option("--max", metavar="FILE", help="The same with maxima, to judge the peaks within the slots by."),
    ] = None,
    quantile: Annotated[
        float,
        Bounded("--quantile", "Share of hours in which the house is to get all it needs at once.", metavar="Q"),
    ] = QUANTILE,
    sweep: Annotated[bool, typer.Option("--sweep", help="Show several quantiles beside each other.")] = False,
    machines: Annotated[int, typer.Option("--machines", min=1, help="Machines whose load makes a store's own.")] = 10,
    shuffle: Annotated[
        int | None,
        typer.Option("--shuffle", min=0, metavar="SEED", help="Deal machines to stores so, not in the file's order."),
    ] = None,
    vcpu: Annotated[float, Bounded("--vcpu", "Size of a store.", min=1, max=10_000)] = 64,
    grain: Annotated[float, Bounded("--grain", "Size of a spot lease, in vCPU.", min=0.001)] = 0.5,
    reaction_s: Annotated[int, typer.Option("--reaction", help="Seconds until a node sees what the house uses.")] = 5,
    grace_s: Annotated[int, typer.Option("--grace", help="Seconds that a reclaimed instance takes to go.")] = 5,
    cool_down_s: Annotated[
        int, typer.Option("--cool-down", help="Seconds after a reclaim before spot is bought again.")
    ] = 300,
    as_json: Json = False,
) -> None:
    """Replay a recorded load on the real ledger: the house first, and tenants with an unlimited appetite on the rest.

    A profile of the house's need is learnt from the first two weeks, and what it leaves is sold on those that follow.
    """
    import msgspec

    from maillage.bootstrap.replay import replay_ledger
    from maillage.kernel.quantities import to_thousandths
    from maillage.services.compute.harvest.loads import read_loads, require_alike
    from maillage.services.compute.harvest.replay import replay, sold_slots
    from maillage.services.compute.harvest.stores import PEAK_READINGS, Reading, make_stores
    from maillage.services.compute.harvest.terms import Terms

    size, grain_size = to_thousandths(vcpu, "vcpu"), to_thousandths(grain, "grain")
    quantiles = sorted({*SWEEP, quantile}) if sweep else [quantile]
    replays: list[tuple[Reading, float]] = [("means", wanted) for wanted in quantiles]
    if maxima is not None:
        replays += [(reading, quantile) for reading in PEAK_READINGS]
    terms = [Terms(size, wanted, grain_size, reaction_s, grace_s, cool_down_s, reading) for reading, wanted in replays]
    means = read_loads(load)
    peaks = None if maxima is None else read_loads(maxima)
    if peaks is not None:
        require_alike(means, peaks)
    stores = make_stores(means, peaks, machines, shuffle)
    outcomes = []
    with show.progress() as bars:
        task = bars.add_task("replaying", total=len(terms) * len(sold_slots(stores)))
        for one in terms:
            outcomes.append(replay(*replay_ledger(), stores, one, lambda: bars.advance(task)))
    document = {
        "load": str(load),
        "max": None if maxima is None else str(maxima),
        "stores": len(stores.machines),
        "machines_per_store": machines,
        "shuffle": shuffle,
        "vcpu_per_store": vcpu,
        "spot_lease_vcpu": grain,
        "reaction_s": reaction_s,
        "grace_s": grace_s,
        "cool_down_s": cool_down_s,
        "results": [_result(msgspec.to_builtins(outcome)) for outcome in outcomes],
    }
    show.emit(document, as_json, _print_report)


def _result(outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome with the starved hours per 10,000 beside their number, and figures that a reader can use."""
    hours = outcome["store_hours"]
    for starved in outcome["starved"].values():
        starved["of_hours"] = hours
        starved["per_10000_hours"] = round(starved["hours"] * 10_000 / hours, 4)
        starved["share_of_time"] = starved["seconds"] / (hours * 3_600)
    return {
        name: round(figure, 6) if isinstance(figure, float) and name != "quantile" else figure
        for name, figure in outcome.items()
    }


def _print_report(report: dict[str, Any]) -> None:
    first = report["results"][0]
    show.say(
        f"{report['stores']} stores of {report['vcpu_per_store']:g} vCPU, {report['machines_per_store']} machines "
        f"each; {first['store_hours']:,.0f} store-hours; {first['idle_cpu_hours']:,.0f} CPU-hours idle.",
        "bold",
    )
    show.print_table(
        ("quantile", "learns", "idle sold", "of it firm", "kept for the house", "reclaims a store and day"),
        [
            (
                f"{result['quantile']:g}",
                result["learns"],
                f"{result['sold_share']:.2%}",
                f"{result['firm_cpu_hours'] / max(result['sold_cpu_hours'], 1e-9):.0%}",
                f"{result['house_reserve_share']:.1%}",
                f"{result['reclaims_per_store_day']:.1f}",
            )
            for result in report["results"]
        ],
        right=("quantile", "idle sold", "of it firm", "kept for the house", "reclaims a store and day"),
    )
    show.say("")
    show.print_table(
        ("quantile", "learns", "judged by", "hours starved", "of", "per 10,000", "seconds"),
        [
            (
                f"{result['quantile']:g}",
                result["learns"],
                reading,
                f"{starved['hours']:,}",
                f"{starved['of_hours']:,.0f}",
                f"{starved['per_10000_hours']:.2f}",
                f"{starved['seconds']:,}",
            )
            for result in report["results"]
            for reading, starved in result["starved"].items()
        ],
        right=("quantile", "hours starved", "of", "per 10,000", "seconds"),
    )
