"""A replay on the real ledger: the house's recorded need against what a profile of its first weeks lets others buy.

Nobody in it knows more than a node would. The house's use is seen a moment after it changed; what is asked for then
reclaims spot at once; the cores are free when the reclaimed instances have had their grace. Until then the house has
what was not sold, and where that is too little it is starved.
"""

import math
from collections.abc import Callable
from typing import Protocol

from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.errors import Invalid
from maillage.kernel.events import Ended, Leased, Reclaimed, Released
from maillage.kernel.geo import FloatArray
from maillage.kernel.keeper import Decision, Keeper
from maillage.kernel.ports import Committed
from maillage.kernel.prices import HOURS_A_WEEK
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import Site
from maillage.kernel.times import DAY_S, HOUR_S, WEEK_S
from maillage.services.compute.harvest.loads import SLOT_S
from maillage.services.compute.harvest.market import Market
from maillage.services.compute.harvest.profile import Expectation, HouseModel, learn
from maillage.services.compute.harvest.rolling import carry_out, fitted, plan, stretches
from maillage.services.compute.harvest.stores import SAMPLES_AN_HOUR, Stores
from maillage.services.compute.harvest.tally import MEANS, StoreTally
from maillage.services.compute.harvest.terms import Outcome, Terms

HOUSE = "house"
TRAINING_SLOTS = 2 * HOURS_A_WEEK * SAMPLES_AN_HOUR
FIRM_KEEPS_OFF = 1.5
"""A firm lease is never taken back. So it leaves the house, beside its margin, half as much again as it ever needed in
the weeks that were learnt from."""
EPOCH = 2_900 * WEEK_S + 4 * DAY_S
"""A Monday 00:00 UTC, when the first slot of a file begins."""


class ReplayClock(Protocol):
    """A clock that is set by hand."""

    def now(self) -> int: ...

    def set(self, now: int) -> None: ...


def replay(
    keeper: Keeper, clock: ReplayClock, stores: Stores, terms: Terms, on_slot: Callable[[], None] = lambda: None
) -> Outcome:
    """Learn from the first two weeks and sell on the rest. ``keeper`` holds an empty ledger and goes by ``clock``."""
    need, hours = stores.needs[terms.learns], stores.hours()
    slots = sold_slots(stores)
    model = learn(need[: slots.start], hours[: slots.start], terms.quantile, SAMPLES_AN_HOUR)
    chain = _Chain(keeper, stores, terms, model, need[: slots.start].max(axis=0))
    for slot in range(slots.start - SAMPLES_AN_HOUR, slots.start):
        chain.expectation.see(need[slot], int(hours[slot]))
    for slot in slots:
        begins = EPOCH + slot * SLOT_S
        if slot == slots.start:
            clock.set(begins)
            chain.open(int(hours[slot]))
        clock.set(begins + terms.reaction_s)
        chain.see(need[slot], int(hours[slot]))
        chain.account(slot, begins)
        on_slot()
    return chain.outcome(len(slots))


def sold_slots(stores: Stores) -> range:
    """The slots that are sold on; Invalid where the two weeks to learn from leave none."""
    slots = len(stores.needs[MEANS])
    if slots <= TRAINING_SLOTS:
        raise Invalid(
            "load", f"has {slots:,} slots; two weeks to learn from are {TRAINING_SLOTS:,}, and it takes more to sell on"
        )
    return range(TRAINING_SLOTS, slots)


