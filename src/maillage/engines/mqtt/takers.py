"""Those who take what comes in over a line: each has what waits for it, and is given it in batches."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator

from maillage.devices.line import Message, Take
from maillage.devices.topics import matches

_log = logging.getLogger(__name__)
BATCH_MAX = 1_000
"""So many messages are given at once at most: others have their turn between two batches."""
TOPICS_KEPT = 100_000
"""Of so many topics it is remembered who takes them."""
MESSAGE_BYTES = 250
"""What a message takes beside its payload, about."""


class Taker:
    """One subscription: a filter, who takes, and what waits for it. ``freed`` is told how many bytes wait no more."""

    def __init__(self, topic_filter: str, qos: int, take: Take, freed: Callable[[int], None]) -> None:
        self.topic_filter, self.qos = topic_filter, qos
        self.take, self._freed = take, freed
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def give(self, message: Message) -> None:
        self._waiting.append(message)
        self._wake.set()

    def start(self) -> None:
        """Begin to give; what came before waits until then."""
        if self._task is None and not self._ended:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def end(self) -> None:
        """Give nothing more. What is just being taken is taken to its end."""
        self._ended = True
        self._freed(sum(map(weight, self._waiting)))
        self._waiting.clear()
        self._wake.set()

    async def drain(self, until: float) -> None:
        """Wait until all that came has been taken, but no longer than an instant of the loop's clock; then end."""
        task = self._task
        if task is None:
            return
        self._ended = True
        self._wake.set()
        done, _ = await asyncio.wait([task], timeout=max(0.0, until - asyncio.get_running_loop().time()))
        if not done:
            _log.warning("%d messages for %s were not taken in time", len(self._waiting), self.topic_filter)
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while not (self._ended and not self._waiting):
            await self._wake.wait()
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            if not self._waiting and not self._ended:
                self._wake.clear()
            if not batch:
                continue
            try:
                await self.take(batch)
            except Exception:  # whoever takes badly must not stop the others, nor what comes after
                _log.exception("%d messages for %s were not taken", len(batch), self.topic_filter)
            self._freed(sum(map(weight, batch)))


class Takers:
    """All of a line. ``full`` is true once over ``most`` bytes wait for them, and until it is half of that; ``changed``
    is told of both."""

    def __init__(self, most: int, changed: Callable[[bool], None]) -> None:
        self._most, self._changed = most, changed
        self._all: list[Taker] = []
        self._by_topic: dict[str, tuple[Taker, ...]] = {}
        self._bytes = 0
        self.full = False

    def __iter__(self) -> Iterator[Taker]:
        return iter(list(self._all))

    def add(self, topic_filter: str, qos: int, take: Take) -> Taker:
        """A taker that is not started."""
        taker = Taker(topic_filter, qos, take, self._free)
        self._all.append(taker)
        self._by_topic.clear()
        return taker

    def remove(self, taker: Taker) -> None:
        """Gives it nothing more; does nothing the second time."""
        if taker in self._all:
            self._all.remove(taker)
            self._by_topic.clear()
            taker.end()

    def give(self, message: Message) -> None:
        """Once to each who takes by a filter that matches, or by several."""
        found = self._by_topic.get(message.topic)
        if found is None:
            matching = [taker for taker in self._all if matches(taker.topic_filter, message.topic)]
            found = tuple(
                taker
                for number, taker in enumerate(matching)
                if not any(other.take == taker.take for other in matching[:number])
            )
            if len(self._by_topic) >= TOPICS_KEPT:
                self._by_topic.clear()
            self._by_topic[message.topic] = found
        for taker in found:
            taker.give(message)
        self._bytes += weight(message) * len(found)
        if self._bytes > self._most and not self.full:
            self.full = True
            self._changed(True)

    def _free(self, freed: int) -> None:
        self._bytes -= freed
        if self.full and self._bytes <= self._most // 2:
            self.full = False
            self._changed(False)


def weight(message: Message) -> int:
    """About how much memory a message takes, in bytes."""
    return len(message.payload) + MESSAGE_BYTES
