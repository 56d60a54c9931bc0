"""The way in: events from the feed become deliveries in the records, none lost and none twice.

The feed's position moves in the transaction that enters the deliveries, so a crash can at most have events looked at
again, and what was entered before stays as it is. Which webhooks there are is read after the events were: one that was
registered before an event hears of it, whichever process it was registered by.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence

import msgspec

from maillage.kernel.cloudevents import cloud_event
from maillage.kernel.events import Event
from maillage.kernel.feed import Feed
from maillage.kernel.ports import Clock
from maillage.kernel.waiting import signalled
from maillage.tenancy.webhooks.ports import Delivery, Webhook, WebhookRecords
from maillage.tenancy.webhooks.types import TYPE_PREFIX, matches

log = logging.getLogger(__name__)

Owner = Callable[[Event], str | None]
"""The tenant whose affair an event is; None where it is the chain's own."""

CHUNK = 1_000
"""Events looked at in one go."""
LOOK_EVERY_S = 2.0
"""How often to look for webhooks that another process registered, while there are none."""
UNSTORED_MAX = 20_000
"""Events that may be looked at again after a crash, where nothing was to be entered."""
SKEW_S = 60
"""Events from so long before a webhook's registration count: stores' clocks may be behind this one's."""
AFTER_FAULT_S = 5.0

_encode = msgspec.json.Encoder().encode


def delivery_id(webhook_id: str, event: Event) -> str:
    """The same for one event and one webhook, whoever enters it and however often."""
    return "msg_" + hashlib.sha256(f"{webhook_id}/{event.site}/{event.seq}".encode()).hexdigest()[:32]


class Outbox:
    """``feed_name`` tells this process's feed from those of others that share the records: each has its own order.
    ``filled`` is called when deliveries were entered."""

    def __init__(
        self,
        records: WebhookRecords,
        feed: Feed,
        feed_name: str,
        owner: Owner,
        clock: Clock,
        filled: Callable[[], None],
    ) -> None:
        self._records = records
        self._feed = feed
        self._feed_name = feed_name
        self._owner = owner
        self._clock = clock
        self._filled = filled
        self._stored = 0
        self._changed = asyncio.Event()

    def look(self) -> None:
        """Webhooks have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Fill the outbox until the feed is closed; a fault is told, and what failed is done again."""
        while True:
            try:
                stored = await asyncio.to_thread(self._records.position, self._feed_name)
                # A journal that was restored from a backup may end earlier.
                pos = self._stored = min(stored, self._feed.end)
                while await self._enter_from(await self._until_needed(pos)):
                    pos = self._stored
                return
            except Exception:
                log.exception("events could not be entered for webhooks; trying again")
                await asyncio.sleep(AFTER_FAULT_S)

    async def _until_needed(self, pos: int) -> int:
        """The position from which on there is a webhook to tell: without one, events are not even read."""
        while True:
            # In this order: whatever lies before ``end`` happened before a webhook that is not seen yet came.
            end = self._feed.end
            self._changed.clear()
            if await asyncio.to_thread(self._records.has_webhooks):
                return pos
            pos = max(pos, end)
            if pos - self._stored >= UNSTORED_MAX:
                await self._store(pos, [])
            await signalled(self._changed, LOOK_EVERY_S)

    async def _enter_from(self, pos: int) -> bool:
        """Enter what the feed brings, as long as there are webhooks. False once the feed was closed."""
        chunk: list[Event] = []
        async for item in self._feed.follow(pos, LOOK_EVERY_S):
            if item is not None:
                chunk.append(item[1])
                pos = item[0] + 1
                if pos < self._feed.end and len(chunk) < CHUNK:
                    continue
            await self._enter(pos, chunk)
            chunk = []
            if item is None and not await asyncio.to_thread(self._records.has_webhooks):
                await self._store(pos, [])
                return True
        return False

    async def _enter(self, pos: int, events: list[Event]) -> None:
        owners = [self._owner(event) for event in events]
        deliveries: list[Delivery] = []
        if events:
            hearing = await asyncio.to_thread(self._records.hearing, sorted({owner for owner in owners if owner}))
            deliveries = self._deliveries(list(zip(events, owners, strict=True)), hearing)
        if deliveries or pos - self._stored >= UNSTORED_MAX:
            await self._store(pos, deliveries)
        if deliveries:
            self._filled()

    def _deliveries(self, owned: list[tuple[Event, str | None]], hearing: Sequence[Webhook]) -> list[Delivery]:
        by_sight: dict[str | None, list[Webhook]] = {}
        for webhook in hearing:
            by_sight.setdefault(webhook.sees, []).append(webhook)
        now, deliveries = self._clock.now(), []
        for event, owner in owned:
            told = by_sight.get(None, []) + (by_sight.get(owner, []) if owner is not None else [])
            event_type = TYPE_PREFIX + event.topic
            body = b""
            for webhook in told:
                if event.at >= webhook.created_at - SKEW_S and matches(webhook.types, event_type):
                    body = body or _encode(cloud_event(event))
                    made = delivery_id(webhook.id, event)
                    deliveries.append(Delivery(made, webhook.id, event.site, event.seq, event_type, body, now))
        return deliveries

    async def _store(self, pos: int, deliveries: list[Delivery]) -> None:
        await asyncio.to_thread(self._records.enter, self._feed_name, pos, deliveries)
        self._stored = pos
