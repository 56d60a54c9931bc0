"""What waits to be sent to one client."""

import asyncio
from collections import deque

from maillage.engines.mqtt.embedded.packets import PUBREL, Published, acknowledge, publish

IN_FLIGHT_MAX = 100
"""Messages at QoS 1 and 2 that a client has not acknowledged yet; the others wait."""
AT_ONCE = 64
_NUMBERS = 65_535


class Outbox:
    """In order of coming. It never drops: whoever puts in looks first, and waits or gives the client up."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[Published] = deque()
        self._bytes = 0
        self._in_flight: dict[int, int] = {}
        self._last = 0
        self._some, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    @property
    def full(self) -> bool:
        return not self._room.is_set()

    def put(self, message: Published) -> None:
        self._waiting.append(message)
        self._bytes += len(message.payload)
        self._some.set()
        if len(self._waiting) >= self._most or self._bytes >= self._most_bytes:
            self._room.clear()

    async def room(self) -> None:
        """Wait until it is not full."""
        await self._room.wait()

    async def next(self) -> bytes:
        """What to send now, as soon as there is something that may be sent."""
        while True:
            await self._some.wait()
            found: list[bytes] = []
            while self._waiting and len(found) < AT_ONCE and self._may_send(self._waiting[0]):
                found.append(self._packet(self._waiting.popleft()))
            if not (self._waiting and self._may_send(self._waiting[0])):
                self._some.clear()
            if len(self._waiting) < self._most and self._bytes < self._most_bytes:
                self._room.set()
            if found:
                return b"".join(found)

    def acknowledge(self, number: int, received: bool) -> bytes:
        """A client's PUBACK or PUBCOMP; with ``received`` its PUBREC. What to answer."""
        if received and self._in_flight.get(number) == 2:
            return acknowledge(PUBREL, number)
        if not received and self._in_flight.pop(number, None) is not None:
            self._some.set()
        return b""

    def close(self) -> None:
        """Let go of whoever waits for room: nothing is sent any more."""
        self._waiting.clear()
        self._most = _NUMBERS
        self._room.set()

    def _may_send(self, message: Published) -> bool:
        return not message.qos or len(self._in_flight) < IN_FLIGHT_MAX

    def _packet(self, message: Published) -> bytes:
        self._bytes -= len(message.payload)
        number = 0
        if message.qos:
            while True:
                self._last = self._last % _NUMBERS + 1
                if self._last not in self._in_flight:
                    break
            number = self._last
            self._in_flight[number] = message.qos
        return publish(message.topic, message.payload, message.qos, message.retain, number)
