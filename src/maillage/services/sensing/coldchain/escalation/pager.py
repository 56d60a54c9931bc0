"""The pager: follows each site's plan for what nobody has acknowledged, and sends.

Of an incident only the most severe alarm speaks.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

import msgspec

from maillage.kernel.sites import Site, zone_info
from maillage.services.sensing.coldchain.alarms.book import Book
from maillage.services.sensing.coldchain.escalation.deliveries import Delivery, Message
from maillage.services.sensing.coldchain.escalation.messages import message_of
from maillage.services.sensing.coldchain.escalation.plan import CONSOLE, DEFAULT_PLAN, Contact, Plan
from maillage.services.sensing.coldchain.model import Alarm, Paging, Step
from maillage.services.sensing.coldchain.ports import Channel, Sent

log = logging.getLogger(__name__)

SENT_AT_ONCE = 16
"""By one channel: one that hangs must not hold the others."""
SEND_WITHIN_S = 30.0
"""No attempt takes longer, whatever the channel does."""


class Pager:
    """``step`` never waits; what is sent goes on beside it. ``changed`` are deliveries that wait to be made durable."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        site_of: Callable[[str], Site | None],
        exposure_ms: Callable[[Alarm, int], int | None],
        now: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self.plans: dict[str, Plan] = {}
        self.changed: dict[str, Delivery] = {}
        self._channels = channels
        self._site_of = site_of
        self._exposure_ms = exposure_ms
        self._now = now
        self._wake = wake
        self._waiting: dict[str, Delivery] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()

    def plan(self, site: str) -> Plan:
        """The one that holds for a site."""
        return self.plans.get(site, DEFAULT_PLAN)

    def restore(self, waiting: Iterable[Delivery]) -> None:
        """What a process before this one did not get through."""
        self._waiting = {delivery.id: delivery for delivery in waiting}

    def step(self, book: Book, now: int) -> None:
        """Tell whoever is due to be told, and send what is due to be sent."""
        for alarm in book.open_alarms():
            if alarm.paging is not None and self._concerns(book, alarm, now):
                self._follow(book, alarm, now)
        for delivery in list(self._waiting.values()):
            alarm_now = book.get(delivery.alarm)
            if delivery.id in self._sending:
                continue
            if alarm_now is None or alarm_now.acknowledged is not None:
                self._settled(delivery.cancelled(now, "the alarm was acknowledged"))
            elif delivery.due_at <= now and self._busy[delivery.channel] < SENT_AT_ONCE:
                self._busy[delivery.channel] += 1
                self._sending[delivery.id] = asyncio.get_running_loop().create_task(self._send(delivery))

    def unsettled(self, alarm_id: str) -> list[Delivery]:
        """Deliveries of an alarm that wait, or are not known to the records as they are."""
        both = {**self._waiting, **self.changed}
        return [delivery for delivery in both.values() if delivery.alarm == alarm_id]

    async def settle(self) -> None:
        """Return when nothing is being sent."""
        while self._sending:
            await asyncio.wait(list(self._sending.values()))

    async def stop(self) -> None:
        """What is being sent is cut off, and sent again after the next start."""
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()

    # -- how ---------------------------------------------------------------------------------------------------------

    def _concerns(self, book: Book, alarm: Alarm, now: int) -> bool:
        if not alarm.pages or (alarm.snoozed_until or 0) > now:
            return False
        if not self.plan(alarm.site).pages(alarm):
            return False
        coming = self._coming(alarm)
        return coming is not None and coming <= now and not book.is_outranked(alarm)

    def _coming(self, alarm: Alarm) -> int | None:
        """When its next round is due."""
        assert alarm.paging is not None
        coming = self.plan(alarm.site).round_at(alarm.paging.done)
        return None if coming is None else alarm.paging.since + coming[0]

    def _follow(self, book: Book, alarm: Alarm, now: int) -> None:
        """Do the rounds that are due, also those that came due while nobody was there to do them."""
        site, plan, paging = self._site_of(alarm.site), self.plan(alarm.site), alarm.paging
        zone = ZoneInfo("UTC") if site is None else zone_info(site.tz)
        told: dict[str, bool] = {}
        first = True
        while paging is not None and (coming := plan.round_at(paging.done)) is not None:
            if paging.since + coming[0] > now:
                break
            at_once = first and paging.done == 0 and alarm.count == 1
            for contact in plan.to_tell(coming[1], alarm, now, zone):
                told[contact] = told.get(contact, False) or not at_once
            paging, first = Paging(paging.since, paging.done + 1), False
            if paging.done > len(plan.rounds) + 1:  # of the repeated rounds that were missed, one is enough
                skipped = max(now - paging.since - plan.rounds[-1][0], 0) // (plan.repeat_s or 1)
                paging = Paging(paging.since, max(paging.done, len(plan.rounds) + skipped))
        changed = msgspec.structs.replace(alarm, paging=paging)
        if told:
            changed = changed.with_step(Step(now, "escalated", note=f"to {', '.join(told)}"))
        book.put(changed)
        self._tell(book, changed, plan, told, site.name if site is not None else alarm.site, now)

    def _tell(self, book: Book, alarm: Alarm, plan: Plan, told: dict[str, bool], site_name: str, now: int) -> None:
        for name, needs_event in told.items():
            contact = plan.contacts.get(name)
            if contact is not None:
                message = message_of(alarm, site_name, self._exposure_ms(alarm, now), now)
                self._enter(alarm, name, contact, message, now)
            elif name == CONSOLE and needs_event:  # at first its being raised is the event
                book.tell(alarm, "escalated")

    def _enter(self, alarm: Alarm, name: str, contact: Contact, message: Message, now: int) -> None:
        channel, target = ("email", contact.email) if contact.email is not None else ("webhook", contact.webhook)
        delivery = Delivery(
            id=message.id,
            alarm=alarm.id,
            site=alarm.site,
            contact=name,
            channel=channel,
            target=target or "",
            message=message,
            due_at=now,
        )
        self._waiting[delivery.id] = self.changed[delivery.id] = delivery

    async def _send(self, delivery: Delivery) -> None:
        try:
            sent = await self._attempt(delivery)
        finally:
            self._sending.pop(delivery.id, None)
            self._busy[delivery.channel] -= 1
        if sent.ok:
            self._settled(delivery.delivered(self._now()))
        else:
            failed = delivery.failed(self._now(), sent.reason, sent.never)
            log.warning(
                "%s could not be told of %s by %s: %s",
                delivery.contact,
                delivery.alarm,
                delivery.channel,
                failed.reason,
            )
            self._settled(failed)
        self._wake()

    async def _attempt(self, delivery: Delivery) -> Sent:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            return Sent(False, f"this server is not set up to send by {delivery.channel}")
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                return await channel.send(delivery.site, delivery.contact, delivery.target, delivery.message)
        except TimeoutError:
            return Sent(False, f"it took longer than {SEND_WITHIN_S:g} s")
        except Exception as fault:
            log.exception("the channel %s failed", delivery.channel)
            return Sent(False, f"{type(fault).__name__}: {fault}")

    def _settled(self, delivery: Delivery) -> None:
        """As it is after an attempt: settled, or waiting for the next."""
        self.changed[delivery.id] = delivery
        if delivery.state == "waiting":
            self._waiting[delivery.id] = delivery
        else:
            self._waiting.pop(delivery.id, None)
