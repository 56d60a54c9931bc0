"""The carrier: a broker that keeps what it is handed for those who collect. Its receipt is not a sync: when it crashes,
the last of what it acknowledged may be gone, and collectors may be sent what they had already."""

from typing import NamedTuple

from maillage.mesh.ports import Hear, Message
from maillage.simulation.life import Life
from maillage.simulation.network import CARRIER, SimNetwork

KNOWN_FOR_S = 120.0
"""How long the id of a message is remembered, so that the same again is dropped."""
ACK_WAIT_S = 5.0
"""How long a collector may take before it is sent a message again."""
REMEMBERED_MAX = 4_096


class _Kept(NamedTuple):
    message: Message
    id: str


class _Collector:
    """How far the collector of one name has got: ``next`` is the first message it was not sent, ``again`` those that it
    was sent in vain."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.next = 0
        self.again: list[int] = []


class Carrier:
    """Messages are numbered from 0 in the order of their arrival."""

    def __init__(self, network: SimNetwork) -> None:
        self.network = network
        self.world = network.world
        self.random = network.world.random("carrier")
        self.kept: list[_Kept] = []
        self._known: dict[str, float] = {}
        self._collectors: dict[str, _Collector] = {}
        self._collecting: dict[str, Collecting] = {}

    def put(self, message: Message, message_id: str) -> None:
        """Keep a message, unless it came a moment ago."""
        now = self.world.loop.time()
        if now - self._known.get(message_id, -KNOWN_FOR_S) < KNOWN_FOR_S:
            return
        self._known[message_id] = now
        if len(self._known) > REMEMBERED_MAX:
            self._known = {name: at for name, at in self._known.items() if now - at < KNOWN_FOR_S}
        self.kept.append(_Kept(message, message_id))
        for collecting in self._collecting.values():
            collecting.wake()

    def collect(self, subject: str, name: str, life: Life, handler: Hear) -> "Collecting":
        """Go on with a collector of this name where it left off, or begin a new one at the start."""
        collector = self._collectors.get(name)
        if collector is None or collector.subject != subject:
            collector = self._collectors[name] = _Collector(subject)
        former = self._collecting.get(name)
        if former is not None:
            former.there = False
            former.wake()
        collecting = self._collecting[name] = Collecting(self, collector, life, handler)
        return collecting

    def crash(self) -> None:
        """Lose the last of what is kept, and how far collectors had got lately."""
        lost = min(self.random.choice((0, 1, 5, 30)), len(self.kept))
        for kept in self.kept[len(self.kept) - lost :]:
            self._known.pop(kept.id, None)
        del self.kept[len(self.kept) - lost :]
        end = len(self.kept)
        for collector in self._collectors.values():
            back = self.random.choice((0, 0, 3, 10))
            collector.next = max(min(collector.next, end) - back, 0)


class Collecting:
    """One life that collects under a name: it is sent one message after another, and again what it did not take."""

    def __init__(self, carrier: Carrier, collector: _Collector, life: Life, handler: Hear) -> None:
        self._carrier = carrier
        self._collector = collector
        self._handler = handler
        self.life = life
        self.there = True
        self._waiting = carrier.world.loop.create_future()
        carrier.world.spawn(self._run())

    async def stop(self) -> None:
        self.there = False
        self.wake()

    def wake(self) -> None:
        """There may be something to do."""
        if not self._waiting.done():
            self._waiting.set_result(None)

    async def _run(self) -> None:
        world, collector, network = self._carrier.world, self._collector, self._carrier.network
        while self.there and self.life.alive:
            if not (network.is_open(CARRIER, self.life.name) and network.is_open(self.life.name, CARRIER)):
                await world.sleep(0.2)
                continue
            number = self._next()
            if number is None:
                self._waiting = world.loop.create_future()
                timer = world.loop.call_later(2.0, self.wake)
                await self._waiting
                timer.cancel()
                continue
            if not await self._hand_over(self._carrier.kept[number].message):
                collector.again.append(number)
            elif network.double_share and self._carrier.random.random() < network.double_share:
                collector.again.append(number)  # its acknowledgement got lost

    def _next(self) -> int | None:
        """The number of the message to send: mostly the next, at times one that was sent in vain."""
        collector, kept = self._collector, self._carrier.kept
        collector.again = [number for number in collector.again if number < len(kept)]  # the carrier may have crashed
        fresh = collector.next
        while fresh < len(kept) and not _wants(collector.subject, kept[fresh].message.subject):
            fresh += 1
        collector.next = fresh
        if collector.again and (fresh >= len(kept) or self._carrier.random.random() < 0.3):
            return collector.again.pop(0)
        if fresh >= len(kept):
            return None
        collector.next = fresh + 1
        return fresh

    async def _hand_over(self, message: Message) -> bool:
        """Send a message and wait for it to be taken; whether it was."""
        world, network = self._carrier.world, self._carrier.network
        await world.sleep(network.delay_s())
        if network.drop_share and self._carrier.random.random() < network.drop_share:
            await world.sleep(0.5)
            return False
        if not (self.life.alive and self.there):
            return False
        task = self.life.spawn(self._heard(message))
        await world.settled(task, ACK_WAIT_S)
        return task.done() and not task.cancelled() and task.exception() is None

    async def _heard(self, message: Message) -> None:
        await self._handler(message)


def _wants(pattern: str, subject: str) -> bool:
    return pattern == subject or (pattern.endswith(">") and subject.startswith(pattern[:-1]))