class _Chain:
    """All stores on one ledger."""

    def __init__(self, keeper: Keeper, stores: Stores, terms: Terms, model: HouseModel, highest: FloatArray) -> None:
        self._keeper = keeper
        self._terms = terms
        self._model = model
        self.expectation = Expectation(model.levels, model.blend, model.samples)
        self._sites = [f"store-{number + 1}" for number in range(len(highest))]
        self._markets: dict[str, Market] = {}
        self._tallies: dict[str, StoreTally] = {}
        self._standing: dict[str, list[str]] = {site: [] for site in self._sites}
        self._refused = 0
        self._reserved = 0.0
        for number, site in enumerate(self._sites):
            firm = terms.size - self._kept(FIRM_KEEPS_OFF * float(highest[number]))
            self._markets[site] = Market(site, firm // 1_000 * 1_000, terms.grain, terms.cool_down_s)
            readings = {name: (need[:, number] * terms.size).tolist() for name, need in stores.needs.items()}
            self._tallies[site] = StoreTally(terms.size, terms.grace_s, readings)
        keeper.announcer.subscribe(self._heard)

    def open(self, hour: int) -> None:
        """Build the stores and open them in an hour of the week."""

        def build(scribe: Scribe) -> None:
            for site in self._sites:
                set_site(scribe, Site(site, site, 0.0, 0.0, "UTC"))
                set_capacity(scribe, site, PoolPlan("cpu", self._terms.size))

        level = self.expectation.ahead(hour)
        self._run(build, *self._decisions(level, self.expectation.ahead((hour + 1) % HOURS_A_WEEK)))

    def see(self, use: FloatArray, hour: int) -> None:
        """The house is seen to use so much: have what it should have from now on, and sell the rest."""
        level = self.expectation.see(use, hour)
        self._run(*self._decisions(level, self.expectation.ahead((hour + 1) % HOURS_A_WEEK)))

    def account(self, slot: int, begins: int) -> None:
        for site, tally in self._tallies.items():
            tally.slot(slot, begins, begins + SLOT_S)
            pool, now = self._keeper.ledger.pools[site]["cpu"], self._keeper.clock.now()
            self._reserved += pool.committed.peak(now, now + 1) - tally.firm_now

    def outcome(self, slots: int) -> Outcome:
        tallies = list(self._tallies.values())
        store_hours = slots * SLOT_S * len(tallies) / HOUR_S
        cpu_hours = 1_000 * HOUR_S
        idle, usable = sum(tally.idle for tally in tallies), sum(tally.usable for tally in tallies)
        starved = tallies[0].starved
        for tally in tallies[1:]:
            starved = {name: starved[name].plus(tally.starved[name]) for name in starved}
        return Outcome(
            self._terms.learns,
            self._terms.quantile,
            self._model.blend,
            self._model.margin,
            store_hours,
            idle / cpu_hours,
            usable / cpu_hours,
            sum(tally.firm for tally in tallies) / cpu_hours,
            sum(tally.spot for tally in tallies) / cpu_hours,
            usable / idle if idle else 0.0,
            self._reserved / (self._terms.size * slots * len(tallies)),
            sum(tally.reclaims for tally in tallies) * 24 / store_hours,
            sum(tally.reclaimed for tally in tallies) / 1_000 * 24 / store_hours,
            self._refused,
            starved,
        )

    def _kept(self, level: float) -> int:
        """Thousandths that are kept for the house where so much is expected."""
        return min(math.ceil((level + self._model.margin) * self._terms.size), self._terms.size)

    def _decisions(self, levels: FloatArray, next_levels: FloatArray) -> list[Decision]:
        return [
            self._decision(site, self._kept(float(levels[number])), self._kept(float(next_levels[number])))
            for number, site in enumerate(self._sites)
        ]

    def _decision(self, site: str, quantity: int, next_quantity: int) -> Decision:
        def decide(scribe: Scribe) -> None:
            ledger = scribe.ledger
            pool, now = ledger.pools[site]["cpu"], scribe.now
            standing = [lease for name in self._standing[site] if (lease := ledger.leases[name]).end > now]
            wanted = stretches(now, quantity, next_quantity, self._terms.grace_s)
            moves, short = fitted(plan(wanted, standing), standing, pool, now)
            carry_out(scribe, site, HOUSE, moves)
            self._refused += short > 0
            self._markets[site].buy(scribe, pool)

        return decide

    def _run(self, *decisions: Decision) -> None:
        for answer in self._keeper.run(*decisions):
            if isinstance(answer, Exception):
                raise answer

    def _heard(self, committed: Committed) -> None:
        for event in committed.events:
            site = event.site
            if isinstance(event, Leased):
                if event.cls == "house":
                    self._standing[site].append(event.lease)
                else:
                    self._tallies[site].leased(event)
            elif isinstance(event, Released | Ended):  # only the house gives back or lets end
                self._standing[site].remove(event.lease)
            elif isinstance(event, Reclaimed):
                self._tallies[site].reclaimed_lease(event, self._keeper.ledger.leases[event.lease].needs["cpu"])
                self._markets[site].lost(event.at, event.end + self._terms.grace_s)
