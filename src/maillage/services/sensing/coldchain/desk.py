"""The desk of the cold chain: watches readings, raises alarms, has people told, takes what they did about it.

It is a ``ports.Watcher``: what the gateway calls never waits. A task takes what the guard found within the moment, a
second one makes it durable, a third tells it; people's acts return once they are durable.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.notices import Notices
from maillage.kernel.ports import Clock
from maillage.kernel.sites import Site
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import parse_time
from maillage.services.sensing.coldchain import documents as docs
from maillage.services.sensing.coldchain.alarms import acts
from maillage.services.sensing.coldchain.alarms.book import Book, act_of
from maillage.services.sensing.coldchain.alarms.guard import Guard
from maillage.services.sensing.coldchain.alarms.limits import LimitsLog
from maillage.services.sensing.coldchain.alarms.signals import Signal
from maillage.services.sensing.coldchain.escalation.deliveries import Delivery
from maillage.services.sensing.coldchain.escalation.pager import Pager
from maillage.services.sensing.coldchain.escalation.plan import Plan, checked_plan
from maillage.services.sensing.coldchain.escalation.reach import reached
from maillage.services.sensing.coldchain.haccp import drafts
from maillage.services.sensing.coldchain.haccp.desk import HaccpDesk
from maillage.services.sensing.coldchain.haccp.log import Heads
from maillage.services.sensing.coldchain.keeping import Keeper
from maillage.services.sensing.coldchain.model import LEVELS, OPEN, Alarm, Correction, State
from maillage.services.sensing.coldchain.ports import Anchors, Changes, Channel, ColdChainRecords
from maillage.services.sensing.model import Device, Fault, Reading
from maillage.services.sensing.ports import ReadingStore, Registry

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SIGNALS_AT_ONCE = 500
ADVICE_MAX = 500
"""Characters of an advice."""
VERIFIED_AT_ONCE = 100


class ColdChain:
    """``start`` it before readings come, in the event loop in which it is used. ``site_of`` knows the sites of the
    chain. ``channels`` are by name: email, webhook."""

    def __init__(
        self,
        registry: Registry,
        records: ColdChainRecords,
        notices: Notices,
        clock: Clock,
        site_of: Callable[[str], Site | None],
        *,
        channels: Mapping[str, Channel] | None = None,
        anchors: Anchors | None = None,
        readings: ReadingStore | None = None,
    ) -> None:
        self._records = records
        self._clock = clock
        self._site_of = site_of
        self._registry = registry
        self._channels = dict(channels or {})
        self._there = asyncio.Event()
        self._signals: deque[Signal] = deque()
        self._guard = Guard(registry, self._there.set)
        self._keeper = Keeper(records, notices)
        self._pager = Pager(self._channels, site_of, self.exposure_ms, clock.now, self._there.set)
        self._book = Book(Heads(), {})
        self._limits = LimitsLog(registry)
        self.haccp = HaccpDesk(records, registry, clock, site_of, anchors, readings)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Go on where a process before this one was."""
        kept = await to_the_end(self._records.load)
        open_alarms = [alarm for alarm in kept.alarms if alarm.is_open]
        self._book = Book(Heads(kept.heads), kept.numbers, open_alarms)
        self._pager.plans = dict(kept.plans)
        self._pager.restore(kept.deliveries)
        self._limits.restore(kept.states)
        wrong = [alarm for alarm in open_alarms if alarm.recovered_ms is None and alarm.kind != "advice"]
        self._guard.start(1_000 * self._clock.now(), kept.states, wrong)
        self.haccp.start(kept.states)
        self._there.set()
        work = (self._work(), self._keeper.run(), self._keeper.run_notes())
        self._tasks = [asyncio.get_running_loop().create_task(each) for each in work]

    async def stop(self) -> None:
        """What was found is durable, and told, as far as that can be done now."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            self._step_through()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pager.stop()
        if tasks:
            await self._keeper.finish()

    # -- Watcher -----------------------------------------------------------------------------------------------------

    def observe(self, readings: Sequence[Reading]) -> None:
        self._guard.observe(readings)

    def refused(self, device: Device, fault: Fault, at_ms: int) -> None:
        self._guard.refused(device, fault, at_ms)

    def tick(self, now_ms: int) -> None:
        self._guard.tick(now_ms)

    # -- what it does by itself --------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Take what the guard found, enter it, and have told what is due. Never waits, nor makes others wait: where a
        whole chain's freezers fail at once there is more to do, and it says so."""
        now = self._clock.now()
        self._signals.extend(self._guard.take_signals())
        for _ in range(min(SIGNALS_AT_ONCE, len(self._signals))):
            self._book.hear(self._signals.popleft(), now)
        self._limits.look(self._book, now)
        self._pager.step(self._book, now)
        self.haccp.anchor(self._book, now)
        self._hand_over()
        return bool(self._signals)

    async def settle(self) -> None:
        """Return when all that is known now is durable, told, and sent once."""
        self._step_through()
        await self._pager.settle()
        self._step_through()
        await self._keeper.kept()
        await self._keeper.told()

    def advise(self, site: str, unit: str, kind: str, text: str, at_ms: int) -> None:
        """Statistics have something to say of a unit: shown, and told to nobody but the console unless the site's plan
        says otherwise. ``kind`` is a short word, of each there is one open advice a unit."""
        self._book.advise(site, unit, kind, text[:ADVICE_MAX], at_ms, self._clock.now())
        self._there.set()

    def exposure_ms(self, alarm: Alarm, now: int) -> int | None:
        """What an alarm's exposure clock says at ``now``, or said when it recovered."""
        if alarm.recovered_ms is not None or alarm.limit is None:
            return alarm.exposure_ms
        live = self._guard.exposure_ms(alarm, 1_000 * now)
        return alarm.exposure_ms if live is None else alarm.exposure_before_ms + live

    # -- looking -----------------------------------------------------------------------------------------------------

    async def alarms(
        self, site: str | None, state: State | Literal["open"] | None, unit: str | None, cursor: str | None, limit: int
    ) -> docs.AlarmDocuments:
        """The newest first. ``state`` ``open`` means all that is not cleared."""
        before = None if cursor is None else _number(cursor)
        states: tuple[State, ...] | None = OPEN if state == "open" else None if state is None else (state,)
        self._hand_over()
        found = await to_the_end(self._records.alarms, site, states, unit, before, limit + 1)
        items = [self._document(self._book.get(alarm.id) or alarm) for _, alarm in found[:limit]]
        return docs.AlarmDocuments(items, str(found[limit - 1][0]) if len(found) > limit else None)

    async def alarm(self, alarm_id: str) -> docs.AlarmDocument:
        """One alarm, its history, and who was told of it."""
        alarm = await self._found(alarm_id)
        deliveries = {each.id: each for each in await to_the_end(self._records.deliveries, alarm_id)}
        deliveries |= {each.id: each for each in self._pager.unsettled(alarm_id)}
        return self._document(alarm, [*deliveries.values()])

    def open_alarms(self, site: str | None = None) -> list[Alarm]:
        """All that are open, of a site or of all."""
        return [alarm for alarm in self._book.open_alarms() if site in (None, alarm.site)]

    # -- what people do ----------------------------------------------------------------------------------------------

    async def acknowledge(self, alarm_id: str, wanted: docs.Acknowledge, credential: str = "") -> docs.AlarmDocument:
        alarm = await self._found(alarm_id)
        act = act_of(wanted.by, self._clock.now(), wanted.note, credential)
        return await self._done(acts.acknowledge(self._book, alarm, act))

    async def snooze(self, alarm_id: str, wanted: docs.Snooze, credential: str = "") -> docs.AlarmDocument:
        until = parse_time(wanted.until, "until")
        alarm = await self._found(alarm_id)
        act = act_of(wanted.by, self._clock.now(), wanted.note, credential)
        return await self._done(acts.snooze(self._book, alarm, until, act))

    async def downgrade(self, alarm_id: str, wanted: docs.Downgrade, credential: str = "") -> docs.AlarmDocument:
        alarm = await self._found(alarm_id)
        act = act_of(wanted.by, self._clock.now(), wanted.note, credential)
        return await self._done(acts.downgrade(self._book, alarm, act))

    async def correct(self, alarm_id: str, wanted: docs.Action, credential: str = "") -> docs.AlarmDocument:
        alarm = await self._found(alarm_id)
        act = act_of(wanted.by, self._clock.now(), wanted.text, credential)
        correction = Correction(act, wanted.disposition, wanted.quantity.strip(), wanted.lot.strip())
        return await self._done(acts.correct(self._book, alarm, correction))

    async def verify(self, alarm_id: str, wanted: docs.Verify, credential: str = "") -> docs.AlarmDocument:
        """Verifies the cleared alarms of its incident that are no more severe along with it."""
        alarm = await self._found(alarm_id)
        act = act_of(wanted.by, self._clock.now(), wanted.note, credential, wanted.role)
        await self._keeper.kept()
        cleared = await to_the_end(self._records.alarms, alarm.site, ("cleared",), alarm.unit, None, VERIFIED_AT_ONCE)
        verified = acts.verify(self._book, await self._found(alarm_id), act)
        for _, each in cleared:
            along = each.incident == alarm.incident and LEVELS[each.level] <= LEVELS[alarm.level]
            if along and each.id != alarm.id:
                acts.verify(self._book, each, act)
        return await self._done(verified)

    async def check(self, site: str, wanted: docs.Check, credential: str = "") -> docs.EntryDocument:
        """Enter a check by hand into a site's log."""
        self._require_site(site)
        draft = self.haccp.draft(wanted, self._clock.now(), credential)
        entry = self._book.enter_for(site, draft)
        await self._durable()
        return docs.entry_document(entry)

    # -- plans -------------------------------------------------------------------------------------------------------

    def plan(self, site: str) -> docs.PlanDocument:
        self._require_site(site)
        return docs.plan_document(self._pager.plan(site), site in self._pager.plans)

    async def set_plan(self, site: str, plan: Plan, by: str, credential: str = "") -> docs.PlanDocument:
        """From now on, also for alarms that are open. Invalid for a plan that can't be followed."""
        self._require_site(site)
        checked_plan(plan)
        secrets = reached(plan, site, self._channels)
        self._pager.plans[site] = plan
        self._book.enter_for(site, drafts.settings(plan, by, credential, self._clock.now()))
        self._hand_over(Changes(plans=[(site, plan)]))
        await self._keeper.kept()
        return docs.plan_document(plan, True, secrets)

    # -- how ---------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._there.wait()
            self._there.clear()
            try:
                if self.step():
                    self._there.set()
            except Exception:
                log.exception("the cold chain could not be looked after; trying again")
            await asyncio.sleep(0)

    def _step_through(self) -> None:
        while self.step():
            pass

    def _hand_over(self, more: Changes | None = None) -> None:
        """What changed goes to the keeper, in order."""
        book = self._book
        alarms, book.alarms = book.alarms, {}
        entries, book.entries = book.entries, []
        notes, book.notes = book.notes, []
        deliveries, self._pager.changed = self._pager.changed, {}
        remembered = [*self._guard.take_changes(), *self._limits.take(), *self.haccp.take()]
        plans = [] if more is None else more.plans
        changes = Changes([*alarms.values()], remembered, entries, [*deliveries.values()], plans)
        self._keeper.keep(changes, notes)

    async def _done(self, alarm: Alarm) -> docs.AlarmDocument:
        await self._durable()
        return await self.alarm(alarm.id)

    async def _durable(self) -> None:
        self._there.set()  # what waits to be sent may have to be called off
        self._hand_over()
        await self._keeper.kept()

    async def _found(self, alarm_id: str) -> Alarm:
        alarm = self._book.get(alarm_id) or self._book.alarms.get(alarm_id)
        if alarm is None:
            alarm = await to_the_end(self._records.alarm, alarm_id)
        if alarm is None:
            raise NotFound(f"there is no alarm {alarm_id[:80]!r}")
        return self._book.get(alarm_id) or alarm

    def _document(self, alarm: Alarm, deliveries: list[Delivery] | None = None) -> docs.AlarmDocument:
        exposure_ms = self.exposure_ms(alarm, self._clock.now())
        last = self._guard.last(alarm) if alarm.is_open and alarm.measure else None
        return docs.alarm_document(alarm, exposure_ms, last, deliveries)

    def _require_site(self, site: str) -> None:
        if self._site_of(site) is None:
            raise NotFound(f"the chain has no site {site[:64]!r}")


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
        raise Invalid("cursor", "is not one that this list gave; start again without it")
    return int(cursor)
