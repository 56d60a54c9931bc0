"""What is carried within one process: kept in order for every collector; when it is too much, the oldest goes."""

import asyncio
import contextlib
import heapq
from collections import deque
from dataclasses import dataclass

from maillage.engines.bus_rules import SAME_ID_S, matches, retry_after_s
from maillage.mesh.ports import Message

KEPT_BYTES_MAX = 64 << 20


@dataclass(slots=True)
class Parcel:
    """A carried message on its way to one collector. ``tries`` counts the times that its handler raised."""

    number: int
    message: Message
    tries: int = 0


class Carriage:
    """All that was carried and is still kept, and how far each collector is."""

    def __init__(self, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._kept: deque[Message] = deque()
        self._first = 0
        self._bytes, self._bytes_max = 0, kept_bytes_max
        self._ids: dict[str, float] = {}
        self._collectors: dict[str, Collector] = {}

    def put(self, message: Message, message_id: str) -> None:
        """Keep a message, unless one of this id came a short while ago."""
        now = asyncio.get_running_loop().time()
        while self._ids and now - next(iter(self._ids.values())) > SAME_ID_S:
            del self._ids[next(iter(self._ids))]
        if message_id in self._ids:
            return
        self._ids[message_id] = now
        self._kept.append(message)
        self._bytes += len(message.body)
        while self._bytes > self._bytes_max:
            self._bytes -= len(self._kept.popleft().body)
            self._first += 1
        for collector in self._collectors.values():
            collector.wake()

    def collector(self, name: str, pattern: str) -> "Collector":
        """The collector of a name, which keeps its place while nobody collects. ValueError for another pattern."""
        collector = self._collectors.setdefault(name, Collector(self, pattern))
        if collector.pattern != pattern:
            raise ValueError(f"collector {name} collects {collector.pattern}, not {pattern}: take another name")
        return collector

    @property
    def end(self) -> int:
        """The number that the next message will have."""
        return self._first + len(self._kept)

    def after(self, number: int, pattern: str) -> Parcel | None:
        """The first message of that number or later that matches."""
        for index in range(max(number - self._first, 0), len(self._kept)):
            if matches(pattern, self._kept[index].subject):
                return Parcel(self._first + index, self._kept[index])
        return None


class Collector:
    """Where one collector stands. Several may take from it: each message goes to one of them."""

    def __init__(self, carriage: Carriage, pattern: str) -> None:
        self.pattern = pattern
        self._carriage = carriage
        self._next = 0
        self._again: list[tuple[float, int, Parcel]] = []
        self._news: set[asyncio.Event] = set()

    async def next(self) -> Parcel:
        """The next message; one that failed goes before the new ones once it is due."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        self._news.add(news)
        try:
            while True:
                news.clear()
                if self._again and self._again[0][0] <= loop.time():
                    return heapq.heappop(self._again)[2]
                parcel = self._carriage.after(self._next, self.pattern)
                self._next = parcel.number + 1 if parcel else self._carriage.end
                if parcel is not None:
                    return parcel
                wait_s = self._again[0][0] - loop.time() if self._again else None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await news.wait()
        finally:
            self._news.discard(news)

    def later(self, parcel: Parcel) -> None:
        """The handler raised: the message comes again after a while, a longer one each time."""
        parcel.tries += 1
        self._put_back(parcel, retry_after_s(parcel.tries))

    def back(self, parcel: Parcel) -> None:
        """Nobody handled it: it comes again at once."""
        self._put_back(parcel, 0.0)

    def wake(self) -> None:
        for news in self._news:
            news.set()

    def _put_back(self, parcel: Parcel, after_s: float) -> None:
        heapq.heappush(self._again, (asyncio.get_running_loop().time() + after_s, parcel.number, parcel))
        self.wake()
