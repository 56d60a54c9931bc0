"""Following the nodes: what is carried goes into the mirror, and what did not arrive is asked for again."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from maillage.kernel.ports import Batch
from maillage.mesh.messages import EventsGiven, EventsWanted, resend_subject
from maillage.mesh.mirror import Mirror
from maillage.mesh.parcels import Assembly, Damaged, decode_parcel
from maillage.mesh.ports import Bus, Message, Subscription, Unreachable

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a commit may be on its way before it is asked for."""
RESEND_TIMEOUT_S = 5.0

_given = msgspec.msgpack.Decoder(EventsGiven)
_wanted = msgspec.msgpack.Encoder()


class Follower:
    """``refused`` is told of a node and of what was wrong with its message."""

    def __init__(self, bus: Bus, mirror: Mirror, hub_id: str, refused: Callable[[str, str], None]) -> None:
        self._bus = bus
        self._mirror = mirror
        self._name = hub_id
        self._refused = refused
        self._assemblies: dict[str, Assembly] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = await self._bus.collect("events.>", self._name, self._hear)

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    def told_end(self, node: str, end: int) -> None:
        """A node says where its journal ends: fetch what is missing, unless it is about to arrive anyway."""
        if end < self._mirror.position(node):
            reason = (
                f"its journal ends at {end}, but {self._mirror.position(node)} events of it are known: it lost some. "
                "Enrol it anew, so that it gets them back from here"
            )
            if node not in self._mirror.set_aside:
                self._mirror.put_aside(node, reason)
                self._refused(node, reason)
        elif end > self._mirror.expected(node):
            self._fetch(node, GRACE_S)

    def _fetch(self, node: str, after_s: float) -> None:
        running = self._fetching.get(node)
        if (running is None or running.done()) and node not in self._mirror.set_aside:
            work = self._fetch_missing(node, after_s)
            self._fetching[node] = asyncio.get_running_loop().create_task(work)

    async def _hear(self, message: Message) -> None:
        node = message.subject.partition(".")[2]
        try:
            batch = self._assemblies.setdefault(node, Assembly()).add(decode_parcel(message.body))
        except Damaged as fault:
            self._refused(node, f"a message that can't be read: {fault}")
            return
        if batch is not None and not await self._mirror.offer(node, batch):
            self._fetch(node, 0)

    async def _fetch_missing(self, node: str, after_s: float) -> None:
        """Ask the node itself until nothing is missing. It may be away: then the next sign of life starts this anew."""
        before = self._mirror.expected(node)
        await asyncio.sleep(after_s)
        if after_s and self._mirror.expected(node) > before:
            return  # it moves: what was missing is arriving
        assembly = Assembly()
        while node not in self._mirror.set_aside:
            under_way, offset = assembly.offset_of
            wanted = EventsWanted(under_way, offset) if offset else EventsWanted(self._mirror.expected(node))
            try:
                body = await self._bus.request(resend_subject(node), _wanted.encode(wanted), RESEND_TIMEOUT_S)
                given = _given.decode(body)
            except Unreachable:
                return
            except (msgspec.DecodeError, msgspec.ValidationError) as fault:
                self._refused(node, f"an answer that can't be read: {fault}")
                return
            if not given.parcels or not await self._take(node, assembly, given):
                return

    async def _take(self, node: str, assembly: Assembly, given: EventsGiven) -> bool:
        """Whether what was given was of use."""
        progress = False
        for parcel in given.parcels:
            try:
                batch: Batch | None = assembly.add(parcel)
            except Damaged as fault:
                self._refused(node, f"events that can't be unpacked: {fault}")
                return False
            if batch is None:
                progress = progress or bool(assembly.offset_of[1])
                continue
            before = self._mirror.expected(node)
            await self._mirror.offer(node, batch)
            progress = progress or self._mirror.expected(node) > before
        return progress
