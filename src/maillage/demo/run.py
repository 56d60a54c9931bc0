"""The demo from end to end: make or import a chain, fill it with two days of leases, show what became of it."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from maillage.bootstrap import LocalChain, ManualClock, open_local, remove_chain, run
from maillage.demo.chain import capacity_of, generate_sites
from maillage.demo.life import live
from maillage.demo.report import DemoReport, TenantRow, invoice_rows, kind_rows, lease_counts
from maillage.demo.roofs.operator import MobileOperator
from maillage.demo.show import show
from maillage.demo.store.day import StoreDay, StoreTold
from maillage.demo.traffic import TENANTS, Place, Traffic, places_of
from maillage.kernel.asks import Ask, Near
from maillage.kernel.capacity import PoolPlan, set_capacity
from maillage.kernel.catchment import Catchment, catchment
from maillage.kernel.documents import OffersDocument
from maillage.kernel.errors import Invalid
from maillage.kernel.geo import KM_PER_MILE
from maillage.kernel.population import Population, read_population
from maillage.kernel.scribe import Scribe
from maillage.kernel.site_files import Rejection, form_of, open_site_file, read_sites
from maillage.kernel.sites import Site
from maillage.kernel.times import FOREVER, HOUR_S

SEED = 1
STORES = 5_000
SITES_A_COMMIT = 500
CATCHMENT_MILES = 10
CLINIC_SHARE = 0.25
"""Stores of a file that does not say which have a clinic are given one with this chance, so that visits can be sold."""


def run_demo(home: Path, stores: Path | None, population: Path | None, as_json: bool) -> Path:
    """Build the chain anew in ``home/demo``, show what became of it, and return the folder, ready to be served.

    Refusal and OSError where a file can't be read, FolderInUse while another demo is being served.
    """
    sites, rejected = _sites(stores)
    people = None if population is None else read_population(population)
    file = None if population is None else (population.name, population.read_bytes())
    folder = home / "demo"
    remove_chain(folder)
    report, told = run(_build(folder, sites, rejected, people, file))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    else:
        show(Console(), report, sites, told)
    return folder


async def _build(
    folder: Path, sites: list[Site], rejected: int, people: Population | None, file: tuple[str, bytes] | None
) -> tuple[DemoReport, StoreTold]:
    from maillage.bootstrap.devices import Mqtt

    until = int(time.time())
    clock = ManualClock(until - 49 * HOUR_S)
    seconds: dict[str, float] = {}
    random = Random(SEED)  # noqa: S311  the demo is the same each time
    with _bars() as bars:
        async with open_local(folder, clock, devices=True, mqtt=Mqtt(port=0)) as chain:
            began = time.perf_counter()
            await _furnish(chain, sites, random, bars)
            for tenant in TENANTS:
                chain.access.add_tenant(tenant.id, tenant.name, tenant.role)
            places, weights = places_of(sites) if people is None else _people(people)
            seconds["stores and pools"] = time.perf_counter() - began

            began = time.perf_counter()
            operator = MobileOperator(chain)
            await operator.plan(places[max(range(len(places)), key=weights.__getitem__)], file)
            await operator.lease()
            seconds["roofs"] = time.perf_counter() - began

            began = time.perf_counter()
            hours, minutes = (_bar(bars, what) for what in ("48 hours of leases", "12 hours of a store's devices"))
            async with StoreDay(chain, clock, sites[0], until, minutes) as day:
                tally = await live(chain, day.pass_to, until, Traffic(random, places, weights), random, hours)
                told = await day.tell()
            await operator.go_on_air()
            roofs = await operator.tell()
            seconds["48 hours of leases"] = time.perf_counter() - began - day.spent_s
            seconds["12 hours of a store's devices"] = day.spent_s

            states, classes = await lease_counts(chain)
            report = DemoReport(
                len(sites),
                rejected,
                len({site.region for site in sites}),
                _catchment(sites, people),
                await kind_rows(chain),
                [
                    TenantRow(who.id, who.name, asked, granted, asked - granted)
                    for who in TENANTS
                    for asked, granted in [(tally.asked.get(who.id, 0), tally.granted.get(who.id, 0))]
                ],
                states,
                classes,
                dict(sorted(tally.refused.items(), key=lambda item: -item[1])),
                await invoice_rows(chain, until - 48 * HOUR_S),
                _sample_offers(chain, places, weights),
                told.report,
                roofs,
                chain.feed.end,
                {what: round(spent, 2) for what, spent in seconds.items()},
                str(folder),
            )
            return report, told


def _sites(stores: Path | None) -> tuple[list[Site], int]:
    if stores is None:
        return generate_sites(STORES, SEED), 0
    rejected = 0
    sites = []
    with open_site_file(stores) as stream:
        for row in read_sites(stream, form_of(stores.name)):
            if isinstance(row, Rejection):
                rejected += 1
            else:
                sites.append(row)
    if not sites:
        raise Invalid("stores", f"{stores} holds no store that can be taken; rows rejected: {rejected}")
    random = Random(SEED)  # noqa: S311  the demo is the same each time
    return [_with_clinic(site, random) for site in sites], rejected


def _with_clinic(site: Site, random: Random) -> Site:
    if "has_clinic" in site.attributes:
        return site
    attributes = {**site.attributes, "has_clinic": random.random() < CLINIC_SHARE}
    return msgspec.structs.replace(site, attributes=attributes)


async def _furnish(chain: LocalChain, sites: list[Site], random: Random, bars: Progress) -> None:
    """Enter the stores and give each its pools."""
    task = bars.add_task("stores and pools", total=len(sites))
    for first in range(0, len(sites), SITES_A_COMMIT):
        some = sites[first : first + SITES_A_COMMIT]
        plans = [(site.id, plan) for site in some for plan in capacity_of(site, random)]
        await chain.office.set_sites(some)

        await chain.writer.submit(partial(_enter, plans))
        bars.advance(task, len(some))


def _enter(plans: list[tuple[str, PoolPlan]], scribe: Scribe) -> None:
    for site_id, plan in plans:
        set_capacity(scribe, site_id, plan)


def _people(population: Population) -> tuple[list[Place], list[float]]:
    return list(zip(population.lat.tolist(), population.lon.tolist(), strict=True)), population.people.tolist()


def _catchment(sites: list[Site], people: Population | None) -> Catchment | None:
    if people is None:
        return None
    reach_km = CATCHMENT_MILES * KM_PER_MILE
    return catchment([site.lat for site in sites], [site.lon for site in sites], people, reach_km)


def _sample_offers(chain: LocalChain, places: list[Place], weights: list[float]) -> OffersDocument:
    lat, lon = places[max(range(len(places)), key=weights.__getitem__)]
    return chain.office.offers(Ask({"cpu": 4_000, "memory": 16_000}, None, FOREVER, None, Near(lat, lon, 50), "firm"))


def _bar(bars: Progress, what: str) -> Callable[[int, int], None]:
    task = bars.add_task(what, total=1)
    return lambda done, total: bars.update(task, completed=done, total=total)


def _bars() -> Progress:
    """Progress on standard error, and only where somebody is looking."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), console=console,
        transient=True, disable=not console.is_terminal,
    )  # fmt: skip
