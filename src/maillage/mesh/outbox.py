"""The outbox of a node: its journal, told to the hubs as it grows.

The journal itself is what is kept; nothing else has to be durable. What could not be handed over is handed over later,
and what never arrives a hub asks for.
"""

import asyncio
import logging
from itertools import islice

import msgspec

from maillage.kernel.announcer import Announcer
from maillage.kernel.ports import Committed, Journal
from maillage.mesh.messages import PARCEL_BYTES, EventsGiven, EventsWanted, Parcel, events_subject, resend_subject
from maillage.mesh.parcels import encode_parcel, parcels_of
from maillage.mesh.ports import Bus, Message, Subscription, Unreachable

log = logging.getLogger(__name__)

RETRY_S = 0.5
BATCHES_AT_ONCE = 16

_wanted = msgspec.msgpack.Decoder(EventsWanted)
_given = msgspec.msgpack.Encoder()


class Outbox:
    """Carries what is committed from its start on; what was committed before, hubs ask for when they miss it."""

    def __init__(self, node_id: str, journal: Journal, announcer: Announcer, bus: Bus) -> None:
        self._node = node_id
        self._journal = journal
        self._bus = bus
        self._pos = journal.end()
        self._grown = asyncio.Event()
        self._leave = announcer.subscribe(self._notice)
        self._task: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None

    @property
    def waiting(self) -> int:
        """Events that no hub was handed yet."""
        return self._journal.end() - self._pos

    async def start(self) -> None:
        self._subscription = await self._bus.serve(resend_subject(self._node), self._give)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        self._leave()
        if self._subscription is not None:
            await self._subscription.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._grown.clear()
            if self._pos >= self._journal.end():
                await self._grown.wait()
                continue
            try:
                await self._carry_some()
            except Unreachable:
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("events could not be handed over")
                await asyncio.sleep(RETRY_S)

    async def _carry_some(self) -> None:
        at = self._pos
        batches = await asyncio.to_thread(lambda: list(islice(self._journal.read(at), BATCHES_AT_ONCE)))
        for batch in batches:
            for parcel in parcels_of(batch):
                message_id = f"{self._node}:{parcel.pos}:{parcel.offset}"
                await self._bus.carry(events_subject(self._node), encode_parcel(parcel), message_id)
            self._pos = batch.pos + batch.count

    async def _give(self, message: Message) -> bytes:
        """Answer a hub that misses events: as many as one message takes."""
        wanted = _wanted.decode(message.body)
        end = self._journal.end()  # before the reading: what is appended meanwhile is not withheld
        return _given.encode(EventsGiven(await asyncio.to_thread(self._parcels_from, wanted), end))

    def _parcels_from(self, wanted: EventsWanted) -> list[Parcel]:
        parcels: list[Parcel] = []
        size, offset = 0, wanted.offset
        for batch in self._journal.read(wanted.pos):
            for parcel in parcels_of(batch, offset):
                if parcels and size + len(parcel.body) > PARCEL_BYTES:
                    return parcels
                parcels.append(parcel)
                size += len(parcel.body)
            offset = 0
        return parcels

    def _notice(self, _: Committed) -> None:
        self._grown.set()
