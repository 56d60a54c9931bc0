"""The mesh's bus on the simulated network: one end for each life of a process, and the exchange where they meet."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from maillage.mesh.ports import Hear, Message, Serve, Subscription, Unreachable
from maillage.simulation.carrier import Carrier, Collecting
from maillage.simulation.life import Life
from maillage.simulation.network import CARRIER, SimNetwork

CARRY_TIMEOUT_S = 5.0


@lru_cache(maxsize=4_096)
def matches(pattern: str, subject: str) -> bool:
    """Whether a subject is meant by a pattern, as NATS has it: ``*`` is one word, a last ``>`` all that follow."""
    if pattern == subject:
        return True
    wanted, words = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(words) >= len(wanted) and _fit(wanted[:-1], words)
    return len(words) == len(wanted) and _fit(wanted, words)


class Exchange:
    """Who serves and who listens, in the order in which they came, and the carrier."""

    def __init__(self, network: SimNetwork) -> None:
        self.network = network
        self.random = network.world.random("exchange")
        self.carrier = Carrier(network)
        self.serving: list[_Serving] = []
        self.listening: list[_Listening] = []


class SimBus:
    """One life's end of the bus. It works until the life is over; then whatever calls it is gone as well."""

    def __init__(self, exchange: Exchange, life: Life) -> None:
        self._exchange = exchange
        self._network = exchange.network
        self.life = life
        self._parts: list[_Serving | _Listening | Collecting] = []
        life.at_end(self._leave)

    @property
    def connected(self) -> bool:
        network, name = self._network, self.life.name
        return self.life.alive and network.is_open(name, CARRIER) and network.is_open(CARRIER, name)

    async def request(
        self, subject: str, body: bytes, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """A request comes at most once, as on NATS: it may be lost or late, but it is never doubled."""
        self.life.require()
        servers = [each for each in self._exchange.serving if each.there and matches(each.subject, subject)]
        if not self.connected or not servers:
            await asyncio.sleep(self._network.delay_s())
            raise Unreachable(f"{subject}: nobody there")
        server = self._exchange.random.choice(servers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        message = Message(subject, body, dict(headers or {}))
        me = self.life.name
        self._via(me, server.life.name, lambda: server.take(message, lambda said: self._answer(server, answer, said)))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise Unreachable(f"{subject}: no answer within {timeout_s:g} s") from None

    async def serve(self, subject: str, handler: Serve) -> Subscription:
        self.life.require()
        serving = _Serving(self.life, subject, handler)
        self._exchange.serving.append(serving)
        self._parts.append(serving)
        return serving

    async def send(self, subject: str, body: bytes) -> None:
        self.life.require()
        message = Message(subject, body)
        for listener in self._exchange.listening:
            if listener.there and matches(listener.subject, subject):
                self._via(self.life.name, listener.life.name, partial(listener.take, message), twice=True)

    async def listen(self, subject: str, handler: Hear) -> Subscription:
        self.life.require()
        listening = _Listening(self.life, subject, handler)
        self._exchange.listening.append(listening)
        self._parts.append(listening)
        return listening

    async def carry(self, subject: str, body: bytes, message_id: str) -> None:
        self.life.require()
        if not self.connected:
            await asyncio.sleep(self._network.delay_s())
            raise Unreachable(f"{subject}: no connection")
        me, network, carrier = self.life.name, self._network, self._exchange.carrier
        receipt: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def arrived() -> None:
            carrier.put(Message(subject, body), message_id)
            network.carry(CARRIER, me, lambda: _set(receipt, b""))

        network.carry(me, CARRIER, arrived)
        try:
            async with asyncio.timeout(CARRY_TIMEOUT_S):
                await receipt
        except TimeoutError:
            raise Unreachable(f"{subject}: no receipt") from None

    async def collect(self, subject: str, name: str, handler: Hear) -> Subscription:
        self.life.require()
        collecting = self._exchange.carrier.collect(subject, name, self.life, handler)
        self._parts.append(collecting)
        return collecting

    async def close(self) -> None:
        for part in self._parts:
            await part.stop()

    def _leave(self) -> None:
        """The life is over: nobody is served here any more."""
        self._exchange.serving = [each for each in self._exchange.serving if each.life is not self.life]
        self._exchange.listening = [each for each in self._exchange.listening if each.life is not self.life]

    def _answer(self, server: "_Serving", answer: asyncio.Future[bytes], said: bytes) -> None:
        self._via(server.life.name, self.life.name, lambda: _set(answer, said))

    def _via(self, sender: str, receiver: str, arrive: Callable[[], None], *, twice: bool = False) -> None:
        """By way of the broker: both legs must be open."""
        network = self._network
        if network.is_open(sender, CARRIER) and network.is_open(CARRIER, receiver):
            network.carry(sender, receiver, arrive, twice=twice)


class _Part:
    def __init__(self, life: Life, subject: str) -> None:
        self.life = life
        self.subject = subject
        self.there = True

    async def stop(self) -> None:
        self.there = False


class _Serving(_Part):
    def __init__(self, life: Life, subject: str, handler: Serve) -> None:
        super().__init__(life, subject)
        self._handler = handler

    def take(self, message: Message, answer: Callable[[bytes], None]) -> None:
        """Have the handler answer in the life that it belongs to; no answer where it raises."""
        if self.there and self.life.alive:
            self.life.spawn(self._work(message, answer))

    async def _work(self, message: Message, answer: Callable[[bytes], None]) -> None:
        said = await self._handler(message)
        self.life.require()
        answer(said)


class _Listening(_Part):
    def __init__(self, life: Life, subject: str, handler: Hear) -> None:
        super().__init__(life, subject)
        self._handler = handler
        self._waiting: deque[Message] = deque()
        self._busy = False

    def take(self, message: Message) -> None:
        """Hear it once all that came before is heard."""
        if self.there and self.life.alive:
            self._waiting.append(message)
            if not self._busy:
                self._busy = True
                self.life.spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and self.there:
                await self._handler(self._waiting.popleft())
        finally:
            self._busy = False


def _set(future: asyncio.Future[bytes], value: bytes) -> None:
    if not future.done():
        future.set_result(value)


def _fit(wanted: list[str], words: list[str]) -> bool:
    return all(pattern in ("*", word) for pattern, word in zip(wanted, words, strict=False))
