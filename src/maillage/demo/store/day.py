"""Half a day of one store, lived on the demo's clock between the asks: its freezer, its robot, its people."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Self

from maillage.bootstrap import LocalChain, ManualClock
from maillage.demo.store.freezer import STEP_S as MINUTE_S
from maillage.demo.store.probe import Probe
from maillage.demo.store.report import StoreReport, cleaning_report, freezer_report, told
from maillage.demo.store.scrubber import STEP_S, Scrubber
from maillage.demo.store.staff import Staff
from maillage.demo.store.waiting import until
from maillage.devices.line import Unreachable
from maillage.kernel.asks import Ask
from maillage.kernel.errors import NotReady
from maillage.kernel.sites import Site
from maillage.kernel.times import HOUR_S
from maillage.services.robots.cleaning import KIND, ONE
from maillage.services.robots.cleaning.documents import CleaningDocument
from maillage.services.robots.cleaning.evidence_documents import EvidenceDocument

SHOP = "shop"
"""The tenant whose lease keeps the robot until then: the stores' own work."""
LASTS_S = 12 * HOUR_S
CLEANS_S = 2_400
"""A stretch of time that is at least so long is enough to clean the floor in, before others are asked for anything."""


class StoreTold(NamedTuple):
    """What became of it; ``temperatures`` are the freezer's, a minute apart, ``evidence`` is of the cleaning."""

    report: StoreReport
    temperatures: list[float]
    evidence: EvidenceDocument


class StoreDay:
    """Moves the clock: ``pass_to`` an instant, and everything that belongs before it has happened. The store's day
    begins LASTS_S before ``ends``. ``spent_s`` is what it took of the machine's time."""

    def __init__(
        self,
        chain: LocalChain,
        clock: ManualClock,
        site: Site,
        ends: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._chain, self._clock, self._site, self._progress = chain, clock, site, progress
        self._begins = ends - LASTS_S
        self.spent_s = 0.0
        self._kept = ""
        self._probe = Probe(chain, clock.now)
        self._scrubber = Scrubber(chain, clock.now)
        self._staff: Staff | None = None
        self._told_from = 0
        self._cleaning = ""
        self._drives = False
        self._cleaned: tuple[CleaningDocument, EvidenceDocument] | None = None

    async def __aenter__(self) -> Self:
        """Before anybody asks for anything: the robot is entered, and kept for when it is to clean."""
        await self._scrubber.enter(self._site.id)
        start = self._begins
        ask = Ask({KIND: ONE}, start, start + HOUR_S, self._site.id, None, "house")
        self._kept = (await self._chain.office.lease(SHOP, ask, None, None)).id
        return self

    async def __aexit__(self, *_: object) -> None:
        """The devices take their leave."""
        await self._scrubber.remove()
        await self._probe.remove()

    async def pass_to(self, instant: int) -> None:
        """Let time go by."""
        if instant > self._begins:
            began = time.perf_counter()
            if self._staff is None:
                self._clock.set(self._begins)
                self._staff = await self._begin()
            try:
                await self._live(instant, self._staff)
            except Unreachable as fault:
                raise NotReady(f"the store's devices can't go on: {fault}") from None
            self.spent_s += time.perf_counter() - began
        self._clock.set(instant)

    async def tell(self) -> StoreTold:
        """What there is to tell of it, once all of it has passed."""
        chain, site, staff = self._chain, self._site, self._staff
        assert staff and staff.alarms and staff.failed_at and staff.mended_at and self._cleaned, "it has passed"
        coldchain = chain.sensing.coldchain
        cleaning, evidence = self._cleaned
        log = await coldchain.haccp.verify(site.id)
        freezer = freezer_report(
            await coldchain.alarm(staff.alarms[0]),
            len(staff.alarms),
            self._probe.temperatures,
            self._probe.food_c,
            (self._begins, staff.failed_at, staff.mended_at),
            log,
        )
        broker = chain.devices.broker
        report = StoreReport(
            site.id,
            site.name,
            freezer,
            cleaning_report(cleaning, evidence, self._scrubber.floor),
            await asyncio.to_thread(told, chain.journal, site.id, self._told_from),
            0 if broker is None else broker.counts.messages,
        )
        return StoreTold(report, self._probe.temperatures, evidence)

    async def _begin(self) -> Staff:
        """Have the devices there."""
        line = self._chain.devices.line
        assert line is not None, "the chain was opened with a broker"
        await until(lambda: line.connected, "our line to the broker is connected")
        self._told_from = self._chain.feed.end
        await self._probe.install(self._site.id)
        await self._scrubber.connect(self._site.id)
        return Staff(self._chain.sensing.coldchain, self._probe.freezer, self._site.id, self._clock.now())

    async def _live(self, instant: int, staff: Staff) -> None:
        clock = self._clock
        if not self._cleaning and instant - clock.now() >= CLEANS_S:
            await self._chain.office.release(self._kept, SHOP)
            self._cleaning, self._drives = await self._scrubber.order(self._site.id), True
        while (now := clock.now()) < instant:
            step_s = STEP_S if self._drives else MINUTE_S - (now - self._begins) % MINUTE_S
            clock.set(min(now + step_s, instant))
            if self._drives and await self._scrubber.step():
                self._drives = False
                self._cleaned = await self._scrubber.done(self._cleaning)
            lived_s = clock.now() - self._begins
            if lived_s % MINUTE_S == 0:
                await self._probe.minute()
                await staff.look(clock.now())
                self._progress(lived_s, LASTS_S)
