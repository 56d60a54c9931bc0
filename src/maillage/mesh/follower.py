"""Following the nodes: what is carried goes into the mirror, and what did not arrive is asked for again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from maillage.kernel.ports import Batch
from maillage.mesh.messages import UNREADABLE, EventsGiven, EventsWanted, resend_subject
from maillage.mesh.mirror import Mirror
from maillage.mesh.parcels import Assembly, Damaged, decode_parcel
from maillage.mesh.ports import Bus, Message, Subscription, Unreachable

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a commit may be on its way before it is asked for."""
RESEND_TIMEOUT_S = 5.0

_given = msgspec.msgpack.Decoder(EventsGiven)
_wanted = msgspec.msgpack.Encoder()

Refused = Callable[[str, str], None]
IsKnown = Callable[[str], Awaitable[bool]]


class Follower:
    """``refused`` is told of a node and of what was wrong with its message; nodes that are not ``known`` are not heard
    at all."""

    def __init__(self, bus: Bus, mirror: Mirror, hub_id: str, refused: Refused, known: IsKnown) -> None:
        self._bus = bus
        self._mirror = mirror
        self._name = hub_id
        self._refused = refused
        self._known = known
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
        """A node says where its journal ends: fetch what is missing, unless it is about to arrive anyway.

        An end before what is known may only be an old word that came late, so the node is asked where it is now.
        """
        if end > self._mirror.expected(node):
            self._fetch(node, GRACE_S)
        elif end < self._mirror.position(node):
            self._fetch(node, 0)

    def _fetch(self, node: str, after_s: float) -> None:
        running = self._fetching.get(node)
        if (running is None or running.done()) and node not in self._mirror.set_aside:
            work = self._fetch_missing(node, after_s)
            self._fetching[node] = asyncio.get_running_loop().create_task(work)

    async def _hear(self, message: Message) -> None:
        node = message.subject.partition(".")[2]
        if not await self._known(node) or node in self._mirror.set_aside:
            return
        try:
            batch = self._assemblies.setdefault(node, Assembly()).add(decode_parcel(message.body))
        except Damaged as fault:
            self._refused(node, f"a message that can't be read: {fault}")
            self._fetch(node, 0)
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
            known, expected = self._mirror.position(node), self._mirror.expected(node)
            under_way, offset = assembly.offset_of
            wanted = EventsWanted(under_way, offset) if offset else EventsWanted(expected)
            try:
                body = await self._bus.request(resend_subject(node), _wanted.encode(wanted), RESEND_TIMEOUT_S)
                given = _given.decode(body)
                moved = await self._take(node, assembly, given)
            except Unreachable:
                return
            except (Damaged, *UNREADABLE) as fault:
                self._mirror.put_aside(node, f"what it says its journal holds can't be read: {str(fault)[:300]}")
                return
            if given.end < known:
                self._mirror.put_aside(
                    node,
                    f"its journal ends at {given.end}, but {known} events of it are known: it lost some. Enrol it "
                    "anew, under another name, so that it gets them back from here",
                )
            elif not given.parcels and given.end > expected:
                self._mirror.put_aside(node, f"its journal ends at {given.end}, it says, but it gives none of it")
            if not moved:
                return

    async def _take(self, node: str, assembly: Assembly, given: EventsGiven) -> bool:
        """Whether what was given brought anything new."""
        had, before = assembly.offset_of, self._mirror.expected(node)
        for parcel in given.parcels:
            batch: Batch | None = assembly.add(parcel)
            if batch is not None:
                await self._mirror.offer(node, batch)
        return self._mirror.expected(node) > before or (assembly.offset_of > had and assembly.offset_of[1] > 0)
