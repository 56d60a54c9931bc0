"""The bus of a chain that lives in one process: hub and nodes each have an end of one exchange.

It means what the bus over NATS means, without a server. What is carried is kept in memory, and gone with the process.
"""

import asyncio
import logging
from collections.abc import Mapping
from itertools import count

from maillage.engines.bus_rules import (
    SERVED_AT_ONCE_MAX,
    check_body,
    check_collector,
    check_headers,
    check_message_id,
    check_pattern,
    check_subject,
    matches,
)
from maillage.engines.hearing import Hearing
from maillage.engines.inproc_carriage import Carriage, Collector, Parcel
from maillage.mesh.ports import Hear, Message, Serve, Subscription, Unreachable

_log = logging.getLogger(__name__)
CLOSE_S = 5.0
"""How long what is under way may take to end when an end is closed."""


class Exchange:
    """Where the ends of one process meet. All of them run on one event loop."""

    def __init__(self) -> None:
        self.services: list[_Service] = []
        self.listeners: list[_Listener] = []
        self.carriage = Carriage()
        self._turn = count()

    def who_serves(self, subject: str) -> "_Service | None":
        """One of those who serve the subject and can be reached, each in turn."""
        there = [each for each in self.services if each.bus.connected and matches(each.pattern, subject)]
        return there[next(self._turn) % len(there)] if there else None


class InprocBus:
    """One end of an exchange. ``cut`` and ``restore`` make it lose and find the others, as a store's line does."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._closed = False
        self._line = asyncio.Event()
        self._line.set()
        self._parts: set[_Service | _Listener | _Collecting] = set()

    @property
    def connected(self) -> bool:
        return self._line.is_set() and not self._closed

    def cut(self) -> None:
        self._line.clear()

    def restore(self) -> None:
        self._line.set()

    async def restored(self) -> None:
        await self._line.wait()

    async def request(
        self, subject: str, body: bytes, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> bytes:
        message = Message(check_subject(subject), check_body(body, subject), check_headers(headers))
        if not self.connected:
            raise Unreachable(f"{subject}: no connection to the bus")
        service = self._exchange.who_serves(subject)
        if service is None:
            raise Unreachable(f"{subject}: nobody serves it")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        service.take(message, self, answer)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise Unreachable(f"{subject}: no answer within {timeout_s:g} s") from None

    async def serve(self, subject: str, handler: Serve) -> Subscription:
        service = _Service(self, check_pattern(subject), handler)
        self._exchange.services.append(service)
        self._parts.add(service)
        return service

    async def send(self, subject: str, body: bytes) -> None:
        message = Message(check_subject(subject), check_body(body, subject))
        if self.connected:
            for listener in self._exchange.listeners:
                listener.take(message)
        await asyncio.sleep(0)  # so that who sends in a loop lets the others hear

    async def listen(self, subject: str, handler: Hear) -> Subscription:
        listener = _Listener(self, check_pattern(subject), handler)
        self._exchange.listeners.append(listener)
        self._parts.add(listener)
        return listener

    async def carry(self, subject: str, body: bytes, message_id: str) -> None:
        message = Message(check_subject(subject), check_body(body, subject))
        check_message_id(message_id)
        if not self.connected:
            raise Unreachable(f"{subject}: no connection to the bus")
        self._exchange.carriage.put(message, message_id)
        await asyncio.sleep(0)

    async def collect(self, subject: str, name: str, handler: Hear) -> Subscription:
        check_pattern(subject)
        check_collector(name)
        collecting = _Collecting(self, self._exchange.carriage.collector(name, subject), handler)
        self._parts.add(collecting)
        return collecting

    async def close(self) -> None:
        """Take no more, and let what is under way end."""
        parts = list(self._parts)
        for part in parts:
            await part.stop()
        running = [task for part in parts for task in part.running()]
        if running:
            _, late = await asyncio.wait(running, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._closed = True

    def forget(self, part: "_Service | _Listener | _Collecting") -> None:
        """Called by a part that was stopped."""
        self._parts.discard(part)
        if isinstance(part, _Service) and part in self._exchange.services:
            self._exchange.services.remove(part)
        if isinstance(part, _Listener) and part in self._exchange.listeners:
            self._exchange.listeners.remove(part)


class _Service:
    def __init__(self, bus: InprocBus, pattern: str, handler: Serve) -> None:
        self.bus, self.pattern, self._handler = bus, pattern, handler
        self._slots = asyncio.Semaphore(SERVED_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, message: Message, asker: InprocBus, answer: asyncio.Future[bytes]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(message, asker, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def running(self) -> list[asyncio.Task[None]]:
        return list(self._tasks)

    async def stop(self) -> None:
        self.bus.forget(self)

    async def _answer(self, message: Message, asker: InprocBus, answer: asyncio.Future[bytes]) -> None:
        async with self._slots:
            try:
                body = check_body(await self._handler(message), message.subject)
            except Exception:
                _log.exception("no answer to a request on %s: its handler failed", message.subject)
                return
        # A line that was cut meanwhile takes the answer with it.
        if not answer.done() and self.bus.connected and asker.connected:
            answer.set_result(body)


class _Listener:
    def __init__(self, bus: InprocBus, pattern: str, handler: Hear) -> None:
        self._bus, self._pattern, self._hearing = bus, pattern, Hearing(handler)

    def take(self, message: Message) -> None:
        if self._bus.connected and matches(self._pattern, message.subject):
            self._hearing.take(message)

    def running(self) -> list[asyncio.Task[None]]:
        return self._hearing.running()

    async def stop(self) -> None:
        self._hearing.end()
        self._bus.forget(self)


class _Collecting:
    def __init__(self, bus: InprocBus, collector: Collector, handler: Hear) -> None:
        self._bus, self._collector, self._handler = bus, collector, handler
        self._stopped = self._busy = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def running(self) -> list[asyncio.Task[None]]:
        return [] if self._task.done() else [self._task]

    async def stop(self) -> None:
        self._stopped = True
        if not self._busy:
            self._task.cancel()
        self._bus.forget(self)

    async def _run(self) -> None:
        while not self._stopped:
            await self._bus.restored()
            parcel = await self._collector.next()
            self._busy = True
            try:
                await self._hand_over(parcel)
            finally:
                self._busy = False

    async def _hand_over(self, parcel: Parcel) -> None:
        if not self._bus.connected:
            self._collector.back(parcel)
            return
        try:
            await self._handler(parcel.message)
        except asyncio.CancelledError:
            self._collector.back(parcel)
            raise
        except Exception:
            _log.exception("a message on %s comes again: its handler failed", parcel.message.subject)
            self._collector.later(parcel)
